import time

import pytest

from semls.engine.storage.filters import Filter
from semls.engine.storage.schema import File
from tests.support.entries import make_entry


def search(catalog, *terms, filters=()):
    return list(catalog.fulltext.search(terms, filters, 10))


@pytest.mark.parametrize(
    "term",
    [
        pytest.param("parseheader", id="name"),
        pytest.param("header", id="part of the name"),
        pytest.param("headers", id="other ending"),
        pytest.param("parse", id="first part of the name"),
        pytest.param("a", id="path"),
        pytest.param("body", id="body"),
    ],
)
def test_fulltext_search_finds_chunk_by_all_columns(catalog, names, term):
    catalog.replace(File("a.py"), [(make_entry(), "the body of it")])
    ((chunk, score),) = catalog.fulltext.search([term], (), 10).items()
    assert names([chunk]) == ["parseHeader"]
    assert score > 0


def test_fulltext_search_ranks_name_above_body(catalog, names):
    catalog.replace(File("a.py"), [(make_entry(name="other"), "header header header")])
    catalog.replace(File("b.py"), [(make_entry("b.py", "header"), "nothing")])
    catalog.replace(File("c.py"), [(make_entry("c.py", "unrelated"), "nothing")])
    assert names(search(catalog, "header")) == ["header", "other"]


def test_fulltext_search_ranks_name_above_the_sentence_that_names_a_test(catalog, names):
    sentence = "clears the queue of parcels"
    catalog.replace(File("a.spec.py"), [(make_entry("a.spec.py", sentence), f'it("{sentence}")')])
    catalog.replace(File("b.py"), [(make_entry("b.py", "clear"), "def clear(queue): self.items = []; pass")])
    for number in range(9):
        catalog.replace(File(f"{number}.py"), [(make_entry(f"{number}.py", "other"), "nothing")])
    assert names(search(catalog, "clear", "queue")) == ["clear", sentence]


def test_fulltext_search_ranks_heading_above_body(catalog, names):
    heading = "Installing the server"
    prose = {"language": "markdown", "kind": "Module"}
    catalog.replace(File("a.md"), [(make_entry("a.md", heading, **prose), "Run this.")])
    catalog.replace(File("b.md"), [(make_entry("b.md", "Other things", **prose), "install a server server")])
    catalog.replace(File("c.md"), [(make_entry("c.md", "More", **prose), "nothing")])
    catalog.replace(File("d.md"), [(make_entry("d.md", "Less", **prose), "nothing")])
    assert names(search(catalog, "install", "server"))[0] == heading


def test_fulltext_search_with_frequent_term_only_raises_scores(catalog, names, monkeypatch):
    monkeypatch.setattr("semls.engine.storage.fulltext._MAX_SCORED", 3)
    texts = {"rare": "quarantine of a letter", "both": "quarantine of a parcel"}
    texts |= {f"frequent{number}": "parcel" for number in range(5)}
    texts |= {f"other{number}": "nothing" for number in range(20)}
    for name, text in texts.items():
        catalog.replace(File(f"{name}.py"), [(make_entry(f"{name}.py", name), text)])
    found = catalog.fulltext.search(["parcel", "quarantine"], (), 10)
    assert names(list(found)) == ["both", "rare"]
    assert max(found.values()) < 1


@pytest.mark.parametrize("term", ['"', "AND", "NOT", "*", "(", "name:x", "'; DROP TABLE files; --"])
def test_fulltext_search_with_operators_treats_them_as_text(catalog, term):
    catalog.replace(File("a.py"), [(make_entry(), 'say "AND" NOT (x) *')])
    search(catalog, term)
    assert "a.py" in catalog.files_after("")


def test_fulltext_search_after_replace_and_remove_finds_only_current_text(catalog):
    catalog.replace(File("a.py"), [(make_entry(), "old words")])
    catalog.replace(File("a.py"), [(make_entry(name="fresh"), "new words")])
    assert search(catalog, "old") == []
    assert len(search(catalog, "new")) == 1
    catalog.remove(["a.py"])
    assert search(catalog, "new") == []


@pytest.mark.parametrize("term", ["context", "ctx", "contexts"])
@pytest.mark.parametrize("text", ["close the ctx", "closeCtx()", "a context"])
def test_fulltext_search_finds_synonyms(catalog, term, text):
    catalog.replace(File("a.py"), [(make_entry(), text)])
    assert len(search(catalog, term)) == 1


def test_fulltext_search_also_scores_chunks_beyond_the_limit(catalog, names):
    for name, text in {"best": "parcel parcel", "second": "parcel", "neither": "letter"}.items():
        catalog.replace(File(f"{name}.py"), [(make_entry(f"{name}.py", name), text)])
    best, second, neither = range(1, 4)
    found = catalog.fulltext.search(["parcel"], (), 1, [best, second, neither])
    assert names(list(found)) == ["best", "second"]
    assert found[best] > found[second] > 0


@pytest.mark.parametrize("find", ["search", "chunks_with_phrase"])
def test_fulltext_search_with_filter_takes_little_longer_than_without(catalog, find):
    files = [f"{number}.py" for number in range(3000)]
    catalog.replace_all((File(path), [(make_entry(path, "f"), "open a parcel " * 4)]) for path in files)
    argument = {"search": ["parcel", "open", "send"], "chunks_with_phrase": "open a parcel"}[find]

    def seconds(filters):
        start = time.perf_counter()
        assert len(getattr(catalog.fulltext, find)(argument, filters, 300)) == 300
        return time.perf_counter() - start

    without = min(seconds(()) for _ in range(3))
    assert min(seconds((Filter("kind", ("Function",)),)) for _ in range(3)) < 10 * without


def test_fulltext_search_finds_section_by_language_of_its_code_fence(catalog):
    text = "# Start\n```py\nrun()\n```\n> ~~~ {.rb}\n> run\n> ~~~\n```unknown-thing\n"
    catalog.replace(File("a.md"), [(make_entry("a.md", language="markdown"), text)])
    catalog.replace(File("a.py"), [(make_entry("a.py"), text)])
    for name in ("python", "ruby"):
        (chunk,) = search(catalog, name)
        assert catalog.entries([chunk])[chunk].path == "a.md"


def test_fulltext_search_prefers_code_to_its_tests_as_far_as_the_factor_says(catalog, names):
    catalog.replace(File("a.py"), [(make_entry("a.py", "weigh"), "a parcel is put on the scales " * 5)])
    for number in range(5):
        path = f"tests/{number}.py"
        catalog.replace(File(path), [(make_entry(path, f"test_{number}"), "parcel parcel")])
    for number in range(20):
        catalog.replace(File(f"{number}.py"), [(make_entry(f"{number}.py", "other"), "letter")])
    assert "weigh" not in names(list(catalog.fulltext.search(["parcel"], (), 2)))
    assert "weigh" in names(list(catalog.fulltext.search(["parcel"], (), 2, auxiliary_factor=0.1)))
