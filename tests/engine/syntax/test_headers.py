"""Definitions whose headers are found by line, because the grammar fails or there is none."""

import re
from time import process_time

import pytest

from semls.engine.syntax import languages
from semls.engine.syntax.chunker import chunk
from semls.engine.syntax.languages import Language
from tests.support.chunks import check_chunks, chunks_of, expected_summaries, find_chunk, language, summaries

EXPECTED = {
    "T-SQL": (
        "sql",
        """\
USE [Shop]
GO
-- Gets orders.
ALTER PROCEDURE [dbo].[Get Orders]
    @Id INT = NULL
AS
BEGIN
    BEGIN TRY
        CREATE TABLE #Found (Id INT);
    END TRY
END
GO
create proc usp_x
as
set nocount on
if @a = 1
begin
  select 2
end
go
CREATE VIEW [dbo].[vOrders]
WITH SCHEMABINDING
AS
SELECT Id FROM dbo.Orders
GO
CREATE OR ALTER FUNCTION Sales.fn_Total (@Id INT)
RETURNS TABLE
AS
RETURN (SELECT 1 AS x)
GO
CREATE TRIGGER trg_Audit ON Orders AFTER UPDATE AS INSERT INTO Audit SELECT * FROM inserted;
GO
EXEC dbo.x
""",
        """
        Module - 0 1
        Method dbo.Get Orders 2 11
        Function usp_x 12 19
        Class dbo.vOrders 20 24
        Method Sales.fn_Total 25 29
        Event trg_Audit 30 31
        Module - 32 32
        """,
    ),
    "PostgreSQL": (
        "sql",
        """\
CREATE OR REPLACE PROCEDURE close_month(m int) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ledgers SET closed = true WHERE month = m;
END $$;
CREATE FUNCTION all_users() RETURNS SETOF public.users AS $$ SELECT * FROM users $$ LANGUAGE sql;
CREATE POLICY tenants ON customers USING (tenant = current_setting('app.t'));
CREATE DOMAIN email AS text CHECK (value ~ '@');
ALTER FUNCTION public.agg(int) OWNER TO postgres;
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS $body$
BEGIN
  COMMIT;
END
$body$;
CREATE AGGREGATE avg2 (float8) (sfunc = x, stype = y);
CREATE TABLE a (LIKE b);
INSERT INTO t VALUES ('
CREATE PROCEDURE not_this AS
');
""",
        """
        Function close_month 0 3
        Function all_users 4 4
        Property tenants 5 5
        Struct email 6 6
        Module - 7 7
        Function tidy 8 12
        Function avg2 13 13
        Class a 14 14
        Module - 15 17
        """,
    ),
    "MySQL": (
        "sql",
        """\
DELIMITER $$
CREATE DEFINER=`root`@`localhost` PROCEDURE `move_stock`(IN x INT)
BEGIN
  IF x THEN
    SELECT 1;
  END IF;
END$$

/* Sums. */
CREATE FUNCTION IF NOT EXISTS shop.total(a INT) RETURNS INT DETERMINISTIC
BEGIN
  RETURN 1;
END $$
CREATE EVENT purge ON SCHEDULE EVERY 1 DAY DO BEGIN
  DELETE FROM log;
END $$
CREATE FUNCTION grade(score INT) RETURNS CHAR(1)
BEGIN
  IF score > 90 THEN
    RETURN 'A';
  END IF;
  CASE score
    WHEN 1 THEN RETURN 'B';
  END CASE;
  RETURN 'C';
END $$
CREATE FUNCTION half(n INT) RETURNS INT
top: BEGIN
IF n > 1 THEN
RETURN n / 2;
END IF;
BEGIN
DECLARE m INT;
END;
RETURN 0;
END top $$
DELIMITER ;
SELECT 1;
""",
        """
        Module - 0 0
        Function move_stock 1 6
        Method shop.total 8 12
        Event purge 13 15
        Function grade 16 25
        Function half 26 36
        Module - 37 37
        """,
    ),
    "dump of MySQL": (
        "sql",
        """\
/*!40101 SET NAMES utf8 */;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `upd` BEFORE UPDATE ON `t` BEGIN
  IF NEW.a * 2 THEN
    SET NEW.a = 1;
  END IF;
END */;;
DELIMITER ;
/*!50001 DROP VIEW IF EXISTS `v`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select `t`.`id` AS `id` from `t` */;
/*!50001 SET x = 1 */;
""",
        """
        Module - 0 1
        Event upd 2 7
        Module - 8 8
        Class v 9 11
        Module - 12 12
        """,
    ),
    "Oracle": (
        "sql",
        """\
CREATE OR REPLACE PACKAGE payroll AS
  PROCEDURE raise_salary(p_id NUMBER);
END payroll;
/
CREATE OR REPLACE PACKAGE BODY payroll IS

/* Raises. */
PROCEDURE raise_salary(p_id NUMBER) IS
BEGIN
  FOR x IN y LOOP
    z;
  END LOOP;
END raise_salary;

FUNCTION net RETURN NUMBER IS
  PROCEDURE inner_one IS BEGIN NULL; END;
BEGIN
  RETURN 1;
END;
END payroll;
/
SHOW ERRORS
CREATE OR REPLACE TYPE BODY shape AS
  MEMBER FUNCTION area RETURN NUMBER IS
  BEGIN
    RETURN 1;
  END;
END;
/
CREATE OR REPLACE TRIGGER "HR"."emp_bi" BEFORE INSERT ON emp FOR EACH ROW
BEGIN
  :new.id := 1;
END;
/
CREATE OR REPLACE EDITIONABLE PROCEDURE
  hr.late_pay
AS
BEGIN
  NULL;
END late_pay;
/
CREATE OR REPLACE PACKAGE billing AS
  PROCEDURE charge(p_id NUMBER);
END billing;
/
CREATE OR REPLACE VIEW v_bills AS SELECT * FROM bills;
/
""",
        """
        Package payroll 0 3
        Module payroll 4 4
        Method payroll.raise_salary 6 12
        Method payroll.net 14 18
        Module payroll 19 20
        Module - 21 21
        Module shape 22 22
        Method shape.area 23 26
        Module shape 27 28
        Event HR.emp_bi 29 33
        Method hr.late_pay 34 40
        Package billing 41 44
        Class v_bills 45 45
        Module - 46 46
        """,
    ),
    "ArkTS": (
        "typescript",
        """\
import router from '@ohos.router';

@Entry
@Component
struct Index {
  @State message: string = 'Hello';

  build() {
    Row() {
      Text(this.message).fontSize(50)
    }.height('100%')
  }
}

// A card.
@Component
export struct Card {
  build() {
    Column() { Text('x') }
  }
}

export function helper(a: number): number {
  return a + 1;
}
""",
        """
        Module - 0 0
        Struct Index 2 5
        Method Index.build 7 11
        Struct Card 14 20
        Function helper 22 24
        """,
    ),
}


# Sources with syntax that the grammars do not know, and the qualified names of their definitions
NAMES = {
    "Flow": (
        "javascript",
        """\
// @flow
opaque type Id: string = string;
export interface Empty<out T extends any = any>
  extends Other<T> {}
export type Props = {| +name: string, size?: ?number |};
declare function foo(x: number): string;
export function load<T>(x: ?T, ...rest: Array<?string>): Promise<T> {
  return (x: any);
}
const save = (x: ?number): %checks => {
  return !!x;
};
class Cart<+T> extends Base<T> {
  +items: Array<T>;
  add(item: ?T): void {
    this.items.push((item: any));
  }
  static make<U>(x: ?U): Cart<U> {
    return new Cart();
  }
}
""",
        "Id Empty Props foo load save Cart Cart.add Cart.make",
    ),
    "C with unbalanced directives": (
        "c",
        """\
#include <stdio.h>
static int first(int a)
{
#ifdef FOO
  if (a) {
#else
  if (!a) {
#endif
    return 1;
  }
  return 0;
}
int second(char *b) {
  return 1;
}
STACK_OF(X509) *third(int a) {
  @@@ broken
}
static const char *fourth(int a,
                          int b)
{
  if (a ~~ b) {
    x();
  }
  else if (c) { y(); }
  return 0;
}
struct thing {
  int a; $$$
};
""",
        "first second third fourth thing",
    ),
    "C++": (
        "cpp",
        """\
namespace x {
class Foo : public Bar {
 public:
  void go() { @@ broken }
  int stop(int a) const;
};
}
int x::Foo::stop(int a) const {
  return a $$$ 1;
}
template <typename T>
void Foo<T>::late(const std::vector<T>& v) {
  if (x) {
  ## y
}
static void after(int a) {
  return;
}
""",
        "x.Foo x.Foo.go x.Foo.stop Foo.late after",
    ),
    "Java": (
        "java",
        """\
public class Foo extends Bar {
    public int go(int a) {
        return #### 1;
    }
    private static List<String> make(Map<String, Integer> m) throws X {
        @@@ ~~~
    }
}
""",
        "Foo Foo.go Foo.make",
    ),
    "Swift": (
        "swift",
        """\
public final class Foo: Bar {
  func go(_ x: borrowing Int) throws(MyError) -> Int {
    #### @@@ return 1
  }
}
extension Foo {
  static func make() -> Foo { ~~~ ### }
}
""",
        "Foo Foo.go Foo Foo.make",
    ),
    "Kotlin": (
        "kotlin",
        """\
class Foo(val x: Int) {
    fun bar(): Int = when { x guard y -> ~~ 1 }
    suspend fun <T> List<T>.baz(a: T) {
        @@@ ###
    }
}
context(Logger) fun late(a: Int) {
    $$$ ~~~
}
fun interface Runner { fun run() }
""",
        "Foo Foo.bar Foo.baz Runner",
    ),
    "unfinished in Go": (
        "go",
        """\
package a

func (c *Cart) Total() int {
	if c == nil {
		return 0

	return 1
}

func After() {}

type Cart struct {
	a int

func (c *Cart[T]) Next(a int) int {
	return a +
}

func Last[T any](a T) {
	for {
		run(

func Final() {
}
""",
        "Cart.Total After Cart Cart.Next Last Final",
    ),
    "unfinished in TypeScript": (
        "typescript",
        """\
export class Cart {
  total(): number {
    return this.lines.reduce((a, b) => a +
  }

  add(item: Item) {
    it("adds", () => {
    });
    useEffect(() => {
    });
  }
}
function unclosed() {
  if (x) {
    y();

function closed() {
  z();
}
export async function unfinished() {
  if (x) {
    run(

export const next = (a: number): number => {
  return a;
};
interface Props { a: string }
type Size = { a: string };
enum Level { Low }
""",
        "Cart Cart.total Cart.add unclosed closed unfinished next Props Size Level",
    ),
    "unfinished in Rust": (
        "rust",
        """\
fn unfinished(a: i32) -> i32 {
    if a {
        run(

/// Next.
pub(crate) async fn next(a: i32) -> i32 {
    a
}

impl<T> Cart<T> {
    fn total(&self) -> i32 {
        self.x +
    }
}
impl fmt::Display for Cart {
    fn fmt(&self) {}
}
enum Level { Low }
trait Shape { fn area(&self); }
""",
        "unfinished next Cart Cart.total Cart Cart.fmt Level Shape",
    ),
    "unfinished in Ruby": (
        "ruby",
        """\
class Cart
  def total
    items.each do |i|
      x +
  end

  def self.unfinished
    if x

  private def next?
    1
  end
end
module Last
  def last; 1; end
end
""",
        "Cart Cart.total Cart.unfinished Cart.next? Last Last.last",
    ),
    "unfinished in Scala": (
        "scala",
        """\
object Cart {
  def unfinished(a: Int): Int = {
    if (a) {
      run(

  private def next(a: Int): Int = {
    a
  }
}
trait Shape
""",
        "Cart Cart.unfinished Cart.next Shape",
    ),
    "unfinished in Dart": (
        "dart",
        """\
class Cart {
  int total() {
    if (a) {
      b = [

  Future<int> next(int a) async {
    return a;
  }
}
void last() => run();
""",
        "Cart Cart.total Cart.next last",
    ),
    "unfinished in Lua": (
        "lua",
        """\
function unfinished(a)
  if a then
    run(

function M.next(a)
  return a
end
local function last() return 1 end
""",
        "unfinished M.next last",
    ),
    "unfinished in Elixir": (
        "elixir",
        """\
defmodule Cart do
  def unfinished(a) do
    if a do
      run(

  defp next?(a) do
    a
  end
end
""",
        "Cart Cart.unfinished Cart.next?",
    ),
    "unfinished in Bash": (
        "bash",
        """\
unfinished() {
  if x; then
    run $(

next() {
  y
}
function last { z; }
""",
        "unfinished next last",
    ),
    "unfinished in Java": (
        "java",
        """\
class Cart {
  int unfinished(int a) {
    if (a) {
      run(

  List<Integer> next(int a) {
    return a;
  }
  void last() {}
}
""",
        "Cart Cart.unfinished Cart.next Cart.last",
    ),
    "unfinished in C#": (
        "csharp",
        """\
class Cart {
  int Unfinished(int a) {
    if (a) {
      Run(

  int Next(int a) {
    return a;
  }
  async Task<int> Last() {}
}
""",
        "Cart Cart.Unfinished Cart.Next Cart.Last",
    ),
    "Python 2": (
        "python",
        """\
class Foo:
    def bar(self, (a, b)):
        print >>x, "a"
        exec "x" in y
        raise E, "x"
    def baz(self):
        print `x`
def late(x):
    print "a" % x,
    return 0777L <> 1
""",
        "Foo Foo.bar Foo.baz late",
    ),
    "Cython": (
        "python",
        """\
# cython: language_level=3
cimport numpy as np
from libc.math cimport sin

cdef extern from "foo.h":
    int foo(int x)

cdef class Shrubbery:
    cdef public int width
    def __cinit__(self, int w):
        self.width = w
    cpdef int area(self) except -1:
        return self.width * 2
    cdef inline double _len(self, double* x) nogil:
        return x[0]

cdef int helper(int a, int b):
    cdef int c = a + b
    return c

def plain(np.ndarray[double, ndim=1] x not None):
    cdef Py_ssize_t i
    for i in range(10):
        pass

ctypedef struct Point:
    int x

cdef struct Pair:
    int a
    int b

cpdef enum Color:
    RED
""",
        "Shrubbery Shrubbery.__cinit__ Shrubbery.area Shrubbery._len helper plain Point Pair Color",
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_chunk_of_broken_syntax_returns_names(case):
    name, source, expected = NAMES[case]
    assert [one.qualified_name for one in chunks_of(source, name) if one.name] == expected.split()


@pytest.mark.parametrize("case", NAMES)
def test_chunk_of_broken_syntax_is_complete_and_disjoint(case):
    name, source, _ = NAMES[case]
    for content in (source, source.replace("\n", "\r\n"), source[: len(source) // 2]):
        check_chunks(content.encode(), name)


@pytest.mark.parametrize("case", EXPECTED)
def test_chunk_of_unknown_syntax_returns_definitions(case):
    name, source, expected = EXPECTED[case]
    assert summaries(chunks_of(source, name)) == expected_summaries(expected)


@pytest.mark.parametrize("case", EXPECTED)
def test_chunk_of_unknown_syntax_is_complete_and_disjoint(case):
    name, source, _ = EXPECTED[case]
    for content in (source, source.replace("\n", "\r\n"), "\ufeff" + source, source[: len(source) // 2]):
        check_chunks(content.encode(), name)


def test_chunk_of_unknown_syntax_has_signature_documentation_and_selection():
    source = EXPECTED["T-SQL"][1]
    found = find_chunk(chunks_of(source, "sql"), "dbo.Get Orders")
    assert (found.signature, found.doc) == ("ALTER PROCEDURE [dbo].[Get Orders]", "Gets orders.")
    assert source[found.selection.start_byte : found.selection.end_byte] == "Get Orders"


def test_chunk_without_grammar_returns_definitions():
    without_grammar = Language("other", grammar=None, query="sql")
    source = b"create procedure a as\nselect 1\nend\n\ncreate table b (\n  c int\n);\nselect 2;\n"
    assert summaries(chunk(source, without_grammar)) == [
        "Function a 0 2",
        "Class b 4 6",
        "Module - 7 7",
    ]


@pytest.mark.parametrize(
    "name", [name for name in languages.NAMES if languages.header_pattern(language(name))]
)
def test_scan_of_hostile_text_takes_linear_time(name):
    words = sorted(set(re.findall(r"[a-z]{2,}", languages.header_pattern(language(name)))))
    without_grammar = Language("other", grammar=None, query=language(name).query)
    for word in words:
        for unit in (f"{word} ", f"{word}\n", f"{word} x(\n", f"{word} x.`[", word + " " * 100_000):
            start = process_time()
            chunk(unit.encode() * max(1, 10_000 // len(unit)), without_grammar)
            assert process_time() - start < 5  # about 0.1


def test_scan_of_many_definitions_with_errors_takes_linear_time():
    function = "CREATE FUNCTION f() RETURNS INT BEGIN\nIF x THEN\nEND IF;\nEND;\n"
    start = process_time()
    assert len(chunks_of(function * 5_000, "sql")) == 5_000
    assert process_time() - start < 5  # about 1
