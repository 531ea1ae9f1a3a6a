import pytest

from semls.engine.search.ranking import Candidate, Question, best_row, rank
from tests.support.entries import make_entry


def entry(name="", path="src/a.py", **changes):
    """A chunk whose content is its own."""
    return make_entry(path, name, **{"content_hash": f"{path} {name}", **changes})


def order(question, *entries, words=0.5):
    """Names in the order of their rank; all are found equally well by words."""
    candidates = {number: Candidate(one, words) for number, one in enumerate(entries)}
    return [entries[number].name for number, _ in rank(Question.of(question), candidates)]


def test_stop_words_are_dropped_unless_there_is_nothing_else():
    assert Question.of("Where is the decoder loaded?").terms == ("decoder", "loaded")
    assert Question.of("what is this").terms == ("what", "is", "this")


def test_an_identifier_is_asked_for_whole_and_in_parts():
    question = Question.of("parseHTTPHeader")
    assert question.terms == ("parsehttpheader", "parse", "http", "header")
    assert question.names == ("parseHTTPHeader",)


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
def test_names_of_symbols_are_seen_in_a_question(text, names):
    assert Question.of(text).names == names


def test_words_and_vectors_add_up():
    candidates = {
        1: Candidate(entry("words"), words=9.0),
        2: Candidate(entry("both", "src/b.py"), words=9.0, nearness=0.4),
        3: Candidate(entry("vector", "src/c.py"), nearness=0.2),
        4: Candidate(entry("neither", "src/d.py")),
    }
    assert [number for number, _ in rank(Question.of("anything"), candidates)] == [2, 1, 3, 4]


@pytest.mark.parametrize(("share", "first"), [(0.1, "meaning"), (0.6, "words")])
def test_the_less_of_the_question_any_words_say_the_more_its_meaning_decides(share, first):
    candidates = {
        1: Candidate(entry("words"), words=share),
        2: Candidate(entry("meaning", "src/b.py"), nearness=0.4),
    }
    assert candidates[rank(Question.of("anything"), candidates)[0][0]].entry.name == first


def test_the_symbol_that_is_named_comes_first_though_few_words_found_it():
    candidates = {
        1: Candidate(entry("decoder"), 0.3),
        2: Candidate(entry("load_decoder_for_tokenizer", "src/b.py"), 1.0),
    }
    assert next(iter(rank(Question.of("decoder"), candidates)))[0] == 1


def test_a_type_comes_before_its_constructor():
    method = entry("Decoder", container="Decoder", kind="Constructor")
    assert order("Decoder", method, entry("Decoder", kind="Class", content_hash="type"))[0] == "Decoder"
    candidates = {1: Candidate(method, 1.0), 2: Candidate(entry("Decoder", kind="Class"), 1.0)}
    assert rank(Question.of("Decoder"), candidates)[0][0] == 2


def test_a_member_is_looked_for_in_its_container():
    inside = entry("decode", "src/a.py", container="text.Tokenizer")
    outside = entry("decode", "src/b.py", container="Video")
    candidates = {1: Candidate(outside, 1.0), 2: Candidate(inside, 0.6)}
    assert rank(Question.of("Tokenizer::decode"), candidates)[0][0] == 2


@pytest.mark.parametrize("typed", ["parseHTTP", "pHH", "parHead"])
def test_a_name_is_found_by_its_beginning_and_by_its_humps(typed):
    other = entry("unrelated", "src/b.py")
    wanted = entry("parseHTTPHeader") if typed != "parHead" else entry("parseHeader")
    assert order(typed, other, wanted)[0] == wanted.name


def test_a_file_named_after_the_subject_counts():
    assert order("session eviction", entry("x"), entry("y", "src/session/eviction.py"))[0] == "y"


def test_a_file_that_defines_the_subject_counts():
    helper = entry("warn", "src/b.py")
    assert order("load the decoder", entry("save"), helper, entry("load_decoder", "src/b.py"))[0] != "save"


def test_a_file_that_speaks_of_it_throughout_comes_before_one_that_mentions_it():
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
    ],
)
def test_what_is_seldom_meant_stands_behind_unless_asked_for(path, word):
    code, aside = entry("code", "src/parse.py"), entry("aside", path)
    assert order("how is text parsed", aside, code)[0] == "code"
    assert order(f"{word} of parsing", code._replace(path="src/other.py"), aside)[0] == "aside"


@pytest.mark.parametrize("newer", ["src/v2/parse.py", "src/parse.py", "src/v10/json.py"])
def test_an_older_version_stands_behind_a_newer_one_unless_asked_for(newer):
    old, new = entry("old", "src/v1/parse.py"), entry("new", newer)
    assert order("how is text read", old, new) == ["new", "old"]
    assert order("how is text read in v1", new, old)[0] == "old"
    assert order("the legacy way of reading", old, new)[0] == "old"


def test_a_version_without_a_newer_one_is_not_lowered():
    assert order("how is text read", entry("api", "api/v1/read.py"), entry("x", "src/v2/x.py"))[0] == "api"


def test_prose_stands_behind_code_unless_asked_for():
    code, prose = entry("code", "src/parse.py"), entry("prose", "parse.md", language="markdown")
    assert order("how is text parsed", prose, code)[0] == "code"
    assert order("changelog of parse", code._replace(path="src/other.py"), prose)[0] == "prose"


def test_build_files_stand_behind_code_unless_asked_for():
    code, build = entry("code", "src/parse.c"), entry("build", "src/CMakeLists.txt", language="cmake")
    assert order("how is text parsed", build, code)[0] == "code"
    assert order("how does it build", code._replace(path="src/other.c"), build)[0] == "build"


def test_one_file_does_not_fill_the_answer():
    same = [entry(name, "src/one.py") for name in "abc"]
    assert order("anything else", *same, entry("other", "src/two.py"))[:2] == ["a", "other"]


def test_copies_do_not_fill_the_answer():
    copies = [entry(f"copy{number}", f"src/{number}.py", content_hash="same") for number in range(3)]
    assert order("anything else", *copies, entry("other", "src/x.py"))[:2] == ["copy0", "other"]


@pytest.mark.parametrize(
    ("question", "text", "row"),
    [
        ("where is the mail rejected", "def send(mail):\n    queue(mail)\n    reject(mail)", 2),
        ("mail", "def send():\n    mail = 1\n    return mail", 1),
        ("rejections", "first\rsecond\r\n    raise MailRejected", 2),
        ("anything else", "one\ntwo\nthree", 0),
        ("where is it", "", 0),
    ],
)
def test_best_row_shares_the_rarest_terms(question, text, row):
    assert best_row(Question.of(question), text) == row
