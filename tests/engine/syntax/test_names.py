"""Names of definitions that are written in unusual ways: by macros, wrappers, strings, operators."""

from time import process_time

import pytest

from semls.engine.syntax.languages import macros
from semls.engine.syntax.source import Source
from tests.support.chunks import check_chunks, chunks_of

# Sources, and the qualified names of their definitions
NAMES = {
    "class with macros": (
        "cpp",
        """\
class MYGAME_API Health : public Component
{
    GENERATED_BODY()
public:
    void Apply(float amount) { health -= amount; }
};
struct FMT_API buffer { int size() const { return 1; } };
class EXPORT_ATTR("x") Weird { void w() {} };
class LIB_API __declspec(align(8)) Two { int b; };
class [[nodiscard]] LIB_API Three { int b; };
class wxDLLIMPEXP_CORE wxFour : public wxFive { int b; };
class Six FINAL : public Base { int b; };
enum class LIB_EXPORT Level { Low, High };
union LIB_API Either { int a; };
template <typename T> class LIB_API Tpl : public A<T> { int x; };
NS_BEGIN
class InMacro { void m() {} };
NS_END
namespace shop LIB_VISIBILITY(default)
{
class Inside { int b; };
}
""",
        "Health Health.Apply buffer buffer.size Weird Weird.w Two Three wxFour Six Level Either Tpl "
        "InMacro InMacro.m shop.Inside",
    ),
    "operators": (
        "cpp",
        """\
class Bar {
  bool operator==(const Bar& o) const { return true; }
  bool operator <(const Bar& o) const { return true; }
  void operator()(int a) const { run(a); }
  operator bool() const { return true; }
  explicit operator std::string() const { return ""; }
  int& operator[](size_t i) { return x[i]; }
  auto operator<=>(const Bar&) const = default;
  void* operator new(size_t n) { return 0; }
  Bar* operator->() { return this; }
};
long double operator"" _km(long double v) { return v * 1000; }
std::ostream& operator<<(std::ostream& os, const Bar& b) { return os; }
bool ns::Bar<T>::operator!=(const Bar& o) const { return false; }
ns::Bar::operator const char*() const { return 0; }
int operators(int a) { return a; }
""",
        "Bar|Bar.operator==|Bar.operator<|Bar.operator()|Bar.operator bool|Bar.operator std::string"
        '|Bar.operator[]|Bar.operator<=>|Bar.operator new|Bar.operator->|operator"" _km|operator<<'
        "|ns.Bar.operator!=|ns.Bar.operator const char*|operators",
    ),
    "functions that macros define": (
        "cpp",
        """\
TEST(BarTest, HandlesEmpty) { EXPECT_TRUE(true); }
TYPED_TEST_P(BarFixture, KeepsOrder) { EXPECT_TRUE(true); }
TEST_CASE("vectors can be sized", "[vector]") { REQUIRE(1); }
TEST_CASE_METHOD(Fixture, "has a fixture", "[vector]") { REQUIRE(1); }
BOOST_FIXTURE_TEST_CASE(boost_one, Fixture) { BOOST_CHECK(true); }
PYBIND11_MODULE(example, m) { m.doc() = "x"; }
DEFINE_string(host, "localhost", "Where to connect.");
""",
        "BarTest.HandlesEmpty|BarFixture.KeepsOrder|vectors can be sized|has a fixture|boost_one|example"
        "|host",
    ),
    "functions that macros define in C": (
        "c",
        """\
SYSCALL_DEFINE3(open, const char __user *, filename, int, flags, umode_t, mode)
{
\treturn do_sys_open(AT_FDCWD, filename, flags, mode);
}
static DEFINE_MUTEX(big_lock);
DEFINE_PER_CPU(int, counter);
PHP_FUNCTION(array_map)
{
\tint x;
}
ZEND_METHOD(Exception, getMessage)
{
\tint y;
}
START_TEST(checked)
{
  ck_assert(1);
}
END_TEST
struct LIB_API exported { int a; };
static VALUE
rb_foo(VALUE self)
{
    return self;
}
int loops(void) {
  list_for_each_entry(pos, head, member) { run(pos); }
  return 0;
}
""",
        "open big_lock counter array_map Exception.getMessage checked exported rb_foo loops",
    ),
    "exported and assigned": (
        "javascript",
        """\
module.exports = function createServer(options) { return new Server(options); };
exports = module.exports = function chained(options) {};
exports.parse = function (text) { return JSON.parse(text); };
module.exports = { load(x) { return 1; }, save: function (y) {}, drop: (z) => 3 };
module.exports = class Exported extends Base { run() {} };
exports.Thing = class { act() {} };
Object.assign(Cart.prototype, { add(item) {}, remove: function (item) {} });
Cart.prototype = { constructor: Cart, sum: function () {}, count() {} };
$.extend($.fn, { popover: function () {} });
App.Views.Login = Backbone.View.extend({ render: function () {}, onSubmit(event) {} });
const slice = createSlice({ name: "x", reducers: { increment(state) {}, decrement: (state) => 1 } });
function factory() {
  return { open() { return 1; }, close: function () { return 2; } };
}
""",
        "createServer chained parse load save drop Exported Exported.run Thing Thing.act Cart.add "
        "Cart.remove Cart.sum Cart.count popover Login Login.render Login.onSubmit "
        "slice slice.increment slice.decrement factory",
    ),
    "exported by a call": (
        "javascript",
        """\
module.exports = catchErrors(async function list(request, response) {});
exports.show = catchErrors(async (request, response) => {
  response.json(1);
});
exports.timer = 1;
var cart = (function ($) {
  function add(item) {}
  return { add: add };
})(jQuery);
""",
        "list|show|cart.add",
    ),
    "registered by name": (
        "javascript",
        """\
angular.module("app")
  .controller("UserCtrl", ["$scope", function ($scope) { $scope.load = function () {}; }])
  .service("Users", ["$http", function ($http) { this.find = function (id) {}; }])
  .filter("money", function () { return String; });
app.config(["$routes", function ($routes) { $routes.when("/", {}); }]);
Ext.define("App.view.Main", {
  extend: "Ext.Panel",
  initComponent: function () {},
  onSave() {}
});
dojo.declare("x.Y", [Widget], { postCreate: function () {} });
Vue.component("cart-row", { methods: { go() {} } });
customElements.define("cart-list", class extends HTMLElement { connectedCallback() {} });
Given(/^a cart with (\\d+) items$/, function (count) {});
When("it is paid", () => pay());
t.test("adds", async (t) => t.end());
options.define("verbose", { type: "boolean" });
i18n.translate("hello", { name: "x" });
""",
        "UserCtrl|Users|money|App.view.Main|App.view.Main.initComponent|App.view.Main.onSave|x.Y"
        "|x.Y.postCreate|cart-row|cart-row.go|cart-list|cart-list.connectedCallback"
        r"|^a cart with (\d+) items$|it is paid|adds|verbose",
    ),
    "members of nested objects": (
        "typescript",
        """\
const resolvers: Resolvers = {
  Query: {
    user: (_, { id }) => users.find(id),
    users: async () => { return all(); },
  },
  Mutation: { addUser(_, values) { return 1; } },
  Order: { total: { type: Money, resolve: (order) => order.total } },
};
export const routes = router({
  getUser: procedure.input(z.string()).query(async ({ input }) => find(input)),
  nested: router({ deep: procedure.mutation(() => 1) }),
  version: "1",
});
const cart = createSlice({
  name: "cart",
  reducers: { added: (state) => state.n + 1, cleared: { reducer(state) {}, prepare: (x) => x } },
});
const table = defineTable({ rows: items.map((x) => x.id), on: { click: (x) => x } });
const { data } = useQuery({ select: (x) => x });
""",
        "resolvers resolvers.Query resolvers.Query.user resolvers.Query.users resolvers.Mutation "
        "resolvers.Mutation.addUser resolvers.total routes routes.getUser routes.deep "
        "cart cart.added cart.cleared table",
    ),
    "members of components": (
        "javascript",
        """\
export default {
  props: { size: { type: Number, default: 1 } },
  computed: { total() { return 1; }, count: { get() { return 1; }, set(value) {} } },
  methods: { add: (item) => 1, save: debounce(function () {}, 100) },
};
""",
        "total count add save",
    ),
    "short values of calls": (
        "tsx",
        """\
const Row = memo(({ a }: Props) => <p>{a}</p>);
const Input = React.forwardRef<Element, Props>((props, ref) => <input ref={ref} />);
const total = createSelector([lines, tax], (a, b) => a * b);
export const Title = styled(Base).attrs({ a: 1 })`color: blue;`;
const Box = styled.div<{ wide: boolean }>`color: red;`;
const useCart = create<Cart>((set) => ({ n: 0 }));
const save = _.debounce(write, 300);
const client = axios.create({ timeout: 1 });
const ids = rows.map((row) => row.id);
function Page() { const Inner = memo(Row); }
""",
        "Row Input total Title Box useCart save Page",
    ),
    "wrapped": (
        "typescript",
        """\
(function (root, factory) {
  if (define.amd) define(["exports"], factory);
}(this, function (exports) {
  function umdHelper(a) { return a; }
  exports.run = function () { return umdHelper(1); };
}));
(() => {
  const arrowHelper = () => 1;
})();
!function () { function banged() {} }();
define(["jquery"], function ($) {
  function amdHelper() {}
  return { make() { return 1; } };
});
define("shop", ["jquery"], function ($) {
  function shopHelper() {}
});
jQuery(function ($) { function ready() {} });
$(document).ready(function () { function onReady() {} });
angular.module("app").controller("CartController", function ($scope) {
  function inner() {}
});
document.addEventListener("DOMContentLoaded", function () { function loaded() {} });
setTimeout(function () { function later() {} }, 10);
function plain() { items.map(function () { function deep() {} }); }
""",
        "umdHelper run arrowHelper banged amdHelper make shop.shopHelper ready onReady "
        "CartController loaded plain",
    ),
    "tests and routes in JavaScript": (
        "javascript",
        """\
describe("Basket", () => {
  beforeEach(() => { reset(); });
  const helper = () => 1;
  it("adds up", () => { expect(1).toBe(1); });
  it.skip(`is empty`, function () {});
  describe.each([1])("group", (n) => {
    test.each([1, 2])("inner", (n) => expect(n).toBe(n));
  });
});
app.get("/orders/:id", auth, async (request, response) => { response.json(1); });
router.post("/orders", controller.create);
gulp.task("build", function (done) { done(); });
client.get("key", (error, value) => { use(value); });
run("x");
function routes(app) { app.get("/short", (request) => { go(); }); }
""",
        "Basket.beforeEach|Basket.helper|Basket.adds up|Basket.is empty|Basket.group.inner|/orders/:id|build"
        "|key|routes",
    ),
    "tests, tasks and scopes in Ruby": (
        "ruby",
        """\
RSpec.describe Shop::Invoice, type: :model do
  it 'adds' do
    x
  end
  let(:user) { create(:user) }
  context "when x" do
    specify('z') { w }
  end
end
class Order < Base
  scope :late, -> { where(2) }
  before_action :authenticate do
    y
  end
  test "saves it" do
    assert 1
  end
  def go
    open 'x' do |f|
      y
    end
  end
end
namespace :db do
  desc 'Fills tables.'
  task seed_all: :environment do
    z
  end
end
get '/hello' do
  'x'
end
ADD = ->(x) { x + 1 }
Point = Struct.new(:x, :y) do
  def dist = 1
end
""",
        "Shop.Invoice.adds|Shop.Invoice.when x.z|Order|Order.late|Order.authenticate|Order.saves it|Order.go"
        "|db.seed_all|/hello|ADD|Point|Point.dist",
    ),
    "tests and routes in PHP": (
        "php",
        """\
<?php
test('totals are rounded', function () { expect(1)->toBe(1); });
it('works', fn () => 1);
describe('cart', function () { it('adds', function () { z(); }); });
Route::get('/users', function () { return 1; })->name('x');
Route::prefix('admin')->group(function () {
    Route::post('/posts', function () { return 2; });
});
$app->group('/v1', function ($g) {
    $g->delete('/z', function () { return 3; });
});
add_action('init', function () { x(); });
$handler = function ($a) { return 1; };
function big() { $x = function () { return 1; }; }
""",
        "totals are rounded|works|cart.adds|/users|/posts|/v1./z|init|handler|big",
    ),
    "tests and tables in Lua": (
        "lua",
        """\
describe("parser", function()
  it("reads empty", function() assert(1) end)
end)
app:get("/x", function(self) return 1 end)
local M = { go = function() return 1 end, ["a b"] = function() end }
return { setup = function() end }
""",
        "parser.reads empty|/x|M|M.go|M.a b|setup",
    ),
    "functions in Go variables, subtests": (
        "go",
        """\
package a
var handler = func(w http.ResponseWriter) {
	x()
}
func TestX(t *testing.T) {
	t.Run("adds", func(t *testing.T) { y() })
}
var (
	mul = func(a int) int { return a }
)
""",
        "handler TestX TestX.adds mul",
    ),
    "tests in Elixir": (
        "elixir",
        """\
defmodule ShopTest do
  use ExUnit.Case
  setup do
    :ok
  end
  describe "total/1" do
    test "adds", %{a: a} do
      assert 1
    end
  end
  test "top" do
    assert 2
  end
end
""",
        "ShopTest.total/1.adds ShopTest.top",
    ),
    "tests and functions in Kotlin variables": (
        "kotlin",
        """\
class MyTests : FunSpec({
    test("adds") {
        1 shouldBe 1
    }
    context("group") {
        test("inner") { x() }
    }
})
val add = { a: Int, b: Int -> a + b }
val mul = fun(a: Int): Int { return a }
fun Application.module() {
    routing {
        get("/orders/{id}") {
            call.respond(1)
        }
    }
}
tasks.register("hello") {
    doLast { println("x") }
}
""",
        "MyTests MyTests.adds MyTests.group.inner add mul module hello",
    ),
    "tests and functions in Scala variables": (
        "scala",
        """\
class SetSuite extends AnyFunSuite {
  test("An empty Set") {
    assert(1)
  }
  describe("A") {
    it("does") { x }
  }
  "A Stack" should "pop" in {
    y
  }
  val add = (x: Int) => x + 1
}
""",
        "SetSuite|SetSuite.An empty Set|SetSuite.A.does|SetSuite.pop|SetSuite.add",
    ),
    "tests and functions in Swift variables": (
        "swift",
        """\
let add: (Int) -> Int = { a in a + 1 }
struct S { var go = { (x: Int) in return x } }
describe("x") { it("y") { z() } }
""",
        "add S S.go x.y",
    ),
    "routes, tasks and functions in C# variables": (
        "csharp",
        """\
var app = builder.Build();
app.MapGet("/orders/{id}", (int id) => {
    return Results.Ok(id);
});
app.MapPost("/x", async (Db db) => await db.Go());
Task("Build").Does(() => { x(); });
class A {
    Func<int, int> add = x => x + 1;
    public static readonly Func<int, int> Mul = (x) => { return x; };
    [Test] public void Adds() { }
}
""",
        "/orders/{id} /x Build A A.add A.Mul A.Adds",
    ),
    "tests in Kotest": (
        "kotlin",
        """\
class CartSpec : StringSpec({
    "adds up" { 1 shouldBe 1 }
    "is empty".config(enabled = true) { x() }
})
class Steps : BehaviorSpec({
    given("a cart") { `when`("paid") { then("it closes") { x() } } }
})
class Words : WordSpec({
    "a cart" should { "be empty" { x() } }
})
val names = mapOf("a" to { 1 })
""",
        "CartSpec|CartSpec.adds up|CartSpec.is empty|Steps|Steps.a cart.paid.it closes|Words"
        "|Words.a cart.be empty",
    ),
    "tests in Haskell": (
        "haskell",
        """\
spec :: Spec
spec = do
  describe "cart" $ do
    it "adds up" $ do
      1 `shouldBe` 1
  it "is empty" $ total [] `shouldBe` 0
""",
        "spec|spec.cart.adds up|spec.is empty",
    ),
    "tests in Dart": (
        "dart",
        """\
void main() {
  group('cart', () { test('adds', () { expect(1, 1); }); });
  test('top', () => expect(1, 1));
}
""",
        "main main.cart.adds main.top",
    ),
    "tests in short Swift functions": (
        "swift",
        """\
class CartSpec: QuickSpec {
  override class func spec() {
    describe("cart") { it("closes") { expect(1).to(equal(1)) } }
  }
}
@Test("Adds the tax") func addsTax() { run() }
""",
        "CartSpec CartSpec.spec CartSpec.spec.cart.closes addsTax",
    ),
    "tests in Clojure tests": (
        "clojure",
        """\
(deftest adds-up
  (testing "with tax" (is (= 1 1))))
""",
        "adds-up|adds-up.with tax",
    ),
    "tests in Pester": (
        "powershell",
        """\
Describe 'the cart' {
  It "adds up" { 1 | Should -Be 1 }
  It 'is empty' { 2 }
}
""",
        "the cart.adds up|the cart.is empty",
    ),
    "tests in bats": (
        "bash",
        """\
setup() { load x; }
@test "it's empty, really" {
  [ "$status" -eq 0 ]
}
@test 'é' { true; }
echo @test "this" {
""",
        "setup|it's empty, really|é",
    ),
    "steps in Ruby": (
        "ruby",
        """\
Given(/^a cart with (\\d+) items$/) do |n|
  x
end
When('it is paid') { pay }
""",
        r"^a cart with (\d+) items$|it is paid",
    ),
    "steps in Python": (
        "python",
        """\
@given('a cart with {n} items')
def step_impl(context, n):
    pass
@when("it is paid")
def pay(context): pass
""",
        "a cart with {n} items|pay",
    ),
    "functions that return functions": (
        "cpp",
        """\
void (*signal(int sig, void (*func)(int)))(int) { return 0; }
char *(*names(void))(int) { return 0; }
int (*table[2])(int) = { a, b };
[[nodiscard]] __attribute__((noinline)) int add(int a) { return a; }
struct One { Q_OBJECT };
class alignas(16) Two { int x; };
enum class LIB_EXPORT Three : int { Low };
""",
        "signal names add One Two Three",
    ),
    "functions in Java fields": (
        "java",
        """\
class A {
  static final Function<Integer, Integer> ADD = x -> x + 1;
  Runnable go = () -> { x(); };
  Comparator<A> c = new Comparator<A>() { public int compare(A a, A b) { return 0; } };
}
""",
        "A A.ADD A.go A.compare",
    ),
    "functions in Python variables": (
        "python",
        """\
add = lambda x: x + 1
class A:
    mul = lambda self: 2
def f():
    g = lambda: 1
""",
        "add A A.mul f",
    ),
    "functions in Perl variables": (
        "perl",
        """\
my $f = sub { 1 };
our $g = sub {
  2;
};
get '/x' => sub { 1 };
it 'adds' => sub { 1 };
$h{go} = sub { 3 };
""",
        "f g /x adds go",
    ),
    "functions in Dart variables, constructors": (
        "dart",
        """\
final add = (int a) => a + 1;
var mul = (int a) { return a; };
class A<T> {
  A.named(int x) { y(); }
  factory A.fromJson(Map m) { return A(); }
  bool operator ==(Object o) { return true; }
  static A<T> make<T>() { return A(); }
}
""",
        "add|mul|A|A.named|A.fromJson|A.operator ==|A.make",
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_chunk_of_unusual_definitions_returns_names(case):
    name, source, expected = NAMES[case]
    found = [one.qualified_name for one in chunks_of(source, name) if one.kind != "Module"]
    assert found == expected.split("|" if "|" in expected else None)


@pytest.mark.parametrize("case", NAMES)
def test_chunk_of_unusual_definitions_is_complete_and_selects_names(case):
    name, source, _ = NAMES[case]
    for content in (source, source.replace("\n", "\r\n"), source[: len(source) // 2]):
        check_chunks(content.encode(), name)
    for one in chunks_of(source, name):
        selected = source.encode()[one.selection.start_byte : one.selection.end_byte].decode()
        if one.name:
            assert selected.replace(" ", "") == one.name.replace(" ", "")


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("powershell", "Describe 'the cart' { It 'adds' { 1 } }\n", "the cart"),
        ("starlark", 'cc_library(name = "shop", srcs = ["a.cc"])\n', "shop"),
        ("kotlin", 'tasks.register("deploy") { run() }\n', "deploy"),
        ("groovy", "tasks.register('deploy') {\n  run()\n}\n", "deploy"),
        ("html", '<h1 id="x"> <a href="y">My <b>cart</b></a></h1>\n<p>It is empty.</p>\n', "My <b>cart"),
        ("html", "<h1><i></i></h1>\n<h2>Cart</h2>\n", "Cart"),
    ],
)
def test_selection_of_quoted_name_omits_quotes_and_tags(name, source, expected):
    selections = [one.selection for one in chunks_of(source, name) if one.name]
    assert expected in [source[one.start_byte : one.end_byte] for one in selections]


def test_blanking_of_hostile_text_takes_linear_time():
    heads = ("", "class ", "class Foo ", "class A(", "class A((", "AB(", "class Foo<", "class [[", "A_BEGIN(")
    units = (" ", "\n", "A ", "A\n", "a", "(", "[", "<", "class ", "class [[", "class A<", "AB(x)\n")
    for head in heads:
        for unit in units:
            source = Source((head + unit * (50_000 // len(unit))).encode())
            start = process_time()
            source.for_parser(macros.PATTERNS["cpp"])
            assert process_time() - start < 2, (head, unit)  # about 0.01
    for unit in (" ", "@test ", '@test "', '@test "a" ', "@test 'a\n"):
        source = Source(('@test "' + unit * (50_000 // len(unit))).encode())
        start = process_time()
        source.for_parser(macros.PATTERNS["bash"])
        assert process_time() - start < 2, unit  # about 0.01


def test_chunk_of_long_function_returns_objects_of_functions():
    methods = "".join(
        f"    load{number}: function (x) {{ return [{'x, ' * 100}]; }},\n" for number in range(20)
    )
    source = f"function all() {{\n  const callbacks = {{\n{methods}  }};\n  run({{ go() {{}} }});\n}}\n"
    names = {one.qualified_name for one in chunks_of(source, "javascript")}
    assert {"all.callbacks.load0", "all.callbacks.load19"} <= names
    assert "all.go" not in names
