"""Chunks of languages with equations, specifications, packages and similar definitions."""

import pytest

from tests.support.chunks import check_chunks, chunks_of, expected_summaries, find_chunk, summaries

SOURCES = {
    "haskell": (
        """\
{-# LANGUAGE CPP #-}
-- | Module doc.
module Data.Foo (foo, Bar(..)) where

import qualified Data.Map as M

-- | Folds it.
--
-- Twice.
foo :: Int -> [a]
    -> Int
foo 0 _ = 0
foo n [] | n > 1 = 2
         | otherwise = go n
  where
    go :: Int -> Int
    go x = x
foo n (x:xs) = n
{-# INLINE foo #-}

-- | A type.
data Bar = Bar { bar :: Int -- ^ field
               , baz :: !Text }
         | Qux
  deriving (Eq, Show)

newtype Wrap a = Wrap { unWrap :: a }
type Syn = Int

class Monoid' a where
  -- | empty
  mempty' :: a
  mappend' :: a -> a -> a
  mappend' = undefined
  {-# MINIMAL mempty' #-}

instance Monoid' Int where
  mempty' = 0
  mappend' a b = a + b

instance (ToJSON a, ToJSON b) => ToJSON (Either a b) where
  toJSON (Left a) = x
  toJSON (Right b) = y

x <+> y = x
infixl 6 <+>

(<->) :: Int -> Int
(<->) = id

deriving instance Show Bar
pattern P x = Just x
type family F a where
  F Int = Bool
a, b :: Int
a = 1
b = 2

deriveJSON defaultOptions ''Bar
""",
        """
        Module - 0 4
        Function foo 6 18
        Struct Bar 20 24
        Struct Wrap 26 26
        Interface Syn 27 27
        Interface Monoid' 29 34
        Object Monoid' Int 36 38
        Object ToJSON (Either a b) 40 42
        Function <+> 44 45
        Function <-> 47 48
        Module - 50 50
        Constructor P 51 51
        Interface F 52 53
        Function a 54 55
        Function b 56 56
        Module - 58 58
        """,
    ),
    "ocaml": (
        """\
(* Module comment. *)
open Core

(** A cart. *)
type cart = { items : item list; total : int }
and item = Apple | Pear of int

(** Adds. *)
let add x y = x + y

let rec even n = n = 0 || odd (n - 1)
and odd n = n <> 0 && even (n - 1)

let pi = 3.14

exception Not_found of string

module type S = sig
  type t
  (** Makes. *)
  val make : int -> t
end

module Make (X : S) : S = struct
  type t = X.t
  let make n = X.make n
  let go = function
    | 0 -> 1
    | n -> n
end

class point x_init =
  object (self)
    val mutable x = x_init
    (** Moves. *)
    method move d = x <- x + d
  end

external sin : float -> float = "sin"
let%test "foo" = 1 = 1
let () = print_endline "hi"
let ( + ) a b = a
[@@inline]

let%expect_test "adds" =
  print_int (1 + 1);
  [%expect {| 2 |}]

(** What is known. *)
let known =
  [ "a"; "b" ]

module Open (X : S) : sig
  val make : int -> X.t
end = struct
  module Small = struct
    let one = 1
  end

  let make = X.make
  let close = fun x -> x
end
""",
        """
        Module - 0 1
        Struct cart 3 4
        Struct item 5 5
        Function add 7 8
        Function even 10 10
        Function odd 11 11
        Module - 13 13
        Class Not_found 15 15
        Interface S 17 21
        Module Make 23 23
        Struct Make.t 24 24
        Function Make.make 25 25
        Function Make.go 26 28
        Class point 31 33
        Method point.move 34 35
        Function sin 38 38
        Function foo 39 39
        Module - 40 40
        Function + 41 42
        Function adds 44 46
        Constant known 48 50
        Module Open 52 54
        Module Open.Small 55 57
        Module Open 59 59
        Function Open.close 60 60
        """,
    ),
    "ocaml_interface": (
        """\
(** Adds. *)
val add : int -> int -> int
(** After. *)

type t
module type S = sig
  val make : int -> t
end
external sin : float -> float = "sin"

module M : sig
  val x : int
  (** The x. *)

  val y : int
end
(** All about M. *)

class type c = object
  method go : int
end
""",
        """
        Function add 0 2
        Struct t 4 4
        Interface S 5 7
        Function sin 8 8
        Module M 10 10
        Function M.x 11 12
        Function M.y 14 14
        Module M 15 16
        Module - 18 20
        """,
    ),
    "julia": (
        '''\
module Shop
using Base

"""
    add(x, y)

Adds.
"""
function add(x::Int, y=1)::Int where T
    x + y
end

# Short.
double(x) = 2x
area(s::Shape)::Float64 where {T} = s.w

@inline function Base.show(io::IO, s::Shop)
    print(io)
end

abstract type Shape end
Base.@kwdef mutable struct Cart{T} <: Shape
    items::Vector{T}
    Cart(x) = new(x)
end

macro twice(ex)
    quote $ex end
end
const PI = 3
"Doc" const X = 1
+(a::Cart, b::Cart) = a
(f::Foo)(x) = 1
Cart{T}(x, y) where {T} = Cart{T}(x)
function later end

"What is known."
const KNOWN = Dict(
    :a => 1,
    :b => 2,
)

@enum Color red green
@testset "adds" begin
    @test add(1, 2) == 3
end

for T in (:Cart, :Item)
    @eval size(x::$T) = 1
end

"Inner."
module Inner
h() = 1
end
end
''',
        """
        Module Shop 0 1
        Function Shop.add 3 10
        Function Shop.double 12 13
        Function Shop.area 14 14
        Method Shop.Base.show 16 18
        Interface Shop.Shape 20 20
        Struct Shop.Cart 21 24
        Function Shop.twice 26 28
        Module Shop 29 30
        Function Shop.+ 31 31
        Function Shop.(f::Foo) 32 32
        Function Shop.Cart 33 33
        Function Shop.later 34 34
        Constant Shop.KNOWN 36 40
        Enum Shop.Color 42 42
        Function Shop.adds 43 45
        Module Shop 47 49
        Module Shop.Inner 51 52
        Function Shop.Inner.h 53 53
        """,
    ),
    "r": (
        """\
#' Adds.
#' @export
add <- function(x, y) {
  x + y
}
sq = function(x) x^2
`my fun` <- function() 1
print.cart <- function(x, ...) {
  inner <- function() 1
  cat("x")
}
setClass("Person", representation(name = "character"))
setGeneric("area", function(shape) standardGeneric("area"))
setMethod("area", "Circle", function(shape) {
  pi
})
Stack <- R6Class("Stack", public = list(
  items = NULL,
  push = function(x) {
    1
  }
))
x <- 5
function(x) x -> g
Stack$size <- function() 1
Account <- setRefClass("Account", methods = list(
  pay = function(x) {
    tryCatch(x, error = function(e) e)
  }
))
known <- list(
  a = 1,
  b = 2
)
test_that("it adds", {
  expect_equal(add(1, 2), 3)
})
""",
        """
        Function add 0 4
        Function sq 5 5
        Function my fun 6 6
        Function print.cart 7 10
        Class Person 11 11
        Function area 12 12
        Function area 13 15
        Class Stack 16 17
        Method Stack.push 18 20
        Module - 22 23
        Method Stack.size 24 24
        Class Account 25 25
        Method Account.pay 26 28
        Variable known 30 33
        Function it adds 34 36
        """,
    ),
    "perl": (
        """\
#!/usr/bin/perl
package Shop::Cart;
use strict;

=head1 NAME

Shop::Cart

=cut

# Adds.
sub add {
    my ($self, $x) = @_;
    return $x;
}

=head2 total

Total.

=cut

sub total($x, $y) :lvalue { 1 }
has name => (is => 'ro', isa => 'Str');
package Shop::Item {
    sub new { bless {} }
}
my $f = sub { 1 };
has [qw(a b)] => (is => 'ro');
around total => sub {
    my ($orig, $self) = @_;
    return $self->$orig;
};
subtest "it adds" => sub { ok(1) };

# What is known.
our %KNOWN = (
    a => 1,
    b => 2,
    c => 3,
);
sub ahead($$);
sub behind { 1 }
1;
__END__
=head1 foo
""",
        """
        Class Shop.Cart 0 8
        Method Shop.Cart.add 10 14
        Method Shop.Cart.total 16 22
        Property Shop.Cart.name 23 23
        Class Shop.Cart.Shop.Item 24 24
        Method Shop.Cart.Shop.Item.new 25 25
        Method Shop.Cart.f 27 27
        Property Shop.Cart.[qw(a b)] 28 28
        Method Shop.Cart.total 29 32
        Method Shop.Cart.it adds 33 33
        Variable Shop.Cart.%KNOWN 35 40
        Module Shop.Cart 41 41
        Method Shop.Cart.behind 42 42
        Module Shop.Cart 43 45
        """,
    ),
    "sql": (
        """\
-- Who buys.
CREATE TABLE IF NOT EXISTS shop.customers (
    id SERIAL PRIMARY KEY,
    name TEXT NOT NULL -- the name
);

CREATE INDEX idx_name ON customers (name);
/* Active ones. */
CREATE OR REPLACE VIEW active AS SELECT * FROM customers;
CREATE MATERIALIZED VIEW mv AS SELECT 1;

CREATE OR REPLACE FUNCTION add(a int, b int) RETURNS int AS $$
BEGIN
  RETURN a + b;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER trg BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION f();
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE SCHEMA shop;
CREATE EXTENSION pgcrypto;
CREATE SEQUENCE seq;
CREATE PROCEDURE proc(a int) LANGUAGE SQL AS $$ INSERT INTO t VALUES (1); $$;
INSERT INTO customers VALUES (1, 'a');
ALTER TABLE customers ADD COLUMN x int;
SELECT * FROM customers WHERE id = 1;
CREATE TABLE `orders` (id int);
""",
        """
        Class shop.customers 0 4
        Key idx_name 6 6
        Class active 7 8
        Class mv 9 9
        Function add 11 15
        Event trg 17 17
        Struct mood 18 18
        Module shop 19 19
        Module - 20 20
        Variable seq 21 21
        Function proc 22 22
        Module - 23 25
        Class orders 26 26
        """,
    ),
    "proto": (
        """\
syntax = "proto3";
package shop.v1;
import "x.proto";

// A cart.
message Cart {
  // The items.
  repeated Item items = 1;
  message Item {
    string name = 1;
    enum Kind { A = 0; }
  }
  oneof x { int32 a = 2; }
}

enum State { OK = 0; }

// Shop.
service Shop {
  // Buys.
  rpc Buy(Cart) returns (Cart) {
    option (google.api.http) = { post: "/v1" };
  }
  rpc Sell(stream Cart) returns (stream Cart);
}
extend google.protobuf.FieldOptions { string s = 50000; }
""",
        """
        Module - 0 2
        Class Cart 4 13
        Enum State 15 15
        Interface Shop 17 24
        Class google.protobuf.FieldOptions 25 25
        """,
    ),
    "graphql": (
        '''\
"""
A user.
"""
type User implements Node & Entity @key(fields: "id") {
  "The id."
  id: ID!
  posts(first: Int): [Post!]! # all
}
interface Node { id: ID! }
# Input.
input NewUser {
  name: String
}
enum Role { ADMIN USER }
union Any = User | Post
scalar Date
directive @auth(role: Role) on FIELD_DEFINITION
schema { query: Query mutation: Mutation }
extend type Query {
  me: User
}
query GetUser($id: ID!) {
  user(id: $id) { ...UserParts }
}
mutation Add { add }
fragment UserParts on User { id }
''',
        """
        Class User 0 7
        Interface Node 8 8
        Class NewUser 9 12
        Enum Role 13 13
        Interface Any 14 14
        Interface Date 15 15
        Function auth 16 16
        Module - 17 17
        Class Query 18 20
        Function GetUser 21 23
        Function Add 24 24
        Function UserParts 25 25
        """,
    ),
}

OPERATORS = """\
infixr 5 <+>
-- | What is said of it.

(<+>) :: Int -> Int -> Int
-- By hand.
a <+> b = a + b
{-# INLINE (<+>) #-}

{-# DEPRECATED plus "No." #-}
-- | Adds.
plus, minus :: Int -> Int -> Int
x `plus` y = x + y

x `minus` y = x - y
(f . g) x = f (g x)
type family Size a
-- ^ How large it is.

data a :*: b = a :*: b
class Eq a => a :<: b where
  into :: a -> b
instance a :<: b where
  into = id
newtype instance Size Int = Large
  { large :: Int }
pattern One :: Int
pattern One = 1
pattern x :| y = (x, y)
foreign import ccall "sin" sine :: Double -> Double
"""


@pytest.mark.parametrize("name", SOURCES)
def test_chunk_of_source_returns_definitions(name):
    source, expected = SOURCES[name]
    assert summaries(chunks_of(source, name)) == expected_summaries(expected)


@pytest.mark.parametrize("name", SOURCES)
def test_chunk_of_source_is_complete_and_disjoint(name):
    source = SOURCES[name][0]
    check_chunks(source.encode(), name)
    check_chunks(source.replace("\n", "\r\n").encode(), name)
    check_chunks(source.encode()[: len(source) // 2], name)


@pytest.mark.parametrize(
    ("name", "qualified_name", "signature", "doc"),
    [
        ("haskell", "foo", "foo :: Int -> [a] -> Int", "Folds it.\n\nTwice."),
        ("haskell", "Monoid'", "class Monoid' a where", ""),
        ("ocaml", "add", "let add x y", "Adds."),
        ("ocaml_interface", "M.x", "val x : int", "The x."),
        ("julia", "Shop.add", "function add(x::Int, y=1)::Int where T", "add(x, y)\n\nAdds."),
        ("r", "add", "add <- function(x, y)", "Adds.\n@export"),
        ("perl", "Shop.Cart.add", "sub add", "Adds."),
        ("perl", "Shop.Cart.total", "sub total($x, $y) :lvalue", "=head2 total\n\nTotal.\n\n=cut"),
        ("sql", "shop.customers", "CREATE TABLE IF NOT EXISTS shop.customers", "Who buys."),
        ("proto", "Cart", "message Cart", "A cart."),
        ("graphql", "User", 'type User implements Node & Entity @key(fields: "id")', "A user."),
    ],
)
def test_chunk_of_definition_has_signature_and_documentation(name, qualified_name, signature, doc):
    found = find_chunk(chunks_of(SOURCES[name][0], name), qualified_name)
    assert (found.signature, found.doc) == (signature, doc)


@pytest.mark.parametrize(
    ("name", "head", "member", "last"),
    [
        ("haskell", "class Shape a where\n", "  area{0} :: a -> Int\n  area{0} x = {1}\n", ""),
        ("ocaml", "module type SHAPE = sig\n", "  val area{0} : t -> int\n  (** {1} *)\n\n", "end\n"),
        ("proto", "service Shape {{\n", "  // {1}\n  rpc Area{0}(Shape) returns (Area);\n", "}}\n"),
        ("java", "interface Shape {{\n", "  /** {1} */\n  int area{0}();\n", "}}\n"),
        ("kotlin", "interface Shape {{\n", "  // {1}\n  fun area{0}(): Int\n", "}}\n"),
        ("csharp", "interface Shape {{\n", "  // {1}\n  int Area{0}();\n", "}}\n"),
        ("php", "<?php\ninterface Shape {{\n", "  /** {1} */\n  public function area{0}(): int;\n", "}}\n"),
        ("swift", "protocol Shape {{\n", "  // {1}\n  func area{0}() -> Int\n", "}}\n"),
        ("rust", "trait Shape {{\n", "  // {1}\n  fn area{0}(&self) -> u8;\n", "}}\n"),
        ("typescript", "interface Shape {{\n", "  // {1}\n  area{0}(): number;\n", "}}\n"),
        ("julia", "struct Shape\n", "  function area{0}(x)\n    {1}\n  end\n", "end\n"),
    ],
)
def test_chunk_of_interface_splits_only_long_one_into_members(name, head, member, last):
    for number, count in ((2, 1), (60, 61)):
        members = (member.format(one, "+".join(["sqrt"] * 20)) for one in range(number))
        chunks = chunks_of(head.format() + "".join(members) + last.format(), name)
        found = [one for one in chunks if one.name]
        assert len(found) == count
        assert found[0].name.lower() == "shape"


def test_chunk_of_clauses_merges_those_with_same_name():
    found = chunks_of("f 0 = 1\nf n = 2\ng 0 = 1\n\nf' = 3\n", "haskell")
    assert [(one.name, one.span.end.row) for one in found] == [("f", 1), ("g", 2), ("f'", 4)]


def test_chunk_of_elixir_merges_clauses_up_to_the_next_documentation():
    source = """
@doc "Gets."
def get(%{a: 1}), do: 1
# Everything else.
def get(x) do
  x
end

@doc "Gets two."
def get(x, y), do: x + y

@impl true
def handle(:a), do: 1
def handle(:b), do: 2
@impl true
def other(:b), do: 2
defp other(:c), do: 3
"""
    found = chunks_of(source.lstrip(), "elixir")
    assert [(one.name, one.doc, one.span.start.row, one.span.end.row) for one in found] == [
        ("get", "Gets.", 0, 5),
        ("get", "Gets two.", 7, 8),
        ("handle", "", 10, 12),
        ("other", "", 13, 15),
    ]


def test_chunk_of_operators_returns_definitions():
    check_chunks(OPERATORS.encode(), "haskell")
    found = chunks_of(OPERATORS, "haskell")
    assert [f"{one.kind} {one.name} {one.span.start.row} {one.span.end.row}" for one in found] == [
        "Function <+> 0 6",
        "Function plus 8 11",
        "Function minus 13 13",
        "Function . 14 14",
        "Interface Size 15 16",
        "Struct :*: 18 18",
        "Interface :<: 19 20",
        "Object a :<: b 21 22",
        "Struct Size 23 24",
        "Constructor One 25 26",
        "Constructor :| 27 27",
        "Function sine 28 28",
    ]
    assert (found[0].signature, found[0].doc) == (
        "(<+>) :: Int -> Int -> Int",
        "What is said of it.",
    )
    assert find_chunk(found, "Size").doc == "How large it is."


def test_chunk_of_method_includes_pragma_below():
    method = "  {0} x = x\n  {0} _ = {1}\n  {{-# INLINE {0} #-}}\n"
    source = "instance Shape Circle where\n" + "".join(
        method.format(name, "+".join(["sqrt"] * 200)) for name in ("area", "size", "scale")
    )
    head, *methods = chunks_of(source, "haskell")
    assert (head.name, head.text) == ("Shape Circle", "instance Shape Circle where")
    assert [one.text.splitlines()[-1].strip() for one in methods] == [
        f"{{-# INLINE {name} #-}}" for name in ("area", "size", "scale")
    ]


def test_chunk_of_long_function_returns_local_functions_with_signature():
    local = "    {0} :: Int -> Int\n    {0} 0 = 1\n    {0} n = {1}\n"
    source = "f :: Int -> Int\nf 0 = 1\nf n = a n\n  where\n" + "".join(
        local.format(name, "+".join(["n"] * 600)) for name in "abc"
    )
    found = chunks_of(source, "haskell")
    assert [f"{one.qualified_name} {one.span.start.row} {one.span.end.row}" for one in found] == [
        "f 0 3",
        "f.a 4 6",
        "f.b 7 9",
        "f.c 10 12",
    ]
    assert all(one.signature.endswith(" :: Int -> Int") for one in found)


def test_chunk_of_definition_includes_documentation_below():
    found = chunks_of(
        "val a : t\n(** Of b. *)\nval b : t\n(** Of b, too. *)\n\nval c : t\n", "ocaml_interface"
    )
    assert [(one.name, one.span.end.row) for one in found] == [("a", 0), ("b", 3), ("c", 5)]


@pytest.mark.parametrize("name", SOURCES)
def test_chunk_of_thousands_of_definitions_is_complete_and_disjoint(name):
    source = SOURCES[name][0]
    check_chunks((source * (10_000 // source.count("\n"))).encode(), name)


@pytest.mark.parametrize(
    ("name", "source", "kind"),
    [
        ("javascript", "// Known.\nexport const known = [{0}];\n", "Constant"),
        ("typescript", "// Known.\nconst known: string[] = [{0}];\n", "Constant"),
        ("tsx", "// Known.\nexport const known = z.object([{0}]);\n", "Constant"),
        ("python", "# Known.\nknown: list[str] = [{0}]\n", "Constant"),
        ("go", "package a\n\n// Known.\nvar known = []string{{{0}}}\n", "Variable"),
        ("rust", "// Known.\nstatic known: [&str; 4] = [{0}];\n", "Constant"),
        ("ruby", "# Known.\nKnown = [{0}].freeze\n", "Constant"),
        ("c", "// Known.\nstatic const char *known[] = {{{0}}};\n", "Variable"),
        ("cpp", "// Known.\nconst char known[2][3] = {{{0}}};\n", "Variable"),
    ],
)
def test_chunk_of_table_with_several_lines_returns_definition(name, source, kind):
    long, short = (source.format(f'{gap}"b",' * 4) for gap in ("\n  ", ""))
    assert [(one.kind, one.doc) for one in chunks_of(long, name) if one.name.lower() == "known"] == [
        (kind, "Known.")
    ]
    assert not any(one.name for one in chunks_of(short, name))


def test_chunk_of_overloads_merges_them():
    source = (
        "/** One. */\nexport function f(a: string): void;\nexport function f(a: any) {}\nfunction g() {}\n"
    )
    assert [(one.name, one.span.end.row) for one in chunks_of(source, "typescript")] == [("f", 2), ("g", 3)]
    source = "class A {\n  f(a: string): void;\n  f(a: any) {}\n  g() {}\n}\n"
    found = [(one.qualified_name, one.span.end.row) for one in chunks_of(source, "typescript")]
    assert found == [("A", 0), ("A.f", 2), ("A.g", 3)]


def test_chunk_of_elixir_module_has_documentation():
    source = 'defmodule A.B do\n  use C\n  @moduledoc """\n  Adds.\n  """\n  def f(), do: 1\nend\n'
    assert find_chunk(chunks_of(source, "elixir"), "A.B").doc == "Adds."


def test_chunk_of_documented_lua_values_returns_definitions():
    source = (
        "-- Of all.\nlocal M = {}\n\n---@type number\nM.size = 3\n--- Finds.\nM.find = lazy('find')\nM.b = 1"
    )
    found = [(one.kind, one.qualified_name, one.doc) for one in chunks_of(source, "lua") if one.name]
    assert found == [("Variable", "M.size", "@type number"), ("Variable", "M.find", "Finds.")]


def test_chunk_of_rust_macro_arguments_returns_definitions():
    source = """\
cfg_net! {
    /// A listener.
    pub struct Listener {
        port: u16,
    }

    cfg_unix! {
        impl Listener {
            /// Binds it.
            pub fn bind(&self) -> bool {
                let known = vec![1, 2];
                known.is_empty()
            }
        }
    }
}

fn plain() {
    select! { a => { fn inner() {} } }
}
"""
    found = [
        f"{one.kind} {one.qualified_name} {one.span.start.row} {one.span.end.row} {one.doc}".strip()
        for one in chunks_of(source, "rust")
        if one.name
    ]
    assert found == [
        "Struct Listener 1 4 A listener.",
        "Method Listener.bind 8 12 Binds it.",
        "Function plain 17 19",
    ]
