import sqlite3
import threading

import numpy as np
import pytest

from semls.engine.embeddings import SCHEMA_VERSION, EmbeddingCache
from semls.errors import StoreError


def vectors(count, dimension=32):
    rows = np.random.default_rng(0).normal(size=(count, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {f"hash {number}": row for number, row in enumerate(rows)}


@pytest.fixture
def cache(tmp_path):
    opened = EmbeddingCache(tmp_path / "deep" / "down" / "cache.sqlite")
    yield opened
    opened.close()


def test_what_was_put_is_got_in_half_precision(cache):
    put = vectors(5)
    cache.put(put)
    got = cache.get([*put, "unknown"])
    assert got.keys() == put.keys()
    for key, vector in got.items():
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, put[key], atol=1e-3)


def test_nothing_asked_and_nothing_put(cache):
    cache.put({})
    assert cache.get([]) == {}


def test_more_hashes_at_once_than_sqlite_takes_parameters(cache):
    put = vectors(3)
    cache.put(put)
    assert cache.get([*put, *map(str, range(300_000))]).keys() == put.keys()


def test_a_later_vector_replaces_the_earlier(cache):
    first, second = vectors(2).values()
    cache.put({"hash": first})
    cache.put({"hash": second})
    np.testing.assert_allclose(cache.get(["hash"])["hash"], second, atol=1e-3)


def test_everything_is_there_after_opening_again(tmp_path):
    path = tmp_path / "cache.sqlite"
    first = EmbeddingCache(path)
    first.put(vectors(3))
    first.close()
    again = EmbeddingCache(path)
    assert len(again.get(list(vectors(3)))) == 3
    again.close()


def test_made_in_one_thread_and_used_in_another(cache):
    thread = threading.Thread(target=cache.put, args=[vectors(1)])
    thread.start()
    thread.join()
    assert len(cache.get(["hash 0"])) == 1


def test_a_full_disk_keeps_what_there_is(cache):
    cache.put(vectors(10))
    pages = cache._db.execute("PRAGMA page_count").fetchone()[0]
    cache._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="free some space"):
        cache.put({f"more {key}": vector for key, vector in vectors(1000).items()})
    assert len(cache.get(list(vectors(10)))) == 10
    assert cache.get(["more hash 0"]) == {}
    cache._db.execute("PRAGMA max_page_count = 1000000")
    cache.put({"at last": next(iter(vectors(1).values()))})
    assert len(cache.get(["at last"])) == 1


@pytest.mark.parametrize("foreign", [b"no database at all, but a letter\n" * 100, None])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path, foreign):
    path = tmp_path / "cache.sqlite"
    if foreign is None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE letters (text)")
        db.close()
    else:
        path.write_bytes(foreign)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"cache\.sqlite.*move that file away"):
        EmbeddingCache(path)
    assert path.read_bytes() == before


def test_a_cache_of_another_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "cache.sqlite"
    EmbeddingCache(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another version"):
        EmbeddingCache(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        EmbeddingCache(tmp_path / "file" / "cache.sqlite")
