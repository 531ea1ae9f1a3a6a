from dataclasses import replace

import pytest

from semls.engine.catalogue import Entry
from semls.engine.ranking import Question, fuse, rank

PLAIN = Entry("src/a.py", "python", "Function", "", "", "", "", "", *[0] * 10)


def entry(name="", path="src/a.py", **changes):
    return replace(PLAIN, name=name, path=path, **changes)


def order(question, *entries):
    """Names in the order of their rank; all are found equally well by words and by vectors."""
    known = dict(enumerate(entries))
    ranked = rank(Question.of(question), known, dict.fromkeys(known, 0.5))
    return [entries[number].name for number, _ in ranked]


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


def test_reciprocal_ranks_add_up():
    scores = fuse([[1, 2], [2, 3]], extra=[4])
    assert scores[2] > scores[1] > scores[3] > scores[4] == 0
    assert fuse([[7], [7]]) == {7: pytest.approx(1.0)}


def test_the_symbol_that_is_named_comes_first_though_nothing_else_found_it():
    entries = {1: entry("decoder"), 2: entry("load_decoder_for_tokenizer", "src/b.py")}
    ranked = rank(Question.of("decoder"), entries, {1: 0.0, 2: 1.0})
    assert [number for number, _ in ranked] == [1, 2]


def test_a_member_is_looked_for_in_its_container():
    inside = entry("decode", "src/a.py", container="text.Tokenizer")
    outside = entry("decode", "src/b.py", container="Video")
    question = Question.of("Tokenizer::decode")
    ranked = rank(question, {1: outside, 2: inside}, {1: 1.0, 2: 0.1})
    assert ranked[0][0] == 2


def test_words_in_the_name_and_in_the_path_count():
    assert order("load the decoder", entry("save"), entry("load_decoder", "src/b.py"))[0] == "load_decoder"
    assert order("session eviction", entry("x"), entry("y", "src/session/eviction.py"))[0] == "y"


def test_tests_and_prose_stand_behind_unless_asked_for():
    code = entry("code", "src/parse.py")
    test, prose = entry("test", "tests/test_parse.py"), entry("prose", "docs/parse.md", language="markdown")
    assert order("how is text parsed", test, prose, code)[0] == "code"
    assert order("test of parsing", replace(code, path="src/other.py"), test)[0] == "test"


def test_one_file_does_not_fill_the_answer():
    same = [entry(name, "src/one.py") for name in "abc"]
    assert order("anything else", *same, entry("other", "src/two.py"))[:2] == ["a", "other"]
