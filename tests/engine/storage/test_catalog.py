import contextlib
import random
import sqlite3

import pytest

from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.schema import File
from semls.errors import StoreCorrupted, StoreError
from tests.support.entries import make_entry


def test_catalog_replace_and_remove_delete_the_chunks_of_a_file(catalog):
    catalog.replace(File("a.py"), [(make_entry(), "old words")])
    catalog.replace(File("a.py"), [(make_entry(name="fresh"), "new words")])
    assert catalog.find_by_name(["parseHeader"], (), 10) == []
    catalog.remove(["a.py"])
    assert catalog.files_after("") == {}
    assert catalog.embedded.coverage("index") == Coverage(0, 0)


def test_catalog_find_definitions_orders_by_path_and_merges_chunks(catalog, names):
    parts = [make_entry("b.py", "long", name_row=7, start_byte=start) for start in (9, 99)]
    others = [make_entry("b.py", "first"), make_entry("b.py", "")]
    catalog.replace(File("b.py"), [(entry, "") for entry in parts + others])
    catalog.replace(File("a.py"), [(make_entry(name="other"), "")])
    assert names(catalog.find_definitions((), 10)) == ["other", "first", "long"]
    assert names(catalog.find_definitions((), 1)) == ["other"]


def test_catalog_files_after_returns_files_in_the_order_of_paths(catalog):
    for path in ("b.py", "a.py", "c.py"):
        catalog.replace(File(path))
    assert list(catalog.files_after("")) == ["a.py", "b.py", "c.py"]
    assert list(catalog.files_after("b.py")) == ["c.py"]
    assert catalog.files_after("c.py") == {}


def test_catalog_files_under_returns_files_and_contents_of_folders(catalog):
    for path in ("a/b.py", "a/c/d.py", "a.py", "ab/e.py", "f.py"):
        catalog.replace(File(path))
    assert list(catalog.files_under(["a", "f.py"])) == ["a/b.py", "a/c/d.py", "f.py"]
    assert len(catalog.files_under([""])) == 5


def test_catalog_reopened_contains_everything(tmp_path):
    path = tmp_path / "index.sqlite"
    first = Catalog(path)
    first.replace(File("a.py", 3, 4, "digest", "python"), [(make_entry(), "text")])
    first.replace(File("b.bin", skipped="binary"))
    first.set_metadata("key", "value")
    first.close()
    reopened = Catalog(path)
    assert reopened.files_after("")["a.py"] == File("a.py", 3, 4, "digest", "python")
    assert reopened.skipped_files() == [File("b.bin", skipped="binary")]
    assert reopened.get_metadata("key") == "value"
    assert reopened.get_metadata("unknown key") == ""
    (chunk,) = reopened.find_by_name(["parseheader"], (), 10)
    assert reopened.texts([chunk]) == {chunk: "text"}
    assert reopened.entries([chunk]) == {chunk: make_entry()}
    reopened.close()


def test_catalog_of_another_layout_version_is_rebuilt(tmp_path):
    path = tmp_path / "index.sqlite"
    first = Catalog(path)
    first.replace(File("a.py"))
    first.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    reopened = Catalog(path)
    assert reopened.files_after("") == {}
    reopened.close()


def other_format(path):
    path.write_bytes(b"no database at all, but a letter\n" * 100)


def other_database(path):
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE letters (text)")


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros(path):
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


def noise(path):
    content = path.read_bytes()
    path.write_bytes(content[:100] + random.Random(7).randbytes(len(content) - 100))


@pytest.mark.parametrize("corrupt", [other_format, other_database, truncated, zeros, noise])
def test_catalog_corrupted_file_is_quarantined_and_rebuilt(tmp_path, corrupt):
    path = tmp_path / "index.sqlite"
    first = Catalog(path)
    for number in range(50):
        entry = make_entry(f"{number}.py", f"name{number}")
        first.replace(File(f"{number}.py"), [(entry, "text " * 200)])
    first.close()
    corrupt(path)
    corrupted = path.read_bytes()
    reopened = Catalog(path)
    with contextlib.suppress(StoreCorrupted):  # opening may read too little to notice
        reopened.files_after("")
        reopened.entries(reopened.find_by_name(["name49"], (), 9))
        reopened.texts(list(range(50)))
        reopened.fulltext.search(["text"], (), 9)
    assert reopened.files_after("") == {}
    reopened.replace(File("a.py"), [(make_entry(name="name"), "text")])
    assert reopened.find_by_name(["name"], (), 9) == [1]
    reopened.close()
    assert path.with_name("index.sqlite.broken").read_bytes() == corrupted


def test_catalog_in_an_unwritable_directory_raises_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="SEMLS_CACHE_DIR"):
        Catalog(tmp_path / "file" / "index.sqlite")
