from semls.engine.storage.embedded_hashes import Coverage, Use
from semls.engine.storage.schema import File
from tests.support.entries import make_entry


def test_embedded_hashes_are_separate_for_each_vector_index(catalog):
    one, two, three = make_entry(name="one"), make_entry(name="two"), make_entry("b.py", "three")
    catalog.replace(File("a.py", mtime_ns=1), [(one, "x"), (two, "y")])
    catalog.replace(File("b.py", mtime_ns=2), [(three, "z"), (make_entry("b.py", "one"), "x")])
    embedded = catalog.embedded
    last, missing = embedded.missing("s", 0)
    assert missing == {"hash of one": Use(2, 2), "hash of two": Use(2, 1), "hash of three": Use(2, 2)}
    assert embedded.missing("s", last) == (last, {})
    embedded.replace("s", ["hash of one", "unreferenced hash"])
    assert embedded.coverage("s") == Coverage(4, 2)
    assert embedded.coverage("t") == Coverage(4, 0)
    embedded.add("s", ["hash of two", "hash of one"])
    assert embedded.missing("s", 0) == (last, {"hash of three": Use(2, 2)})
    assert embedded.referenced("s") == ["hash of one", "hash of two"]
    assert embedded.intersection("s", ["hash of two", "hash of three"]) == {"hash of two"}


def test_embedded_hashes_missing_after_last_id_returns_new_chunks(catalog):
    catalog.replace(File("a.py", mtime_ns=1), [(make_entry(name="one"), "x")])
    last, _ = catalog.embedded.missing("s", 0)
    catalog.remove(["a.py"])
    catalog.replace(File("a.py", mtime_ns=3), [(make_entry(name="two"), "")])
    assert catalog.embedded.missing("s", last)[1] == {"hash of two": Use(2, 3)}
