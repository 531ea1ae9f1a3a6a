from dataclasses import replace

import pytest

from semls.engine.storage.filters import Filter
from semls.engine.storage.schema import File
from tests.support.entries import make_entry

HASH = "hash of parseHeader"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (Filter("language", ("go", "rust")), "lib/b.go"),
        (Filter("kind", ("Function",)), "src/a.py"),
        (Filter("path", ("lib/.*", "bin/.*")), "lib/b.go"),
        (Filter("name", ("Parser.parse*",)), "lib/b.go"),
        (Filter("text", ("x(", "z")), "src/a.py"),
        (Filter("text", ("b.g",)), "lib/b.go"),
    ],
)
def test_filter_applies_to_every_search_of_the_catalog(catalog, wanted, path):
    catalog.replace(File("src/a.py"), [(make_entry("src/a.py"), "X()")])
    method = make_entry("lib/b.go", language="go", kind="Method", container="http.Parser")
    catalog.replace(File("lib/b.go"), [(method, "y")])
    (other,) = {"src/a.py", "lib/b.go"} - {path}
    negated = replace(wanted, negated=True)
    for filters, expected in [((wanted,), path), ((negated,), other)]:
        (chunk,) = catalog.fulltext.search(["parse"], filters, 10)
        assert catalog.entries([chunk])[chunk].path == expected
        assert catalog.find_by_name(["PARSEHEADER"], filters, 10) == [chunk]
        assert catalog.find_by_hash([HASH], filters) == {HASH: [chunk]}
        assert catalog.find_definitions(filters, 10) == [chunk]
    assert catalog.fulltext.search(["parse"], (wanted, negated), 10) == {}


def test_language_filter_with_injected_text_matches_its_language_and_that_of_the_file(catalog):
    catalog.replace(File("A.vue", language="vue"), [(make_entry("A.vue", language="typescript"), "x")])
    for language, count in [("vue", 1), ("typescript", 1), ("python", 0)]:
        filters = (Filter("language", (language,)),)
        assert len(catalog.find_definitions(filters, 10)) == count


def test_text_filter_after_a_change_is_evaluated_again(catalog):
    filters = (Filter("text", ("fresh",)),)
    assert catalog.content_hashes(filters) == set()
    catalog.replace(File("a.py"), [(make_entry(), "fresh")])
    assert catalog.content_hashes(filters) == {HASH}
    catalog.remove(["a.py"])
    assert catalog.find_by_text(filters, 10) == []
