import pytest

from semls.engine.storage.schema import File
from tests.support.entries import make_entry

TEXT = "receive the length of a parameter, then the function of middleware, tokens and a subset of formats"


@pytest.fixture
def vocabulary(catalog):
    catalog.replace(File("a.py"), [(make_entry(name="parseHttpHeaders"), TEXT)])
    return catalog.vocabulary


@pytest.mark.parametrize(
    ("word", "correction"),
    [
        ("recieve", "receiv"),
        ("lenght", "length"),
        ("paramter", "paramet"),
        ("fucntion", "function"),
        ("midleware", "middlewar"),
        ("parsehttpheadres", "parsehttphead"),
    ],
)
def test_corrections_of_misspelled_word_is_the_stem_of_the_right_one(vocabulary, word, correction):
    assert vocabulary.corrections([word]) == {word: correction}


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("receiving", id="known"),
        pytest.param("fn", id="known by a synonym"),
        pytest.param("chocolate", id="resembles none"),
        pytest.param("taken", id="short"),
        pytest.param("substr", id="another word"),
        pytest.param("utf8string", id="digits"),
        pytest.param("xreceive", id="other first letters"),
    ],
)
def test_corrections_leaves_other_words_alone(vocabulary, word):
    assert vocabulary.corrections([word]) == {}


def test_corrections_in_empty_catalog_are_none(catalog):
    assert catalog.vocabulary.corrections(["recieve"]) == {}
