import contextlib
import random
import sqlite3
from dataclasses import replace

import pytest

from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.filters import Filter, Filters
from semls.engine.storage.schema import File
from semls.errors import StoreCorrupted, StoreError
from tests.support.entries import make_entry

EVERYTHING = Filters()


def entry(path="a.py", name="parseHeader", **changes):
    return make_entry(path, name, signature=f"def {name}()", **changes)


@pytest.fixture
def catalog(tmp_path):
    opened = Catalog(tmp_path / "index.sqlite")
    yield opened
    opened.close()


def names(catalog, ids):
    found = catalog.entries(ids)
    return [found[number].name for number in ids]


@pytest.mark.parametrize("term", ["parseheader", "header", "headers", "parse", "a", "body"])
def test_a_chunk_is_found_by_its_name_its_parts_other_endings_path_and_body(catalog, term):
    catalog.replace(File("a.py"), [(entry(), "the body of it")])
    ((number, score),) = catalog.fulltext.search([term], EVERYTHING, 10)
    assert names(catalog, [number]) == ["parseHeader"]
    assert score > 0


def test_the_name_counts_more_than_the_body(catalog):
    catalog.replace(File("a.py"), [(entry(name="other"), "header header header")])
    catalog.replace(File("b.py"), [(entry("b.py", "header"), "nothing")])
    catalog.replace(File("c.py"), [(entry("c.py", "unrelated"), "nothing")])
    found = [number for number, _ in catalog.fulltext.search(["header"], EVERYTHING, 10)]
    assert names(catalog, found) == ["header", "other"]


def test_a_frequent_term_adds_to_what_a_rare_one_finds(catalog, monkeypatch):
    monkeypatch.setattr("semls.engine.storage.fulltext._MAX_SCORED", 3)
    texts = {"rare": "quarantine of a letter", "both": "quarantine of a parcel"}
    texts |= {f"frequent{number}": "parcel" for number in range(5)}
    texts |= {f"other{number}": "nothing" for number in range(20)}
    for name, text in texts.items():
        catalog.replace(File(f"{name}.py"), [(entry(f"{name}.py", name), text)])
    found = dict(catalog.fulltext.search(["parcel", "quarantine"], EVERYTHING, 10))
    assert names(catalog, list(found)) == ["both", "rare"]
    assert max(found.values()) < 1


def test_quotes_and_operators_in_a_term_are_only_text(catalog):
    catalog.replace(File("a.py"), [(entry(), 'say "AND" NOT (x) *')])
    for term in ['"', "AND", "NOT", "*", "(", "name:x", "'; DROP TABLE files; --"]:
        catalog.fulltext.search([term], EVERYTHING, 10)
    assert "a.py" in catalog.files_after("")


def test_replacing_and_removing_a_file_forget_its_chunks(catalog):
    catalog.replace(File("a.py"), [(entry(), "old words")])
    catalog.replace(File("a.py"), [(entry(name="fresh"), "new words")])
    assert catalog.fulltext.search(["old"], EVERYTHING, 10) == []
    assert catalog.find_by_name(["parseHeader"], EVERYTHING, 10) == []
    catalog.remove(["a.py"])
    assert catalog.fulltext.search(["new"], EVERYTHING, 10) == []
    assert catalog.files_after("") == {}
    assert catalog.embedded.coverage("store") == Coverage(0, 0)


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
def test_filters_narrow_the_answer(catalog, wanted, path):
    catalog.replace(File("src/a.py"), [(entry("src/a.py"), "X()")])
    method = entry("lib/b.go", language="go", kind="Method", container="http.Parser")
    catalog.replace(File("lib/b.go"), [(method, "y")])
    (other,) = {"src/a.py", "lib/b.go"} - {path}
    for filters, expected in [((wanted,), path), ((replace(wanted, negated=True),), other)]:
        (number,) = [number for number, _ in catalog.fulltext.search(["parse"], filters, 10)]
        assert catalog.entries([number])[number].path == expected
        assert catalog.find_by_name(["PARSEHEADER"], filters, 10) == [number]
        assert catalog.find_by_hash(["hash of parseHeader"], filters) == {"hash of parseHeader": [number]}
        assert catalog.find_definitions(filters, 10) == [number]
    assert catalog.fulltext.search(["parse"], (wanted, replace(wanted, negated=True)), 10) == []


def test_a_text_is_looked_for_anew_after_a_change(catalog):
    filters = (Filter("text", ("fresh",)),)
    assert catalog.content_hashes(filters) == set()
    catalog.replace(File("a.py"), [(entry(), "fresh")])
    assert catalog.content_hashes(filters) == {"hash of parseHeader"}
    catalog.remove(["a.py"])
    assert catalog.find_by_text(filters, 10) == []


def test_definitions_come_by_path_and_position_and_in_one_piece(catalog):
    parts = [entry("b.py", "long", name_row=7, start_byte=start) for start in (9, 99)]
    others = [entry("b.py", "first"), entry("b.py", "")]
    catalog.replace(File("b.py"), [(one, "") for one in parts + others])
    catalog.replace(File("a.py"), [(entry(name="other"), "")])
    assert names(catalog, catalog.find_definitions((), 10)) == ["other", "first", "long"]
    assert names(catalog, catalog.find_definitions((), 1)) == ["other"]


def test_vectors_are_known_store_by_store(catalog):
    catalog.replace(File("a.py", mtime_ns=1), [(entry(name="one"), "x"), (entry(name="two"), "y")])
    catalog.replace(File("b.py", mtime_ns=2), [(entry("b.py", "three"), "z"), (entry("b.py", "one"), "x")])
    last, missing = catalog.embedded.missing("s", 0)
    assert missing == {"hash of one": 2, "hash of two": 1, "hash of three": 2}
    assert catalog.embedded.missing("s", last) == (last, {})
    catalog.embedded.replace("s", ["hash of one", "of something else"])
    assert catalog.embedded.coverage("s") == Coverage(4, 2)
    assert catalog.embedded.coverage("t") == Coverage(4, 0)
    catalog.embedded.add("s", ["hash of two", "hash of one"])
    assert catalog.embedded.missing("s", 0) == (last, {"hash of three": 2})
    catalog.remove(["b.py"])
    catalog.replace(File("b.py", mtime_ns=3), [(entry("b.py", "four"), "")])
    assert catalog.embedded.missing("s", last)[1] == {"hash of four": 3}


def test_files_come_in_the_order_of_paths(catalog):
    for path in ("b.py", "a.py", "c.py"):
        catalog.replace(File(path))
    assert list(catalog.files_after("")) == ["a.py", "b.py", "c.py"]
    assert list(catalog.files_after("b.py")) == ["c.py"]
    assert catalog.files_after("c.py") == {}


def test_everything_is_there_after_opening_again(tmp_path):
    path = tmp_path / "index.sqlite"
    first = Catalog(path)
    first.replace(File("a.py", 3, 4, "digest", "python"), [(entry(), "text")])
    first.replace(File("b.bin", skipped="binary"))
    first.set_metadata("answers", "a model")
    first.close()
    again = Catalog(path)
    assert again.files_after("")["a.py"] == File("a.py", 3, 4, "digest", "python")
    assert again.skipped_files() == [File("b.bin", skipped="binary")]
    assert again.get_metadata("answers") == "a model"
    assert again.get_metadata("nothing") == ""
    (number,) = again.find_by_name(["parseheader"], EVERYTHING, 10)
    assert again.texts([number]) == {number: "text"}
    again.close()


def test_a_catalog_of_another_schema_is_made_anew(tmp_path):
    path = tmp_path / "index.sqlite"
    first = Catalog(path)
    first.replace(File("a.py"))
    first.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    again = Catalog(path)
    assert again.files_after("") == {}
    again.close()


def letters(path):
    path.write_bytes(b"no database at all, but a letter\n" * 100)


def other_tables(path):
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE letters (text)")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros(path):
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


def noise(path):
    content = path.read_bytes()
    path.write_bytes(content[:100] + random.Random(7).randbytes(len(content) - 100))


@pytest.mark.parametrize("damage", [letters, other_tables, cut, zeros, noise])
def test_a_damaged_file_is_set_aside_and_made_anew(tmp_path, damage):
    path = tmp_path / "index.sqlite"
    first = Catalog(path)
    for number in range(50):
        first.replace(
            File(f"{number}.py"), [(entry(name=f"name{number}", path=f"{number}.py"), "text " * 200)]
        )
    first.close()
    damage(path)
    damaged = path.read_bytes()
    again = Catalog(path)
    with contextlib.suppress(StoreCorrupted):  # opening may look at too little to see the damage
        again.files_after("")
        again.entries(again.find_by_name(["name49"], (), 9))
        again.texts(list(range(50)))
        again.fulltext.search(["text"], (), 9)
    assert again.files_after("") == {}
    again.replace(File("a.py"), [(entry(name="name", path="a.py"), "text")])
    assert again.find_by_name(["name"], (), 9) == [1]
    again.close()
    assert path.with_name("index.sqlite.broken").read_bytes() == damaged


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="SEMLS_CACHE_DIR"):
        Catalog(tmp_path / "file" / "index.sqlite")
