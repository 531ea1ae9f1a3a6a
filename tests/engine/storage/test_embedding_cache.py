import contextlib
import itertools
import os
import sqlite3
import threading

import numpy as np
import pytest

from semls.engine.storage import embedding_cache
from semls.engine.storage.embedding_cache import EmbeddingCache, read_export
from semls.errors import StoreCorrupted, StoreError, UsageError

UNLIMITED = 1 << 30


def vectors(count, dimension=32):
    rows = np.random.default_rng(0).normal(size=(count, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {f"hash {number}": row for number, row in enumerate(rows)}


def open_cache(path, fingerprint="0123", max_bytes=UNLIMITED):
    return EmbeddingCache(path, fingerprint, max_bytes)


@pytest.fixture
def cache(tmp_path):
    opened = open_cache(tmp_path / "deep" / "down" / "cache.sqlite")
    yield opened
    opened.close()


def test_cache_get_returns_put_vectors_in_half_precision(cache):
    put = vectors(5)
    cache.put(put)
    got = cache.get([*put, "unknown"])
    assert got.keys() == put.keys()
    for key, vector in got.items():
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, put[key], atol=1e-3)


def test_cache_put_and_get_of_nothing_succeed(cache):
    cache.put({})
    assert cache.get([]) == {}


def test_cache_get_of_more_hashes_than_sqlite_parameters_succeeds(cache):
    put = vectors(3)
    cache.put(put)
    assert cache.get([*put, *map(str, range(300_000))]).keys() == put.keys()


def test_cache_put_of_known_hash_replaces_vector(cache):
    first, second = vectors(2).values()
    cache.put({"hash": first})
    cache.put({"hash": second})
    np.testing.assert_allclose(cache.get(["hash"])["hash"], second, atol=1e-3)


def test_cache_reopened_contains_everything(tmp_path):
    path = tmp_path / "cache.sqlite"
    first = open_cache(path)
    first.put(vectors(3))
    first.close()
    reopened = open_cache(path)
    assert len(reopened.get(list(vectors(3)))) == 3
    reopened.close()


def test_cache_is_usable_from_another_thread(cache):
    thread = threading.Thread(target=cache.put, args=[vectors(1)])
    thread.start()
    thread.join()
    assert len(cache.get(["hash 0"])) == 1


def test_cache_put_on_full_disk_raises_store_error_and_keeps_vectors(cache):
    cache.put(vectors(10))
    pages = cache._database.connection.execute("PRAGMA page_count").fetchone()[0]
    cache._database.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="free some space"):
        cache.put({f"more {key}": vector for key, vector in vectors(1000).items()})
    assert len(cache.get(list(vectors(10)))) == 10
    assert cache.get(["more hash 0"]) == {}
    cache._database.connection.execute("PRAGMA max_page_count = 1000000")
    cache.put({"another": next(iter(vectors(1).values()))})
    assert len(cache.get(["another"])) == 1


def other_format(path):
    path.write_bytes(b"no database at all, but a letter\n" * 100)


def zeros(path):
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


@pytest.mark.parametrize("corrupt", [other_format, zeros])
def test_cache_corrupted_file_is_quarantined_and_rebuilt(tmp_path, corrupt):
    path = tmp_path / "cache.sqlite"
    first = open_cache(path)
    first.put(vectors(1000))
    first.close()
    corrupt(path)
    reopened = open_cache(path)
    with contextlib.suppress(StoreCorrupted):  # opening may read too little to notice
        reopened.get(list(vectors(1000)))
    assert reopened.get(list(vectors(1000))) == {}
    reopened.put(vectors(3))
    assert len(reopened.get(list(vectors(1000)))) == 3
    reopened.close()
    assert path.with_name("cache.sqlite.broken").exists()


def test_cache_put_beyond_max_bytes_evicts_least_recently_used(tmp_path, monkeypatch):
    hour = itertools.count(1000)
    monkeypatch.setattr(embedding_cache, "_hour", lambda: next(hour))
    cache = open_cache(tmp_path / "cache.sqlite", max_bytes=1_000_000)
    known = vectors(200)
    cache.put(known)
    used = list(known)[:100]
    for turn in range(200):
        cache.put({f"{key} {turn}": vector for key, vector in known.items()})
        assert len(cache.get(used)) == 100
        assert cache.bytes < 1_100_000
    assert cache.get(list(known)).keys() == set(used)
    cache.close()
    assert (tmp_path / "cache.sqlite").stat().st_size < 1_300_000


def test_cache_export_is_read_back_in_half_precision(tmp_path, cache):
    put = vectors(2500)
    cache.put(put)
    cache.export(tmp_path / "some.semls")
    got = {
        key: vector
        for batch in read_export(tmp_path / "some.semls", "0123", 32)
        for key, vector in batch.items()
    }
    assert got.keys() == put.keys()
    np.testing.assert_allclose(got["hash 7"], put["hash 7"], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("kept", "File exists"),
        ("folder", "File exists"),
        ("link", "File exists"),
        ("nowhere/some.semls", "No such file or directory"),
        ("kept/some.semls", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the errors have other names there")
def test_cache_export_to_a_bad_path_names_the_path(tmp_path, cache, name, why):
    cache.put(vectors(3))
    (tmp_path / "kept").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(UsageError, match=f"{why}.*: name a new file") as caught:
        cache.export(tmp_path / name)
    assert str(tmp_path / "cache.sqlite") not in str(caught.value)
    assert (tmp_path / "kept").read_text() == "mine"
    assert not (tmp_path / "target").exists()
    assert len(cache.get(list(vectors(3)))) == 3


@pytest.mark.skipif(os.name == "nt", reason="names are decodable there")
def test_cache_export_to_an_undecodable_name_is_read_back(tmp_path, cache):
    file = tmp_path / os.fsdecode(b"caf\xe9.semls")
    cache.put(vectors(3))
    cache.export(file)
    (batch,) = read_export(file, "0123", 32)
    assert batch.keys() == vectors(3).keys()


def test_cache_export_of_a_corrupted_cache_leaves_no_file(tmp_path):
    path = tmp_path / "cache.sqlite"
    first = open_cache(path)
    first.put(vectors(1000))
    first.close()
    content = path.read_bytes()
    path.write_bytes(content[:-50_000] + bytes(50_000))
    reopened = open_cache(path)
    with pytest.raises(StoreError, match="is corrupted"):
        reopened.export(tmp_path / "some.semls")
    assert not (tmp_path / "some.semls").exists()
    reopened.close()


def test_read_export_of_another_file_raises_usage_error(tmp_path, cache):
    cache.put(vectors(3) | {"bad": np.full(32, np.nan, np.float32)})
    cache.export(tmp_path / "bad.semls")
    (tmp_path / "letter").write_text("no database at all, but a letter\n" * 100)
    (tmp_path / "folder").mkdir()
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE embeddings (hash, vector)").connection.close()
    for name, fingerprint, dimension, why in [
        ("bad.semls", "0123", 32, "not vectors"),
        ("bad.semls", "0123", 64, "not vectors"),
        ("bad.semls", "4567", 32, "another model"),
        ("letter", "0123", 32, "not a database"),
        ("other", "0123", 32, "not exported by this version"),
        ("missing", "0123", 32, "there is no such file"),
        ("folder", "0123", 32, "it is not a file"),
        ("letter/some.semls", "0123", 32, "there is no such file"),
        ("x" * 300, "0123", 32, "there is no such file"),
    ]:
        with pytest.raises(UsageError, match=why):
            list(read_export(tmp_path / name, fingerprint, dimension))
    assert not (tmp_path / "missing").exists()


def test_cache_in_an_unwritable_directory_raises_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        open_cache(tmp_path / "file" / "cache.sqlite")
