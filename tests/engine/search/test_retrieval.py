"""Questions against a real catalog and a real Chroma store, with the hashing encoder."""

import asyncio

import pytest

from semls.engine.models.encoder import HashingEncoder
from semls.engine.scheduler import PriorityExecutor
from semls.engine.search.query import MOST_FILTERS, query
from semls.engine.search.retrieval import near, search
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from semls.engine.storage.vectors_local import LocalVectors
from semls.engine.vector_index import VectorIndex
from semls.errors import UsageError
from semls.limits import MAX_QUERY_LENGTH
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
def view(tmp_path):
    encoder = HashingEncoder()
    store = LocalVectors(tmp_path / "vectors", encoder.fingerprint, "hashing", encoder.model.dimension)
    names, texts = zip(*FILES.values(), strict=True)
    vectors = encoder.encode_documents([f"{name}\n{text}" for name, text in FILES.values()])
    assert len(texts) == len(vectors)
    store.upsert({f"hash of {name}": vector for name, vector in zip(names, vectors, strict=True)})
    yield VectorIndex(encoder, store, EXECUTOR)
    store.close()


def answers(asked, catalog, view=None):
    vectors = asyncio.run(near(asked, catalog, view, EXECUTOR)) if view else {}
    return search(asked, catalog, vectors)


def paths(hits):
    return [hit.entry.path for hit in hits]


def test_words_and_vectors_find_each_on_its_own_and_together(catalog, view):
    asked = query("send the request again")
    assert paths(answers(asked, catalog))[0] == "src/http/client.py"
    assert paths(answers(asked, catalog, view))[0] == "src/http/client.py"


def test_a_hit_carries_its_source_and_scores_fall(catalog, view):
    hits = answers(query("header"), catalog, view)
    assert hits[0].snippet == "read a header"
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_the_limit_is_kept(catalog, view):
    assert len(answers(query("header request retry", 2), catalog, view)) == 2


@pytest.fixture
def long_definition(catalog):
    """A function of three chunks, and a short one in the same file."""

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
def test_search_long_definition_is_one_hit_with_the_best_chunk(catalog):
    hits = answers(query("audit the invoice in the warehouse ledger"), catalog)
    found = [(hit.entry.name, hit.snippet) for hit in hits]
    assert found.count(("process_order", "audit the ledger of the warehouse")) == 1
    assert [name for name, _ in found].count("process_order") == 1
    assert len(answers(query("audit the invoice in the warehouse ledger", 2), catalog)) == 2


@pytest.mark.usefixtures("long_definition")
@pytest.mark.parametrize(
    "question", ["process_order", "process_ord", "how does process_order audit the ledger"]
)
def test_search_long_definition_asked_for_by_name_is_one_hit_with_the_name(catalog, question):
    hits = [hit for hit in answers(query(question), catalog) if hit.entry.name == "process_order"]
    assert [hit.snippet for hit in hits] == ["def process_order(order):"]


def test_as_many_hits_as_are_asked_for(catalog):
    for number in range(300):
        entry = make_entry(f"many/{number}.py", f"f{number}")
        catalog.replace(File(entry.path), [(entry, "a widget")])
    assert len(answers(query("widget", 300), catalog)) == 300


def test_what_the_vectors_know_but_the_catalog_does_not_is_no_hit(catalog, view):
    catalog.remove(["src/http/client.py"])
    assert "src/http/client.py" not in paths(answers(query("send request again", 50), catalog, view))


@pytest.mark.parametrize("seen", [False, True])
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
def test_filters(catalog, view, seen, filters, expected):
    everything = "retry request listen and serve parse header test"
    hits = answers(query(everything, 50, **filters), catalog, view if seen else None)
    assert set(paths(hits)) == expected


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"text": ""}, "empty"),
        ({"text": " \n"}, "empty"),
        ({"text": "x" * (MAX_QUERY_LENGTH + 1)}, "10,001"),
        ({"text": "x", "limit": 0}, "from 1"),
        ({"text": "x", "limit": -5}, "from 1"),
        ({"text": "x", "limit": 10**9}, "1,000"),
        ({"text": "x", "languages": ["klingon"]}, "klingon"),
        ({"text": "x", "kinds": ["thing"]}, "thing"),
        ({"text": "x", "paths": [""]}, "pattern"),
        ({"text": "x", "paths": ["/"]}, "pattern"),
    ],
)
def test_a_wrong_question_is_explained(wrong, word):
    with pytest.raises(UsageError, match=word):
        query(**wrong)


@pytest.mark.parametrize(
    "text", ['"', "'; DROP TABLE chunks; --", "*", "a AND (b", "\0", "ä" * 5000, "日本語", "😀"]
)
def test_no_question_is_too_odd(catalog, view, text):
    answers(query(text), catalog, view)
    assert len(catalog.files_after("")) == len(FILES)


def test_an_identifier_in_another_case_is_found(catalog, view):
    hits = answers(query("PARSE_HEADER"), catalog, view)
    assert hits[0].entry.name == "parse_header"


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("lang:go", {"src/http/server.go"}),
        ("lang:go lang:md", {"src/http/server.go", "docs/retry.md"}),
        ("-lang:py", {"src/http/server.go", "docs/retry.md"}),
        ("path:src -path:http", {"src/parse.py"}),
        ("-path:tests -path:*.md -path:/src/http", {"src/parse.py"}),
        ("path:src/** lang:go", {"src/http/server.go"}),
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
def test_filters_in_the_question(catalog, view, seen, filters, expected):
    everything = "retry request listen and serve parse header test"
    hits = answers(query(f"{everything} {filters}", 50), catalog, view if seen else None)
    assert set(paths(hits)) == expected
    listed = answers(query(filters, 50), catalog, view if seen else None)
    assert set(paths(listed)) == expected


def test_filters_in_the_question_and_beside_it_hold_together(catalog, view):
    assert paths(answers(query("header lang:py", paths=["tests"]), catalog, view)) == ["tests/test_parse.py"]
    assert answers(query("header lang:py", languages=["go"]), catalog, view) == []


def test_filters_alone_list_definitions_by_path(catalog, view):
    hits = answers(query("-lang:md"), catalog, view)
    assert paths(hits) == sorted(path for path in FILES if not path.endswith(".md"))
    assert len(answers(query("-lang:md", 2), catalog, view)) == 2


@pytest.mark.parametrize(
    "name", ["Parser.feed", "http::Parser::feed", "Parser#f*", "PARSER->feed", "Parser.*"]
)
def test_a_member_is_named_with_its_container(catalog, name):
    for path, container in [("a.py", "http.Parser"), ("b.py", "OtherParser"), ("c.py", "")]:
        entry = make_entry(path, "feed", kind="Method", container=container)
        catalog.replace(File(path), [(entry, "")])
    assert paths(answers(query(f"name:{name}"), catalog)) == ["a.py"]
    assert "a.py" not in paths(answers(query(f"-name:{name}"), catalog))


def test_a_heading_with_a_dot_is_a_name(catalog):
    entry = make_entry("a.md", "1.2 Install", language="markdown", kind="Module", container="Guide")
    catalog.replace(File("a.md"), [(entry, "")])
    assert paths(answers(query('name:"1.2 install"'), catalog)) == ["a.md"]


@pytest.mark.parametrize(
    "phrase",
    ['"std::vector<int> v = {1, 2};"', r'"print(\"hi\")"', '"%_*"', '"it\'s"', '"STRASSE"', '"x.y[0]"'],
)
def test_a_phrase_may_be_code(catalog, phrase):
    text = """std::vector<int> v = {1, 2}; print("hi") %_* it's Straße x.y[0]"""
    catalog.replace(File("a.cpp"), [(make_entry("a.cpp", "f", language="cpp"), text)])
    assert paths(answers(query(phrase), catalog)) == ["a.cpp"]
    assert "a.cpp" not in paths(answers(query(f"-{phrase}"), catalog))


def test_many_filters_are_still_one_query(catalog, view):
    many = [f'-"{number}" -path:{number} -name:{number}*' for number in range(MOST_FILTERS // 3)]
    assert answers(query(f"header {' '.join(many)}"), catalog, view)
    assert (
        answers(query(" ".join(f'"{"e" * number}"' for number in range(1, MOST_FILTERS))), catalog, view)
        == []
    )
