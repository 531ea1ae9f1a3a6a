import pytest

from semls.engine.syntax.stems import canonical_words, stem


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("auth", "authorization"),
        ("authenticated", "authentication"),
        ("ctx", "context"),
        ("cfg", "configured"),
        ("db", "databases"),
        ("err", "errors"),
        ("init", "setup"),
        ("del", "removes"),
        ("repos", "repositories"),
        ("params", "arguments"),
        ("parsing", "parsed"),
    ],
)
def test_stem_of_synonyms_and_forms_is_the_same(word, other):
    assert stem(word) == stem(other)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("request", "response"),
        ("string", "strip"),
        ("value", "validate"),
        ("process", "processor"),
        ("parser", "parse"),
        ("set", "setup"),
        ("dir", "direct"),
        ("max", "matrix"),
    ],
)
def test_stem_of_different_things_differs(word, other):
    assert stem(word) != stem(other)


def test_canonical_words_yields_those_that_stand_for_others():
    assert list(canonical_words("init the Ctx with context, cfg_path")) == [
        "initialize",
        "context",
        "configuration",
    ]
