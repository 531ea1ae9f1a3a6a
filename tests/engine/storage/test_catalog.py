import contextlib
import random
import sqlite3
from dataclasses import replace

import pytest

from semls.engine.storage.catalog import Catalogue, Coverage, Entry, File, Filter, Filters
from semls.errors import StoreDamaged, StoreError

EVERYTHING = Filters()


def entry(path="a.py", name="parseHeader", **changes):
    plain = Entry(path, "python", "Function", name, "", f"def {name}()", "", f"hash of {name}", *[0] * 10)
    return plain._replace(**changes)


@pytest.fixture
def catalogue(tmp_path):
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


def names(catalogue, ids):
    found = catalogue.entries(ids)
    return [found[number].name for number in ids]


@pytest.mark.parametrize("term", ["parseheader", "header", "headers", "parse", "a", "body"])
def test_a_chunk_is_found_by_its_name_its_parts_other_endings_path_and_body(catalogue, term):
    catalogue.replace(File("a.py"), [(entry(), "the body of it")])
    ((number, score),) = catalogue.match([term], EVERYTHING, 10)
    assert names(catalogue, [number]) == ["parseHeader"]
    assert score > 0


def test_the_name_counts_more_than_the_body(catalogue):
    catalogue.replace(File("a.py"), [(entry(name="other"), "header header header")])
    catalogue.replace(File("b.py"), [(entry("b.py", "header"), "nothing")])
    catalogue.replace(File("c.py"), [(entry("c.py", "unrelated"), "nothing")])
    found = [number for number, _ in catalogue.match(["header"], EVERYTHING, 10)]
    assert names(catalogue, found) == ["header", "other"]


def test_a_frequent_term_adds_to_what_a_rare_one_finds(catalogue, monkeypatch):
    monkeypatch.setattr("semls.engine.storage.catalog._LOOKED_AT", 3)
    texts = {"rare": "quarantine of a letter", "both": "quarantine of a parcel"}
    texts |= {f"frequent{number}": "parcel" for number in range(5)}
    texts |= {f"other{number}": "nothing" for number in range(20)}
    for name, text in texts.items():
        catalogue.replace(File(f"{name}.py"), [(entry(f"{name}.py", name), text)])
    found = dict(catalogue.match(["parcel", "quarantine"], EVERYTHING, 10))
    assert names(catalogue, list(found)) == ["both", "rare"]
    assert max(found.values()) < 1


def test_quotes_and_operators_in_a_term_are_only_text(catalogue):
    catalogue.replace(File("a.py"), [(entry(), 'say "AND" NOT (x) *')])
    for term in ['"', "AND", "NOT", "*", "(", "name:x", "'; DROP TABLE files; --"]:
        catalogue.match([term], EVERYTHING, 10)
    assert "a.py" in catalogue.files_behind("")


def test_replacing_and_removing_a_file_forget_its_chunks(catalogue):
    catalogue.replace(File("a.py"), [(entry(), "old words")])
    catalogue.replace(File("a.py"), [(entry(name="fresh"), "new words")])
    assert catalogue.match(["old"], EVERYTHING, 10) == []
    assert catalogue.named(["parseHeader"], EVERYTHING, 10) == []
    catalogue.remove(["a.py"])
    assert catalogue.match(["new"], EVERYTHING, 10) == []
    assert catalogue.files_behind("") == {}
    assert catalogue.coverage("store") == Coverage(0, 0)


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
def test_filters_narrow_the_answer(catalogue, wanted, path):
    catalogue.replace(File("src/a.py"), [(entry("src/a.py"), "X()")])
    method = entry("lib/b.go", language="go", kind="Method", container="http.Parser")
    catalogue.replace(File("lib/b.go"), [(method, "y")])
    (other,) = {"src/a.py", "lib/b.go"} - {path}
    for filters, expected in [((wanted,), path), ((replace(wanted, negated=True),), other)]:
        (number,) = [number for number, _ in catalogue.match(["parse"], filters, 10)]
        assert catalogue.entries([number])[number].path == expected
        assert catalogue.named(["PARSEHEADER"], filters, 10) == [number]
        assert catalogue.holding(["hash of parseHeader"], filters) == {"hash of parseHeader": [number]}
        assert catalogue.definitions(filters, 10) == [number]
    assert catalogue.match(["parse"], (wanted, replace(wanted, negated=True)), 10) == []


def test_a_text_is_looked_for_anew_after_a_change(catalogue):
    filters = (Filter("text", ("fresh",)),)
    assert catalogue.contents(filters) == set()
    catalogue.replace(File("a.py"), [(entry(), "fresh")])
    assert catalogue.contents(filters) == {"hash of parseHeader"}
    catalogue.remove(["a.py"])
    assert catalogue.containing(filters, 10) == []


def test_definitions_come_by_path_and_position_and_in_one_piece(catalogue):
    parts = [entry("b.py", "long", name_row=7, start_byte=start) for start in (9, 99)]
    others = [entry("b.py", "first"), entry("b.py", "")]
    catalogue.replace(File("b.py"), [(one, "") for one in parts + others])
    catalogue.replace(File("a.py"), [(entry(name="other"), "")])
    assert names(catalogue, catalogue.definitions((), 10)) == ["other", "first", "long"]
    assert names(catalogue, catalogue.definitions((), 1)) == ["other"]


def test_vectors_are_known_store_by_store(catalogue):
    catalogue.replace(File("a.py", mtime_ns=1), [(entry(name="one"), "x"), (entry(name="two"), "y")])
    catalogue.replace(File("b.py", mtime_ns=2), [(entry("b.py", "three"), "z"), (entry("b.py", "one"), "x")])
    last, missing = catalogue.without_vector("s", 0)
    assert missing == {"hash of one": 2, "hash of two": 1, "hash of three": 2}
    assert catalogue.without_vector("s", last) == (last, {})
    catalogue.know_vectors("s", ["hash of one", "of something else"])
    assert catalogue.coverage("s") == Coverage(4, 2)
    assert catalogue.coverage("t") == Coverage(4, 0)
    catalogue.add_vectors("s", ["hash of two", "hash of one"])
    assert catalogue.without_vector("s", 0) == (last, {"hash of three": 2})
    catalogue.remove(["b.py"])
    catalogue.replace(File("b.py", mtime_ns=3), [(entry("b.py", "four"), "")])
    assert catalogue.without_vector("s", last)[1] == {"hash of four": 3}


def test_files_come_in_the_order_of_paths(catalogue):
    for path in ("b.py", "a.py", "c.py"):
        catalogue.replace(File(path))
    assert list(catalogue.files_behind("")) == ["a.py", "b.py", "c.py"]
    assert list(catalogue.files_behind("b.py")) == ["c.py"]
    assert catalogue.files_behind("c.py") == {}


def test_everything_is_there_after_opening_again(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    first = Catalogue(path)
    first.replace(File("a.py", 3, 4, "digest", "python"), [(entry(), "text")])
    first.replace(File("b.bin", skipped="binary"))
    first.note("answers", "a model")
    first.close()
    again = Catalogue(path)
    assert again.files_behind("")["a.py"] == File("a.py", 3, 4, "digest", "python")
    assert again.skipped() == [File("b.bin", skipped="binary")]
    assert again.noted("answers") == "a model"
    assert again.noted("nothing") == ""
    (number,) = again.named(["parseheader"], EVERYTHING, 10)
    assert again.texts([number]) == {number: "text"}
    again.close()


def test_a_catalogue_of_another_schema_is_made_anew(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    first = Catalogue(path)
    first.replace(File("a.py"))
    first.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    again = Catalogue(path)
    assert again.files_behind("") == {}
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
    path = tmp_path / "catalogue.sqlite"
    first = Catalogue(path)
    for number in range(50):
        first.replace(
            File(f"{number}.py"), [(entry(name=f"name{number}", path=f"{number}.py"), "text " * 200)]
        )
    first.close()
    damage(path)
    damaged = path.read_bytes()
    again = Catalogue(path)
    with contextlib.suppress(StoreDamaged):  # opening may look at too little to see the damage
        again.files_behind("")
        again.entries(again.named(["name49"], (), 9))
        again.texts(list(range(50)))
        again.match(["text"], (), 9)
    assert again.files_behind("") == {}
    again.replace(File("a.py"), [(entry(name="name", path="a.py"), "text")])
    assert again.named(["name"], (), 9) == [1]
    again.close()
    assert path.with_name("catalogue.sqlite.broken").read_bytes() == damaged


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="SEMLS_CACHE_DIR"):
        Catalogue(tmp_path / "file" / "catalogue.sqlite")
