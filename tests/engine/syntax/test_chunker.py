"""Chunks of programming languages, unusual files and long definitions."""

import sysconfig
from pathlib import Path

import pytest

from semls.engine.syntax import languages
from semls.engine.syntax.chunker import chunk
from tests.support.chunks import check_chunks, chunks_of, expected_summaries, find_chunk, language, summaries

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))

PYTHON = '''\
"""What the module is for."""

import os

# Where it all is kept.
@register
class Store(Base):
    """Keeps things.

    For ever.
    """

    size = 1

    # Loads one.
    @property
    async def load(self, path: str) -> bytes:  # quick
        def inner(): ...
        return inner()

    default = None

    class Inner:
        def go(self): ...


def free(a, b=1): return a
try:
    def late(): ...
except ImportError:
    pass
'''

JAVASCRIPT = """\
import x from "x";

/** Adds up. */
export const add = (a, b) => a + b;

export default class Cart extends Base {
  static count = 0;

  constructor() { super(); }

  // Pays.
  pay = async () => {
    const inner = () => 1;
  };
  get total() { return 1; }
}

const api = {
  load() { return 1; },
  save: function () {},
};

function* numbers() { yield 1; }
Cart.prototype.clear = function () {};
const Row = memo(() => {
  return 1;
});
describe("cart", () => { const helper = () => 1; });
"""

TYPESCRIPT = """\
export interface Shape { area(): number; }
type Id = string | number;
export enum Color { Red, Green }
declare function ambient(name: string): void;
declare namespace geo {
  function near(): void;
}
@Component()
export abstract class Widget<T> implements Shape {
  abstract draw(): void;

  @Input()
  area(): number { return 1; }
}
export const identity = <T,>(value: T): T => value;
"""

TSX = """\
export const Button = ({ label }: Props) => {
  return <button>{label}</button>;
};

export default function App() {
  return <Button label="x" />;
}
"""

JAVA = """\
/* Licence. */

package shop.store;

import java.util.List;

/** Keeps goods. */
@Service
public class Inventory {
    private int size;

    public Inventory(int size) { this.size = size; }

    /** Takes goods. */
    @Override
    public boolean take(String sku) { return true; }

    enum State { FULL, EMPTY }
}

record Item(String sku) {}

interface Repository { Item find(String sku); }

@interface Marker {}
"""

C = """\
#include <stdio.h>
#define SQUARE(x) ((x) * (x))

typedef struct node { int value; } node_t;
enum color { RED };
struct pair { int a, b; };

/* Finds it. */
static char **find(const char *name)
{
    return 0;
}
"""

CPP = """\
namespace shop::store {

// Keeps carts.
template <typename T>
class Cart : public Base {
 public:
  Cart();
  int total() const { return 1; }
};

}  // namespace shop::store

shop::Cart::Cart() : Base() {}
int Cart::operator+(int n) { return n; }
extern "C" {
int plain(void) { return 1; }
}
"""

CSHARP = """\
using System;

namespace Shop.Store;

/// <summary>Keeps carts.</summary>
[Serializable]
public class Cart : Base
{
    public int Size { get; set; }

    public Cart() { }

    public int Total() => 1;
}

public record Item(string Sku);
interface IStore { Item Find(string sku); }
enum State { Full }
"""

GO = """\
package store

// Cart keeps items.
type Cart struct {
\tsize int
}

type Store interface {
\tFind(id string) *Cart
}

// Total adds up.
func (c *Cart) Total() int { return c.size }

func New[T any](size int) (*Cart, error) { return nil, nil }
"""

RUST = """\
use std::fmt;

/// Keeps items.
#[derive(Debug)]
pub struct Cart<T> { items: Vec<T> }

impl<T> fmt::Display for Cart<T> {
    /// Writes it.
    #[inline]
    fn fmt(&self) {}
}

pub trait Store {
    fn find(&self);
    fn size(&self) -> usize { 0 }
}

mod inner {
    pub fn helper() {}
}

macro_rules! square { ($x:expr) => { $x * $x }; }
"""

RUBY = """\
require "set"

# A shop.
module Shop
  class Cart < Base
    attr_reader :items

    def initialize(items); end

    # Builds one.
    def self.build
      new([])
    end

    class << self
      def find; end
    end

    private def secret; end
  end
end

def helper; end
"""

PHP = """\
<?php
namespace Shop\\Store;

use Countable;

/** Keeps items. */
#[Entity]
class Cart implements Countable {
    use Logs;

    public function __construct() {}

    public function count(): int { return 1; }
}

trait Logs { function log() {} }
interface Finds { public function find(); }
function helper() { return 1; }
"""

BASH = """\
#!/bin/bash
set -e

# Deploys.
function deploy {
    echo done
}
clean() { rm -rf build; }
"""

MARKDOWN = """\
Preamble.

# Guide

Intro.

## Install v1.0

```sh
# no heading
```

Usage
-----

Use it.

Appendix
========
"""

KOTLIN = """\
package a.b

import x

/** d */
@X
class A(val x: Int) {
    val p = 1

    constructor(y: String) : this(1) {}

    // does
    fun m(): Int {
        return 1
    }

    companion object {
        fun c() {}
    }
}

interface I {
    fun q()
}
object O {
    fun z() {}
}
enum class E {
    A, B
}
fun String.ext(): Int = 1
typealias T = Int
data class D(val a: Int)
"""

SWIFT = """\
import X

/// d
class A: B {
    init() {}
    deinit {}
    func m() -> Int { return 1 }
    var x: Int { 1 }
}

struct S {
    func q() {}
}
enum E {
    case a
}
protocol P {
    func r()
}
extension A {
    func s() {}
}
func g<T>(a: T) -> Int { 1 }
typealias T = Int
"""

SCALA = """\
package a

class A(x: Int) extends B {
  def m(): Int = 1
  val x = 1
}

/** d */
object O {
  def q() = 1
}

trait T {
  def r: Int
}
case class C(a: Int)
def top = 1
"""

LUA = """\
-- d
local M = {}

-- does
function M.a(x)
  return 1
end

function M:b() end
local function c() end
M.d = function() end
local e = function() end
return M
"""

ELIXIR = """\
defmodule A.B do
  @moduledoc "x"

  @doc "y"
  @spec f(x) :: 1
  def f(x), do: 1

  defp g(x) when x > 1 do
    1
  end

  defmacro m do 1 end

  defmodule C do
    def h(), do: 1
  end
end

defprotocol P do
  def q(x)
end
"""

ZIG = """\
const std = @import("std");

/// d
pub fn f(a: i32) i32 {
    return a;
}
const S = struct {
    x: i32,

    pub fn m(self: S) void {}
};
const E = enum { a, b };
test "x" {}
"""

DART = """\
import 'x';

/// d
abstract class A extends B {
  int x = 1;
  void m() {}
}
mixin M { void q() {} }
enum E { a }
int f(int a) { return 1; }
"""

EXPECTED = {
    "python": (
        PYTHON,
        """
        Module - 0 2
        Class Store 4 12
        Method Store.load 14 18
        Module Store 20 20
        Class Store.Inner 22 22
        Method Store.Inner.go 23 23
        Function free 26 26
        Module - 27 27
        Function late 28 28
        Module - 29 30
        """,
    ),
    "javascript": (
        JAVASCRIPT,
        """
        Module - 0 0
        Function add 2 3
        Class Cart 5 6
        Constructor Cart.constructor 8 8
        Method Cart.pay 10 13
        Method Cart.total 14 14
        Object api 17 17
        Method api.load 18 18
        Method api.save 19 19
        Function numbers 22 22
        Method Cart.clear 23 23
        Variable Row 24 26
        Module cart 27 27
        Function cart.helper 27 27
        """,
    ),
    "typescript": (
        TYPESCRIPT,
        """
        Interface Shape 0 0
        Interface Id 1 1
        Enum Color 2 2
        Function ambient 3 3
        Function geo.near 5 5
        Class Widget 7 9
        Method Widget.area 11 12
        Function identity 14 14
        """,
    ),
    "tsx": (
        TSX,
        """
        Function Button 0 2
        Function App 4 6
        """,
    ),
    "java": (
        JAVA,
        """
        Module - 0 0
        Module shop.store 2 4
        Class shop.store.Inventory 6 9
        Constructor shop.store.Inventory.Inventory 11 11
        Method shop.store.Inventory.take 13 15
        Enum shop.store.Inventory.State 17 17
        Class shop.store.Item 20 20
        Interface shop.store.Repository 22 22
        Interface shop.store.Marker 24 24
        """,
    ),
    "c": (
        C,
        """
        Module - 0 0
        Function SQUARE 1 1
        Struct node_t 3 3
        Enum color 4 4
        Struct pair 5 5
        Function find 7 11
        """,
    ),
    "cpp": (
        CPP,
        """
        Class shop.store.Cart 2 6
        Method shop.store.Cart.total 7 7
        Constructor shop.Cart.Cart 12 12
        Method Cart.operator+ 13 13
        Function plain 15 15
        """,
    ),
    "csharp": (
        CSHARP,
        """
        Module - 0 0
        Class Shop.Store.Cart 4 7
        Property Shop.Store.Cart.Size 8 8
        Constructor Shop.Store.Cart.Cart 10 10
        Method Shop.Store.Cart.Total 12 12
        Class Shop.Store.Item 15 15
        Interface Shop.Store.IStore 16 16
        Enum Shop.Store.State 17 17
        """,
    ),
    "go": (
        GO,
        """
        Module - 0 0
        Struct Cart 2 5
        Interface Store 7 9
        Method Cart.Total 11 12
        Function New 14 14
        """,
    ),
    "rust": (
        RUST,
        """
        Module - 0 0
        Struct Cart 2 4
        Object Cart 6 6
        Method Cart.fmt 7 9
        Interface Store 12 15
        Function inner.helper 18 18
        Function square 21 21
        """,
    ),
    "ruby": (
        RUBY,
        """
        Module - 0 0
        Module Shop 2 3
        Class Shop.Cart 4 5
        Method Shop.Cart.initialize 7 7
        Method Shop.Cart.build 9 12
        Method Shop.Cart.find 15 15
        Method Shop.Cart.secret 18 18
        Function helper 22 22
        """,
    ),
    "php": (
        PHP,
        """
        Module - 0 0
        Module Shop.Store 1 3
        Class Shop.Store.Cart 5 8
        Constructor Shop.Store.Cart.__construct 10 10
        Method Shop.Store.Cart.count 12 12
        Class Shop.Store.Logs 15 15
        Method Shop.Store.Logs.log 15 15
        Interface Shop.Store.Finds 16 16
        Function Shop.Store.helper 17 17
        """,
    ),
    "bash": (
        BASH,
        """
        Module - 0 1
        Function deploy 3 6
        Function clean 7 7
        """,
    ),
    "markdown": (
        MARKDOWN,
        """
        Module - 0 0
        Module Guide 2 4
        Module Guide.Install v1.0 6 10
        Module Guide.Usage 12 15
        Module Appendix 17 18
        """,
    ),
    "kotlin": (
        KOTLIN,
        """
        Module a.b 0 2
        Class a.b.A 4 7
        Constructor a.b.A.constructor 9 9
        Method a.b.A.m 11 14
        Function a.b.A.c 17 17
        Interface a.b.I 21 23
        Object a.b.O 24 24
        Method a.b.O.z 25 25
        Enum a.b.E 27 29
        Function a.b.ext 30 30
        Class a.b.T 31 31
        Class a.b.D 32 32
        """,
    ),
    "swift": (
        SWIFT,
        """
        Module - 0 0
        Class A 2 3
        Constructor A.init 4 4
        Method A.deinit 5 5
        Method A.m 6 6
        Module A 7 8
        Struct S 10 10
        Method S.q 11 11
        Enum E 13 15
        Interface P 16 18
        Object A 19 19
        Method A.s 20 20
        Function g 22 22
        Class T 23 23
        """,
    ),
    "scala": (
        SCALA,
        """
        Class a.A 2 2
        Method a.A.m 3 3
        Module a.A 4 5
        Object a.O 7 8
        Method a.O.q 9 9
        Interface a.T 12 14
        Class a.C 15 15
        Function a.top 16 16
        """,
    ),
    "lua": (
        LUA,
        """
        Module - 0 1
        Method M.a 3 6
        Method M.b 8 8
        Function c 9 9
        Method M.d 10 10
        Function e 11 11
        Module - 12 12
        """,
    ),
    "elixir": (
        ELIXIR,
        """
        Module A.B 0 1
        Function A.B.f 3 5
        Function A.B.g 7 9
        Function A.B.m 11 11
        Module A.B.C 13 13
        Function A.B.C.h 14 14
        Interface P 18 18
        Method P.q 19 19
        """,
    ),
    "zig": (
        ZIG,
        """
        Module - 0 0
        Function f 2 5
        Struct S 6 7
        Method S.m 9 9
        Enum E 11 11
        Function x 12 12
        """,
    ),
    "dart": (
        DART,
        """
        Module - 0 0
        Class A 2 4
        Method A.m 5 5
        Class M 7 7
        Method M.q 7 7
        Enum E 8 8
        Function f 9 9
        """,
    ),
}

NESTED = b"\n".join(b" " * depth + b"class A:" for depth in range(300))

UNUSUAL = {
    "empty": b"",
    "blank": b"\n \n\t\n",
    "byte order mark": b"\xef\xbb\xbf" + PYTHON.encode(),
    "only a byte order mark": b"\xef\xbb\xbf",
    "CRLF": PYTHON.replace("\n", "\r\n").encode(),
    "lone CR": PYTHON.replace("\n", "\r").encode(),
    "mixed line ends": b"def a():\r    pass\r\n\r\ndef b():\n    pass\r",
    "form feeds and tabs": PYTHON.replace("\n\n", "\n\x0c\n").replace("    ", "\t").encode(),
    "NUL": PYTHON.replace("return", "ret\0urn").encode(),
    "other line separators": "x = '\u2028\x85'\ndef f(): ...\n".encode(),
    "replaced characters": "\ufffd\ufffd = 1\n".encode(),
    "syntax errors": PYTHON.replace("(", "").replace(":", " {").encode(),
    "parentheses": b"x = " + b"(" * 10_000 + b"1" + b")" * 10_000,
    "open parentheses": b"(" * 10_000,
    "nested classes": NESTED,
    "nested functions": b"function f(){" * 2_000 + b"g();" * 3_000 + b"}" * 2_000,
    "one long line": b"x = '" + b"a" * 50_000 + b"'",
    "one long line of wide characters": b"# " + "漢字é".encode() * 10_000,
    "minified": b"var a=1;function b(c){return c+1};" * 1_000,
    "many lines": b"x = 1\n" * 20_000,
    "many comments": b"# c\n" * 5_000 + b"def f(): ...\n",
    "many functions": b"# c\ndef f(): ...\nx = 1\n" * 2_000,
    "a long list": b"x = [\n" + b"    1,\n" * 10_000 + b"]\n",
    "an open string": b"'''" + b"abc def\n" * 3_000,
    "spaces": b"def f(" + b" " * 50_000 + b"x):\n    #" + b" " * 50_000 + b"x\n    return x\n",
    "stars": b"/" + b"*" * 5_000 + b"\nint f(void) { return 0; }\n",
    "closing comments": b"int f(void) { return 0; }\n" + b"} // }}}}\n" * 2_000 + b"int x;\n",
    "noise": bytes(value * value % 251 for value in range(20_000)).decode("latin-1").encode(),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_chunk_of_source_returns_definitions(name):
    source, expected = EXPECTED[name]
    assert summaries(chunks_of(source, name)) == expected_summaries(expected)


@pytest.mark.parametrize("name", EXPECTED)
def test_chunk_of_source_is_complete_and_disjoint(name):
    check_chunks(EXPECTED[name][0].encode(), name)


@pytest.mark.parametrize("name", ["python", "typescript", "c", "markdown", "json", "text"])
@pytest.mark.parametrize("case", UNUSUAL)
def test_chunk_of_unusual_bytes_is_complete_and_disjoint(case, name):
    check_chunks(UNUSUAL[case], name)


@pytest.mark.parametrize("folder", ["pygls", "httpx", "filelock"])
def test_chunk_of_installed_packages_is_complete_and_disjoint(folder):
    for path in (SITE_PACKAGES / folder).rglob("*.py"):
        check_chunks(path.read_bytes(), "python")


def test_chunk_of_definitions_has_signature_and_documentation():
    store, load, free = (
        find_chunk(chunks_of(PYTHON, "python"), name) for name in ("Store", "Store.load", "free")
    )
    assert (store.signature, store.doc) == ("class Store(Base)", "Keeps things.\n\nFor ever.")
    assert (load.signature, load.doc) == ("async def load(self, path: str) -> bytes", "Loads one.")
    assert (free.signature, free.doc) == ("def free(a, b=1)", "")
    assert store.text.startswith("# Where it all is kept.\n@register\nclass Store")
    assert load.text.endswith("return inner()")


@pytest.mark.parametrize(
    ("name", "source", "doc"),
    [
        ("c", "/*\n * Finds it.\n *\n * Fast.\n */\nint f(void) { return 0; }", "Finds it.\n\nFast."),
        ("javascript", "/** Adds\n * up. */\nfunction f() {}", "Adds\nup."),
        ("rust", "/// Writes\n//  it.\n#[inline]\nfn f() {}", "Writes\nit."),
        ("bash", "# Deploys\n# all.\nf() { :; }", "Deploys\nall."),
        ("python", "def f():\n    r'Raw.'", "Raw."),
        ("python", "# Licence.\n\ndef f(): ...", ""),
        ("python", "x = 1  # not this\ndef f(): ...", ""),
        ("python", "# this\n# and this\ndef f(): ...", "this\nand this"),
        ("elixir", '@doc """\nAdds.\n"""\n@spec f() :: 1\ndef f(), do: 1\n', "Adds."),
        ("elixir", '@doc ~S"""\nAdds.\n"""\n@doc since: "1.2"\ndef f(), do: 1\n', "Adds."),
        ("elixir", "@doc false\ndef f(), do: 1\n", ""),
        ("lua", '--- Adds.\n--- All.\nf = lazy("f")\n', "Adds.\nAll."),
    ],
)
def test_chunk_with_comments_strips_markers_from_documentation(name, source, doc):
    assert find_chunk(chunks_of(source, name), "f").doc == doc


@pytest.mark.parametrize(
    ("name", "source", "qualified_name"),
    [
        ("javascript", "/** Adds. */\n\nfunction f() {}", "f"),
        ("javascript", "/**\n * Adds.\n */\n\n\napp.f = function f() {};", "f"),
        ("javascript", "/** Adds. */\n\nexports.f = () => 1;", "f"),
        ("javascript", "/** Adds. */\n\nres.set =\nres.f = function () {};", "f"),
        ("javascript", "/** Adds. */\n\nC.prototype.f = function () {};", "C.f"),
        ("javascript", "/** @file A. */\n\n/** Adds. */\n\nfunction f() {}", "f"),
        ("javascript", "/** Old. */\n/** Adds. */\nfunction f() {}", "f"),
        ("javascript", "/** Old. */\n\n/** Adds. */\nfunction f() {}", "f"),
        ("typescript", "class C {\n  /** Adds. */\n\n  @cached\n  f(): void {}\n}", "C.f"),
        ("typescript", "/** Adds. */\n\nexport default class f {}", "f"),
        ("php", "<?php\n/** File. */\n\nnamespace N;\n\n/** Adds. */\n\n#[A]\nfunction f() {}", "N.f"),
        ("java", "/** File. */\n\npackage p;\n\n/** Adds. */\n\n@A\nclass f {}", "p.f"),
        ("kotlin", "/** File. */\n\npackage p\n\n/** Adds. */\n\n@A\nfun f() {}", "p.f"),
        ("scala", "/** File. */\n\npackage p\n\n/** Adds. */\n\n@a\ndef f() = 1", "p.f"),
        ("c", "/** Adds. */\n\nint f(void) { return 0; }", "f"),
        ("cpp", "/// Adds.\n\ntemplate <class T> T f() { return 0; }", "f"),
        ("cpp", "/** Adds. */\nnamespace f {\nint x;\n}", "f"),
        ("csharp", "/// Old.\n\n/// Adds.\n\n[A]\nclass f {}", "f"),
        ("rust", "/// Adds.\n\n#[inline]\nfn f() {}", "f"),
        ("rust", "/** Adds. */\n\nfn f() {}", "f"),
        ("swift", "/// Adds.\n\n@objc func f() {}", "f"),
        ("swift", "/** Adds. */\n\nfunc f() {}", "f"),
        ("dart", "/// Adds.\n\nvoid f() {}", "f"),
        ("zig", "/// Adds.\n\nfn f() void {}", "f"),
        ("haskell", "module M where\nx = 1\n-- | Adds.\n\nf :: Int\nf = 1", "f"),
        ("r", "#' Adds.\n\nf <- function() 1", "f"),
        ("elixir", '@doc "Adds."\n\ndef f(), do: 1', "f"),
    ],
)
def test_chunk_with_blank_line_below_documentation_includes_it(name, source, qualified_name):
    assert find_chunk(chunks_of(source, name), qualified_name).doc == "Adds."


def test_chunk_below_overload_comments_includes_them():
    source = "/**\n * Adds.\n * @overload\n */\n/** Sums. */\nfunction f() {}"
    assert find_chunk(chunks_of(source, "javascript"), "f").text == source


@pytest.mark.parametrize(
    ("name", "comment"),
    [
        ("javascript", "// Not this.\n\n"),
        ("javascript", "/* Not this. */\n\n"),
        ("javascript", "/*! Licence. */\n\n"),
        ("javascript", "/*** Heading ***/\n\n"),
        ("javascript", "/**/\n\n"),
        ("javascript", "/** ****************\n * Heading\n ****************/\n\n"),
        ("javascript", "/**\n * ------------\n * Heading\n */\n\n"),
        ("javascript", "/** @fileoverview Adds. */\n\n"),
        ("javascript", "/**\n * Adds.\n * @module adder\n */\n\n"),
        ("javascript", "/** @typedef {Object} Sum */\n\n"),
        ("javascript", "/** @jsx h */\n\n"),
        ("javascript", "/**\n * Copyright (c) 2020 Adders, Inc.\n */\n\n"),
        ("javascript", "/** Sums. */\n\nimport x from 'x';\n\n"),
        ("javascript", "/** Sums. */\n\nrun();\n"),
        ("javascript", "/** Sums. */\n\n// Not this.\n\n"),
        ("typescript", "/** @packageDocumentation */\n\n"),
        ("php", "<?php\n/** Sums. */\n\ndeclare(strict_types=1);\n\n"),
        ("c", "/** @file */\n\n"),
        ("c", "/// \\file\n/// Sums.\n\n"),
        ("c", "/** @defgroup sums Sums\n * @{ */\n\n"),
        ("c", "int x; ///< The x.\n\n"),
        ("rust", "//// Heading\n\n"),
        ("rust", "//! The module.\n\n"),
        ("go", "// Not this.\n\n"),
        ("lua", "--- Not this.\n\n"),
        ("python", "# Not this.\n\n"),
    ],
)
def test_chunk_below_other_comment_and_blank_line_has_no_documentation(name, comment):
    definition = {
        "c": "int f(void) { return 0; }",
        "go": "func f() {}",
        "lua": "function f() end",
        "python": "def f(): ...",
        "rust": "fn f() {}",
    }.get(name, "function f() {}")
    assert find_chunk(chunks_of(comment + definition, name), "f").text == definition


def test_chunk_selection_is_name():
    source = CPP.encode()
    for one in chunk(source, language("cpp")):
        if one.name:
            assert source[one.selection.start_byte : one.selection.end_byte].decode() == one.name


def test_chunk_selection_of_long_definition_with_name_below_is_head():
    fields = "".join(f"  int field_number_{number};\n" for number in range(200))
    parts = chunks_of(f"/* Doc. */\ntypedef struct {{\n{fields}}} table;\n", "c")
    assert {(part.name, part.selection.start.row) for part in parts} == {("table", 1)}


def test_chunk_of_long_function_splits_between_statements():
    body = "".join(f"    if value == {number}:\n        return {number}\n" for number in range(200))
    parts = chunks_of(f"def f(value):\n{body}", "python")
    assert len(parts) > 1
    assert [part.signature for part in parts] == ["def f(value)"] + [""] * (len(parts) - 1)
    assert {(part.kind, part.name) for part in parts} == {("Function", "f")}
    assert {part.selection for part in parts} == {parts[0].selection}
    assert all(part.text.startswith("if value") for part in parts[1:])


def test_chunk_of_long_function_returns_nested_functions():
    inner = "".join(f"  function f{number}() {{\n    return {number};\n  }}\n" for number in range(200))
    found = chunks_of(f"function all() {{\n{inner}}}\n", "javascript")
    assert [one.qualified_name for one in found[:3]] == ["all", "all.f0", "all.f1"]


def test_chunk_of_long_section_splits_between_paragraphs():
    found = chunks_of("# Title\n\n" + "Some words.\nMore words.\n\n" * 300, "markdown")
    assert len(found) > 1
    assert {one.name for one in found} == {"Title"}
    assert all(one.text.endswith("More words.") for one in found)


def test_chunk_of_text_splits_between_paragraphs():
    found = chunks_of("Some words.\nMore words.\n\n" * 300, "text")
    assert len(found) > 1
    assert all(one.text.startswith("Some") and one.text.endswith("More words.") for one in found)


def test_chunk_without_definitions_splits_between_nodes():
    found = chunks_of("[\n" + '  {\n    "a": 1\n  },\n' * 400 + "]", "json")
    assert len(found) > 1
    assert all(one.text.startswith("{") for one in found[1:])


def test_chunk_of_empty_file_in_every_language_returns_nothing():
    for name in languages.NAMES:
        assert chunk(b"", language(name)) == []


@pytest.mark.parametrize(("source", "text"), [(b"\xef\xbb\xbfa", "a"), ("é".encode(), "é"), (b"a\0", "a\0")])
def test_chunk_text_is_decoded_utf8(source, text):
    (one,) = chunk(source, language("text"))
    assert one.text == text
