import pytest

from semls.engine.search.analysis import AnalyzedQuery
from semls.engine.search.ranking import Candidate, best_row, rank
from tests.support.entries import make_entry


def entry(name="", path="src/a.py", **changes):
    """Return a chunk with a content hash of its own."""
    return make_entry(path, name, **{"content_hash": f"{path} {name}", **changes})


def order(text, *entries, lexical=()):
    """Return the names of chunks, best first. Lexical scores that are not given are equal."""
    scores = [*lexical, *[0.5] * (len(entries) - len(lexical))]
    candidates = {number: Candidate(entry, scores[number]) for number, entry in enumerate(entries)}
    return [entries[number].name for number, _ in rank(AnalyzedQuery.from_text(text), candidates)]


def test_analyze_drops_stop_words_unless_all_words_are():
    assert AnalyzedQuery.from_text("Where is the decoder loaded?").terms == ("decoder", "loaded")
    assert AnalyzedQuery.from_text("what is this").terms == ("what", "is", "this")


def test_analyze_identifier_returns_it_and_its_parts():
    query = AnalyzedQuery.from_text("parseHTTPHeader")
    assert query.terms == ("parsehttpheader", "parse", "http", "header")
    assert query.names == ("parseHTTPHeader",)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tokenizer", ("tokenizer",)),
        ("how does load_decoder work", ("load_decoder",)),
        ("what calls Tokenizer.decode", ("decode",)),
        ("std::vector::push_back", ("push_back",)),
        ("how does the tokenizer work", ()),
    ],
)
def test_analyze_finds_names_of_symbols(text, names):
    assert AnalyzedQuery.from_text(text).names == names


def test_rank_adds_lexical_and_semantic_scores():
    candidates = {
        1: Candidate(entry("lexical"), lexical=9.0),
        2: Candidate(entry("both", "src/b.py"), lexical=9.0, semantic=4.0),
        3: Candidate(entry("semantic", "src/c.py"), semantic=2.0),
        4: Candidate(entry("neither", "src/d.py")),
    }
    assert [number for number, _ in rank(AnalyzedQuery.from_text("anything"), candidates)] == [2, 1, 3, 4]


@pytest.mark.parametrize(("semantic", "first"), [(1.0, "lexical"), (9.0, "semantic")])
def test_rank_chunk_that_is_much_nearer_than_others_comes_first(semantic, first):
    candidates = {
        1: Candidate(entry("lexical"), lexical=0.5),
        2: Candidate(entry("semantic", "src/b.py"), semantic=semantic),
    }
    assert candidates[rank(AnalyzedQuery.from_text("anything"), candidates)[0][0]].entry.name == first


def test_rank_boosts_symbol_that_the_query_names():
    candidates = {
        1: Candidate(entry("decoder"), 0.3),
        2: Candidate(entry("load_decoder_for_tokenizer", "src/b.py"), 1.0),
    }
    assert next(iter(rank(AnalyzedQuery.from_text("decoder"), candidates)))[0] == 1


def test_rank_type_before_its_constructor():
    method = entry("Decoder", container="Decoder", kind="Constructor")
    assert order("Decoder", method, entry("Decoder", kind="Class", content_hash="type"))[0] == "Decoder"
    candidates = {1: Candidate(method, 1.0), 2: Candidate(entry("Decoder", kind="Class"), 1.0)}
    assert rank(AnalyzedQuery.from_text("Decoder"), candidates)[0][0] == 2


def test_rank_qualified_name_boosts_member_of_that_container():
    inside = entry("decode", "src/a.py", container="text.Tokenizer")
    outside = entry("decode", "src/b.py", container="Video")
    candidates = {1: Candidate(outside, 1.0), 2: Candidate(inside, 0.6)}
    assert rank(AnalyzedQuery.from_text("Tokenizer::decode"), candidates)[0][0] == 2


@pytest.mark.parametrize("prefix", ["parseHTTP", "pHH", "parHead"])
def test_rank_boosts_name_that_starts_with_the_query(prefix):
    other = entry("unrelated", "src/b.py")
    wanted = entry("parseHTTPHeader") if prefix != "parHead" else entry("parseHeader")
    assert order(prefix, other, wanted)[0] == wanted.name


def test_rank_boosts_file_with_matching_name():
    assert order("session eviction", entry("x"), entry("y", "src/session/eviction.py"))[0] == "y"


def test_rank_boosts_file_with_matching_definition():
    helper = entry("warn", "src/b.py")
    assert order("load the decoder", entry("save"), helper, entry("load_decoder", "src/b.py"))[0] != "save"


def test_rank_boosts_file_with_many_candidates():
    spoken = [entry(f"part{number}", "src/one.py") for number in range(3)]
    assert order("anything", entry("once", "src/b.py"), *spoken)[0] == "part0"


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("tests/test_parse.py", "test"),
        ("src/parse.test.py", "test"),
        ("examples/parse.py", "example"),
        ("src/parse_pb2.py", "generated"),
        ("single_include/parse.hpp", "generated"),
        ("dist/parse.js", "generated"),
        ("priv/static/parse.js", "generated"),
        ("public/build/parse.js", "generated"),
        ("src/__generated__/parse.ts", "generated"),
    ],
)
def test_rank_penalizes_auxiliary_files_unless_the_query_asks_for_them(path, word):
    code, auxiliary = entry("code", "src/parse.py"), entry("auxiliary", path)
    assert order("how is text parsed", auxiliary, code)[0] == "code"
    assert order(f"{word} of parsing", auxiliary, code, lexical=(0.5, 0.3))[0] == "auxiliary"
    assert order("how is text parsed", auxiliary, code, lexical=(0.5, 0.3))[0] == "code"


def test_rank_softens_penalty_of_tests_for_query_about_testing():
    client = entry("TestClient", "src/testing.py", kind="Class")
    test = entry("test_client", "tests/test_client.py")
    assert order("test client", test, client, lexical=(0.5, 0.5))[0] == "TestClient"


def test_rank_boosts_name_in_the_case_of_the_query():
    upper, lower = entry("Url", "src/a.py"), entry("url", "src/b.py")
    assert order("Url", lower, upper)[0] == "Url"
    assert order("url", upper, lower)[0] == "url"


@pytest.mark.parametrize("name", ["mod.rs", "index.js", "__init__.py", "lib.rs", "main.go"])
def test_rank_of_file_named_after_its_role_uses_its_folder(name):
    module = entry("run", f"src/decoder/{name}")
    assert order("decoder", entry("run", "src/other/text.py"), module, entry("b", "decoder/a.py"))[0] == "run"


def test_rank_does_not_penalize_pieces_of_one_definition():
    pieces = [entry("parse", content_hash=f"piece {number}", name_row=7) for number in range(3)]
    other = entry("write", content_hash="other", name_row=90)
    candidates = {number: Candidate(each, 0.5) for number, each in enumerate([*pieces, other])}
    scores = dict(rank(AnalyzedQuery.from_text("anything"), candidates))
    assert scores[0] == scores[1] == scores[2] > scores[3]


@pytest.mark.parametrize("name", ["parse.umd.js", "parse.cjs.js", "parse.esm.mjs", "parse.bundle.js"])
def test_rank_penalizes_built_copy(name):
    built, source = entry("built", f"lib/{name}"), entry("source", "lib/parse.js")
    assert order("anything", built, source)[0] == "source"


@pytest.mark.parametrize("path", ["src/esm.js", "src/umd/parse.js", "src/parse.esm.ts", "build/parse.js"])
def test_rank_of_path_that_resembles_built_file_is_not_penalized(path):
    assert order("how is text parsed", entry("code", path), entry("test", "tests/parse.js"))[0] == "code"


@pytest.mark.parametrize("newer", ["src/v2/parse.py", "src/parse.py", "src/v10/json.py"])
def test_rank_penalizes_older_version_unless_the_query_asks_for_it(newer):
    old, new = entry("old", "src/v1/parse.py"), entry("new", newer)
    assert order("how is text read", old, new) == ["new", "old"]
    assert order("how is text read in v1", new, old)[0] == "old"
    assert order("the legacy way of reading", old, new)[0] == "old"


def test_rank_does_not_penalize_version_without_newer_one():
    assert order("how is text read", entry("api", "api/v1/read.py"), entry("x", "src/v2/x.py"))[0] == "api"


def test_rank_penalizes_prose_unless_the_query_asks_for_it():
    code, prose = entry("code", "src/parse.py"), entry("prose", "parse.md", language="markdown")
    assert order("how is text parsed", prose, code)[0] == "code"
    assert order("changelog of parse", code._replace(path="src/other.py"), prose)[0] == "prose"


def test_rank_penalizes_build_files_unless_the_query_asks_for_them():
    code, build = entry("code", "src/parse.c"), entry("build", "src/CMakeLists.txt", language="cmake")
    assert order("how is text parsed", build, code)[0] == "code"
    assert order("how does it build", code._replace(path="src/other.c"), build)[0] == "build"


def test_rank_penalizes_further_chunks_of_a_file():
    same = [entry(name, "src/one.py") for name in "abc"]
    assert order("anything else", *same, entry("other", "src/two.py"))[:2] == ["a", "other"]


def test_rank_further_chunk_that_matches_better_than_other_files_follows():
    candidates = {
        1: Candidate(entry("best", "src/one.py"), lexical=1.0),
        2: Candidate(entry("second", "src/one.py"), lexical=0.9),
        3: Candidate(entry("other", "src/two.py"), lexical=0.5),
    }
    assert [number for number, _ in rank(AnalyzedQuery.from_text("anything"), candidates)] == [1, 2, 3]


def test_rank_penalizes_exact_duplicates():
    duplicates = [entry(f"copy{number}", f"src/{number}.py", content_hash="same") for number in range(3)]
    assert order("anything else", *duplicates, entry("other", "src/x.py"))[:2] == ["copy0", "other"]


@pytest.mark.parametrize(
    ("query", "text", "row"),
    [
        ("where is the mail rejected", "def send(mail):\n    queue(mail)\n    reject(mail)", 2),
        ("mail", "def send():\n    mail = 1\n    return mail", 1),
        ("rejections", "first\rsecond\r\n    raise MailRejected", 2),
        ("anything else", "one\ntwo\nthree", 0),
        ("where is it", "", 0),
    ],
)
def test_best_row_returns_row_with_rarest_stems(query, text, row):
    assert best_row(AnalyzedQuery.from_text(query), text) == row
