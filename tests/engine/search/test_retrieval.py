"""Search with a real catalog and a real Chroma store, with the hashing encoder."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from semls.engine.models.encoder import HashingEncoder
from semls.engine.scheduler import PriorityExecutor
from semls.engine.search.query import MAX_FILTERS, parse_query
from semls.engine.search.retrieval import NOTHING_NEAR, nearest_chunks, search
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.schema import File
from semls.engine.storage.vectors_local import LocalVectors
from semls.engine.vector_index import VectorIndex
from tests.support.chunks import chunks_of
from tests.support.entries import make_entry

EXECUTOR = PriorityExecutor()

FILES = {
    "src/http/client.py": ("retry_request", "send a request again after it failed"),
    "src/http/server.go": ("ListenAndServe", "accept connections"),
    "src/parse.py": ("parse_header", "read a header"),
    "tests/test_parse.py": ("test_parse_header", "check that a header is read"),
    "docs/retry.md": ("Retrying", "how a request is sent again"),
}


@pytest.fixture
def catalog(tmp_path):
    opened = Catalog(tmp_path / "index.sqlite")
    for path, (name, text) in FILES.items():
        language = {"py": "python", "go": "go", "md": "markdown"}[path.rsplit(".", 1)[1]]
        kind = "Module" if language == "markdown" else "Function"
        entry = make_entry(path, name, language=language, kind=kind, signature=name)
        opened.replace(File(path, language=language), [(entry, text)])
    yield opened
    opened.close()


@pytest.fixture
def index(tmp_path):
    encoder = HashingEncoder()
    store = LocalVectors(tmp_path / "vectors", encoder.fingerprint, "hashing", encoder.model.dimension)
    names, texts = zip(*FILES.values(), strict=True)
    vectors = encoder.encode_documents([f"{name}\n{text}" for name, text in FILES.values()])
    assert len(texts) == len(vectors)
    store.upsert({f"hash of {name}": vector for name, vector in zip(names, vectors, strict=True)})
    yield VectorIndex(encoder, store, EXECUTOR)
    store.close()


def find(query, catalog, index=None):
    nearest = (
        asyncio.run(nearest_chunks(query, catalog, index, Coverage(1, 1), EXECUTOR))
        if index
        else NOTHING_NEAR
    )
    return search(query, catalog, nearest).hits


def paths(hits):
    return [hit.entry.path for hit in hits]


def test_search_lexical_and_hybrid_find_the_same_best_hit(catalog, index):
    query = parse_query("send the request again")
    assert paths(find(query, catalog))[0] == "src/http/client.py"
    assert paths(find(query, catalog, index))[0] == "src/http/client.py"


def test_search_with_few_vectors_keeps_the_best_lexical_hit_first(tmp_path):
    encoder = HashingEncoder()
    store = LocalVectors(tmp_path / "vectors", encoder.fingerprint, "hashing", encoder.model.dimension)
    index = VectorIndex(encoder, store, EXECUTOR)
    catalog = Catalog(tmp_path / "index.sqlite")
    texts = {f"other_{n}": f"send the invoice to a customer of depot {n}" for n in range(12)}
    texts["wanted"] = "send the invoice of a customer again"
    for name, text in texts.items():
        catalog.replace(File(f"{name}.py"), [(make_entry(f"{name}.py", name), text)])
    vectors = {f"hash of {name}": encoder.encode_query(text) for name, text in texts.items()}
    wanted = vectors.pop("hash of wanted")
    store.upsert(vectors)
    catalog.embedded.add(index.name, vectors)
    query = parse_query("send the invoice again to a customer")
    nearest = asyncio.run(nearest_chunks(query, catalog, index, Coverage(13, 12), EXECUTOR))
    assert search(query, catalog, nearest).hits[0].entry.name == "wanted"
    assert search(query, catalog, nearest).hits[0].matched == ("lexical",)
    store.upsert({"hash of wanted": wanted})
    nearest = asyncio.run(nearest_chunks(query, catalog, index, Coverage(13, 13), EXECUTOR))
    assert search(query, catalog, nearest).hits[0].entry.name == "wanted"
    store.close()
    catalog.close()


def test_search_chunk_without_a_vector_is_above_the_average_of_equal_ones(tmp_path):
    catalog, encoder = Catalog(tmp_path / "index.sqlite"), HashingEncoder()
    store = LocalVectors(tmp_path / "vectors", encoder.fingerprint, "hashing", encoder.model.dimension)
    index = VectorIndex(encoder, store, EXECUTOR)
    query = parse_query("send the invoice")
    asked = encoder.encode_query(query.text)
    other = np.linalg.norm(asked) * np.eye(len(asked), dtype=np.float32)[int(np.argmin(abs(asked)))]
    for number in range(21):
        entry = make_entry(f"f{number:02}.py", f"number{number:02}")
        catalog.replace(File(entry.path, language="python"), [(entry, "send the invoice")])
        if number != 20:
            share = 1 - number / 25
            catalog.embedded.add(index.name, [entry.content_hash])
            store.upsert({entry.content_hash: share * asked + (1 - share**2) ** 0.5 * other})
    nearest = asyncio.run(nearest_chunks(query, catalog, index, Coverage(21, 20), EXECUTOR))
    names = [hit.entry.name for hit in search(replace(query, limit=21), catalog, nearest).hits]
    assert names[:3] == ["number00", "number01", "number02"]
    assert names.index("number20") in (5, 6, 7)  # as far above the average as the errors suggest
    store.close()
    catalog.close()


class RescaledVectors:
    """A store whose cosines are those of another one, scaled and shifted, as another model's may be."""

    def __init__(self, vectors, scale, shift):
        self._vectors, self._scale, self._shift = vectors, scale, shift

    def query(self, *arguments):
        return [(key, self._scale * cosine + self._shift) for key, cosine in self._vectors.query(*arguments)]


@pytest.mark.parametrize(("scale", "shift"), [(1, 0.3), (2, 0), (0.1, 0.8)])
def test_search_scores_do_not_depend_on_range_of_cosines(catalog, index, scale, shift):
    rescaled = replace(index, vectors=RescaledVectors(index.vectors, scale, shift))
    query = parse_query("how is a header read")
    expected = [(hit.entry.path, pytest.approx(hit.score, abs=1e-4)) for hit in find(query, catalog, index)]
    assert [(hit.entry.path, hit.score) for hit in find(query, catalog, rescaled)] == expected


def test_search_returns_snippets_with_descending_scores(catalog, index):
    hits = find(parse_query("header"), catalog, index)
    assert hits[0].snippet == "read a header"
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_search_returns_at_most_limit_hits(catalog, index):
    assert len(find(parse_query("header request retry", 2), catalog, index)) == 2


def test_search_by_file_returns_the_best_definitions_of_a_file_together(catalog):
    names = ["weigh_one", "weigh_two", "weigh_more", "weigh_all"]
    many = [
        (make_entry("parcel.py", name, name_row=row), "weigh the parcel") for row, name in enumerate(names)
    ]
    catalog.replace(File("parcel.py"), many)
    for number in range(20):
        entry = make_entry(f"{number}.py", f"weigh_{number}")
        catalog.replace(File(entry.path), [(entry, "weigh the parcel")])
    flat = paths(find(parse_query("weigh a parcel", 20), catalog))
    assert flat.count("parcel.py") == 4
    grouped = paths(find(parse_query("weigh a parcel", 20, by_file=True), catalog))
    assert grouped[:4] == ["parcel.py", "parcel.py", "parcel.py", flat[4]]
    assert len(set(grouped[3:])) == 17
    assert paths(find(parse_query("weigh a parcel", 3, by_file=True), catalog)) == grouped[:3]


def test_search_by_file_with_filters_alone_lists_all_definitions(catalog):
    many = [(make_entry("depot.py", f"weigh_{row}", name_row=row), "") for row in range(5)]
    catalog.replace(File("depot.py"), many)
    assert len(find(parse_query("name:weigh*", by_file=True), catalog)) == 5


@pytest.fixture
def long_definition(catalog):
    """Add a function of three chunks, and a short one in the same file."""

    def chunk(name, number, start, name_row):
        return make_entry(
            "orders.py",
            name,
            content_hash=f"hash {number}",
            start_byte=2000 * number,
            end_byte=2000 * number + 1,
            start_row=start,
            end_row=start + 50,
            name_row=name_row,
            name_column=4,
            name_end_row=name_row,
            name_end_column=9,
        )

    chunks = [
        (chunk("process_order", 0, start=0, name_row=0), "def process_order(order):"),
        (chunk("process_order", 1, start=60, name_row=0), "audit the ledger of the warehouse"),
        (chunk("process_order", 2, start=120, name_row=0), "return the invoice"),
        (chunk("audit_ledger", 3, start=200, name_row=200), "audit the ledger"),
    ]
    catalog.replace(File("orders.py", language="python"), chunks)


@pytest.mark.usefixtures("long_definition")
def test_search_long_definition_returns_its_best_chunk_once(catalog):
    hits = find(parse_query("audit the invoice in the warehouse ledger"), catalog)
    found = [(hit.entry.name, hit.snippet) for hit in hits]
    assert found.count(("process_order", "audit the ledger of the warehouse")) == 1
    assert [name for name, _ in found].count("process_order") == 1
    assert len(find(parse_query("audit the invoice in the warehouse ledger", 2), catalog)) == 2


@pytest.mark.usefixtures("long_definition")
@pytest.mark.parametrize("text", ["process_order", "process_ord", "how does process_order audit the ledger"])
def test_search_long_definition_by_name_returns_the_chunk_with_the_name(catalog, text):
    hits = [hit for hit in find(parse_query(text), catalog) if hit.entry.name == "process_order"]
    assert [hit.snippet for hit in hits] == ["def process_order(order):"]


def test_search_long_documentation_returns_the_declaration(catalog):
    comment = "# Mounts a plugin into the application.\n" * 100
    source = f"{comment}class Engine < Railtie\n  def call(env)\n    env\n  end\nend\n"
    entries = [
        make_entry(
            "engine.rb",
            one.name,
            content_hash=one.text,
            start_row=one.span.start.row,
            end_row=one.span.end.row,
            end_column=one.span.end.column,
            name_row=one.selection.start.row,
            name_column=one.selection.start.column,
        )
        for one in chunks_of(source, "ruby")
    ]
    texts = [one.text for one in chunks_of(source, "ruby")]
    catalog.replace(File("engine.rb", language="ruby"), list(zip(entries, texts, strict=True)))
    (hit,) = find(parse_query("mount a plugin into the application"), catalog)
    assert hit.snippet.splitlines()[-1] == "class Engine < Railtie"
    assert hit.entry.holds_name
    assert hit.row == 0
    (filtered,) = find(parse_query('mount "plugin into" -"class Engine"'), catalog)
    assert filtered.entry.precedes_name


def test_search_with_high_limit_returns_as_many_hits(catalog):
    for number in range(300):
        entry = make_entry(f"many/{number}.py", f"f{number}")
        catalog.replace(File(entry.path), [(entry, "a widget")])
    assert len(find(parse_query("widget", 300), catalog)) == 300


def test_search_vector_of_removed_file_is_no_hit(catalog, index):
    catalog.remove(["src/http/client.py"])
    assert "src/http/client.py" not in paths(find(parse_query("send request again", 50), catalog, index))


@pytest.mark.parametrize("is_hybrid", [False, True])
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"languages": ["go"]}, {"src/http/server.go"}),
        ({"languages": ["Py", "golang"]}, {path for path in FILES if not path.endswith(".md")}),
        ({"kinds": ["MODULE"]}, {"docs/retry.md"}),
        ({"paths": ["src"]}, {path for path in FILES if path.startswith("src/")}),
        ({"paths": ["src/"]}, {path for path in FILES if path.startswith("src/")}),
        ({"paths": ["http"]}, {path for path in FILES if "/http/" in path}),
        ({"paths": ["/http"]}, set()),
        ({"paths": ["*.py"]}, {path for path in FILES if path.endswith(".py")}),
        ({"paths": ["src/*.py"]}, {"src/parse.py"}),
        ({"paths": ["src/**/*.py"]}, {"src/parse.py", "src/http/client.py"}),
        ({"paths": ["./src/parse.p?"]}, {"src/parse.py"}),
        ({"paths": ["**/client.py", "docs"]}, {"src/http/client.py", "docs/retry.md"}),
        ({"paths": ["src/parse.py"], "languages": ["go"]}, set()),
        ({"paths": ["sr", "a+b", "[x]"]}, set()),
    ],
)
def test_search_with_explicit_filters_returns_only_matching_files(
    catalog, index, is_hybrid, filters, expected
):
    everything = "retry request listen and serve parse header test"
    hits = find(parse_query(everything, 50, **filters), catalog, index if is_hybrid else None)
    assert set(paths(hits)) == expected


@pytest.mark.parametrize(
    "text", ['"', "'; DROP TABLE chunks; --", "*", "a AND (b", "\0", "ä" * 5000, "日本語", "😀"]
)
def test_search_any_text_succeeds(catalog, index, text):
    find(parse_query(text), catalog, index)
    assert len(catalog.files_after("")) == len(FILES)


def test_search_identifier_in_other_case_finds_it(catalog, index):
    hits = find(parse_query("PARSE_HEADER"), catalog, index)
    assert hits[0].entry.name == "parse_header"


@pytest.mark.parametrize("is_hybrid", [False, True])
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("lang:go", {"src/http/server.go"}),
        ("lang:go lang:md", {"src/http/server.go", "docs/retry.md"}),
        ("-lang:py", {"src/http/server.go", "docs/retry.md"}),
        ("path:src -path:http", {"src/parse.py"}),
        ("-path:tests -path:*.md -path:/src/http", {"src/parse.py"}),
        ("path:src/** lang:go", {"src/http/server.go"}),
        ("path:*.{md,go}", {"src/http/server.go", "docs/retry.md"}),
        ("path:{docs,src/http}/{retry,server}.*", {"src/http/server.go", "docs/retry.md"}),
        ("kind:module", {"docs/retry.md"}),
        ("-kind:module lang:md", set()),
        ("name:parse_header", {"src/parse.py"}),
        ("name:PARSE*", {"src/parse.py"}),
        ("name:*parse…", {"src/parse.py", "tests/test_parse.py"}),
        ("name:parse", set()),
        ("name:parse?header", set()),
        ("name:%", set()),
        ("-name:*_*", {"src/http/server.go", "docs/retry.md"}),
        ('"send a request"', {"src/http/client.py"}),
        ('"END A REQ"', {"src/http/client.py"}),
        ('"a request is sent" "again"', {"docs/retry.md"}),
        ('"again" -"is sent"', {"src/http/client.py"}),
        ('"src/http" -"server"', {"src/http/client.py"}),
        ('"header read"', set()),
    ],
)
def test_search_with_typed_filters_returns_only_matching_files(catalog, index, is_hybrid, filters, expected):
    everything = "retry request listen and serve parse header test"
    hits = find(parse_query(f"{everything} {filters}", 50), catalog, index if is_hybrid else None)
    assert set(paths(hits)) == expected
    listed = find(parse_query(filters, 50), catalog, index if is_hybrid else None)
    assert set(paths(listed)) == expected


def test_search_with_typed_and_explicit_filters_combines_them(catalog, index):
    assert paths(find(parse_query("header lang:py", paths=["tests"]), catalog, index)) == [
        "tests/test_parse.py"
    ]
    assert find(parse_query("header lang:py", languages=["go"]), catalog, index) == []


def test_search_with_filters_alone_lists_definitions_by_path(catalog, index):
    hits = find(parse_query("-lang:md"), catalog, index)
    assert paths(hits) == sorted(path for path in FILES if not path.endswith(".md"))
    assert len(find(parse_query("-lang:md", 2), catalog, index)) == 2


@pytest.mark.parametrize(
    "name",
    [
        "Parser.feed",
        "http::Parser::feed",
        "Parser#f*",
        "PARSER->feed",
        "Parser.*",
        "Parser:feed",
        "Parser.feed/1",
        "http/Parser::feed",
    ],
)
def test_search_with_container_in_name_filter_matches_members(catalog, name):
    for path, container in [("a.py", "http.Parser"), ("b.py", "OtherParser"), ("c.py", "")]:
        entry = make_entry(path, "feed", kind="Method", container=container)
        catalog.replace(File(path), [(entry, "")])
    assert paths(find(parse_query(f"name:{name}"), catalog)) == ["a.py"]
    assert "a.py" not in paths(find(parse_query(f"-name:{name}"), catalog))


@pytest.mark.parametrize("name", ["shop#list#open", "ns::copy", "lisp:name", "s:render"])
def test_search_with_separators_in_name_matches_definition(catalog, name):
    entry = make_entry("a.vim", name.removeprefix("s:"))
    catalog.replace(File("a.vim"), [(entry, "")])
    assert paths(find(parse_query(f"name:{name}"), catalog)) == ["a.vim"]


@pytest.mark.parametrize("name", ["tableView", "TABLEVIEW", "tableView:height*", "List.tableView"])
def test_search_with_first_part_of_selector_in_name_filter_matches_it(catalog, name):
    for path, found in [("a.m", "tableView:height:"), ("b.m", "tableView: it draws"), ("c.m", "tableViews:")]:
        catalog.replace(File(path), [(make_entry(path, found, kind="Method", container="List"), "")])
    assert "a.m" in paths(find(parse_query(f'name:"{name}"'), catalog))
    assert not {"b.m", "c.m"} & set(paths(find(parse_query(f'name:"{name}"'), catalog)))


def test_search_with_dot_in_name_filter_matches_heading(catalog):
    entry = make_entry("a.md", "1.2 Install", language="markdown", kind="Module", container="Guide")
    catalog.replace(File("a.md"), [(entry, "")])
    assert paths(find(parse_query('name:"1.2 install"'), catalog)) == ["a.md"]


@pytest.mark.parametrize(
    "phrase",
    ['"std::vector<int> v = {1, 2};"', r'"print(\"hi\")"', '"%_*"', '"it\'s"', '"STRASSE"', '"x.y[0]"'],
)
def test_search_with_code_as_phrase_matches_it(catalog, phrase):
    text = """std::vector<int> v = {1, 2}; print("hi") %_* it's Straße x.y[0]"""
    catalog.replace(File("a.cpp"), [(make_entry("a.cpp", "f", language="cpp"), text)])
    assert paths(find(parse_query(phrase), catalog)) == ["a.cpp"]
    assert "a.cpp" not in paths(find(parse_query(f"-{phrase}"), catalog))


def test_search_with_maximum_of_filters_succeeds(catalog, index):
    many = [f'-"{number}" -path:{number} -name:{number}*' for number in range(MAX_FILTERS // 3)]
    assert find(parse_query(f"header {' '.join(many)}"), catalog, index)
    assert (
        find(parse_query(" ".join(f'"{"e" * number}"' for number in range(1, MAX_FILTERS))), catalog, index)
        == []
    )


def test_search_with_misspelled_word_finds_the_right_one(catalog):
    assert paths(find(parse_query("connnections"), catalog)) == ["src/http/server.go"]


@pytest.mark.parametrize(
    "message",
    [
        "error: failed to open file '/tmp/x': No such file",
        "Failed to open file",
        "ParcelError: failed to open file '/tmp/x' after 3 attempts (reading 'map')",
    ],
)
def test_search_for_error_message_finds_the_code_that_has_it_word_for_word(catalog, message):
    texts = {
        "all_words": "after all attempts to open a file, the file failed: an error, no file of such in /tmp",
        "writes_it": 'raise ParcelError("failed to open file %s after %d attempts" % (path, attempts))',
        **{f"other{number}": "something else" for number in range(20)},
    }
    for name, text in texts.items():
        catalog.replace(File(f"{name}.py"), [(make_entry(f"{name}.py", name), text)])
    assert paths(find(parse_query(message), catalog))[0] == "writes_it.py"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("总价", "# 计算订单总价并减去折扣"),
        ("怎么计算订单的总价", "# 计算订单总价并减去折扣"),
        ("锁", "// 获取锁之后写入"),
        ("redis", "// 使用Redis缓存用户会话"),
        ("getUser", "// 调用getUser获取"),
        ("在庫数", "# 現在の在庫数を返す"),
        ("회원가입", "// 회원가입을 처리한다"),
        ("ผู้ใช้", "# ค้นหาผู้ใช้ทั้งหมด"),
        ("ເອກະສານ", "# ເປີດເອກະສານໃໝ່"),
    ],
)
def test_search_finds_words_that_have_no_spaces_around_them(catalog, query, text):
    catalog.replace(File("words.py"), [(make_entry("words.py", "f"), text)])
    hits = find(parse_query(query), catalog)
    assert paths(hits)[:1] == ["words.py"]
    assert "lexical" in hits[0].matched


def test_search_finds_name_in_script_without_spaces_by_a_part(catalog):
    catalog.replace(File("a.py"), [(make_entry("a.py", "计算订单总价"), "pass")])
    catalog.replace(File("b.py"), [(make_entry("b.py", "f"), "# 订单\n# 总价\n" * 20)])
    assert paths(find(parse_query("订单总价"), catalog)) == ["a.py", "b.py"]
