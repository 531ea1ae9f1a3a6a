import json
import logging
import pickle
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from semls.engine.storage.vectors_local import LocalVectors, delete_store
from semls.errors import StoreError
from tests.support.hostile import EmbeddingFunction

DIMENSION = 16


def vectors(count):
    rows = np.random.default_rng(0).normal(size=(count, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {f"id-{number}": row for number, row in enumerate(rows)}


def nearest(rows, vector, limit):
    return sorted(rows, key=lambda key: -float(rows[key] @ vector))[:limit]


def open_store(directory, fingerprint="0123456789abcdef", model="a model"):
    return LocalVectors(directory, fingerprint, model, DIMENSION)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A directory with 1,250 vectors: some in the graph's files, some still in Chroma's log."""
    directory = tmp_path_factory.mktemp("filled") / "store"
    opened = open_store(directory)
    opened.upsert(vectors(1250))
    opened.close()
    return directory


@pytest.fixture
def copy(filled, tmp_path):
    return shutil.copytree(filled, tmp_path / "store")


def test_query_returns_nearest_vectors_with_their_cosine(store):
    rows = vectors(300)
    store.upsert(rows)
    found = store.query(rows["id-7"], 10)
    assert [key for key, _ in found] == nearest(rows, rows["id-7"], 10)
    for key, similarity in found:
        assert similarity == pytest.approx(float(rows[key] @ rows["id-7"]), abs=1e-5)


def test_query_of_empty_store_returns_nothing(store):
    assert store.query(vectors(1)["id-0"], 10) == []
    store.upsert({})
    assert len(store) == 0


def test_query_with_limit_beyond_the_size_returns_all_vectors(store):
    store.upsert(vectors(3))
    assert len(store.query(vectors(1)["id-0"], 10)) == 3
    assert store.query(vectors(1)["id-0"], 10, among=[]) == []


@pytest.mark.parametrize("count", [5, 400, 1000])
def test_query_among_ids_returns_only_these_and_ignores_unknown_ids(copy, count):
    store, rows = open_store(copy), vectors(1250)
    some = [f"id-{number}" for number in range(1250 - count, 1250)]
    found = store.query(rows["id-0"], 20, among=[*some, *some, *(f"unknown-{n}" for n in range(700))])
    expected = nearest({key: rows[key] for key in some}, rows["id-0"], 20)
    assert [key for key, _ in found] == expected
    store.close()


def test_upsert_of_known_id_replaces_its_vector(store):
    rows = vectors(2)
    store.upsert(rows)
    store.upsert({"id-0": rows["id-1"]})
    assert store.existing(rows) == set(rows)
    assert {similarity > 0.999 for _, similarity in store.query(rows["id-1"], 2)} == {True}


def test_store_reopened_twice_contains_everything(copy, caplog):
    for _ in range(2):
        store = open_store(copy)
        assert store.existing(vectors(1250)) == set(vectors(1250))
        assert store.query(vectors(1250)["id-1249"], 1)[0][0] == "id-1249"
        store.close()
        store.close()
    assert not caplog.records


@pytest.mark.parametrize("other", [{"fingerprint": "another"}, {"model": "another"}])
def test_store_of_another_model_is_empty(copy, other):
    store = open_store(copy, **other)
    assert len(store) == 0
    store.close()


def test_store_with_another_distance_is_rebuilt(tmp_path, caplog):
    import chromadb

    directory = tmp_path / "store"
    with chromadb.PersistentClient(str(directory)) as client:
        client.create_collection(
            "semls-0123456789abcdef",
            embedding_function=None,
            metadata={"model": "a model", "fingerprint": "0123456789abcdef", "dimension": DIMENSION},
        )
    open_store(directory).close()
    assert "cosine" in caplog.text


@pytest.mark.parametrize("column", ["config_json_str", "schema_str"])
def test_directory_that_names_an_embedding_function_is_rebuilt_without_building_it(
    copy, caplog, tmp_path, column
):
    hostile = EmbeddingFunction(tmp_path)
    described = hostile.configuration if column == "config_json_str" else hostile.schema
    with sqlite3.connect(copy / "chroma.sqlite3") as database:
        database.execute("update collections set schema_str = null")  # which counts more than the other
        database.execute(f"update collections set {column} = ?", [json.dumps(described)])
    database.close()
    store = open_store(copy)
    assert len(store) == 0
    assert "sentence_transformer" in caplog.text
    store.upsert(vectors(5))
    store.query(vectors(1)["id-0"], 3)
    store.close()
    assert not hostile.ran.exists()


def test_store_with_hostile_pickle_runs_no_code(copy, tmp_path):
    class Hostile:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    next(copy.glob("*/index_metadata.pickle")).write_bytes(pickle.dumps(Hostile()))
    open_store(copy).close()
    assert not (tmp_path / "ran").exists()


def truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def garble(file):
    file.write_bytes(np.random.default_rng(0).bytes(file.stat().st_size))


@pytest.mark.parametrize("corrupt", [truncate, garble])
@pytest.mark.parametrize("file", ["chroma.sqlite3", "*/index_metadata.pickle", "*/length.bin"])
def test_store_with_corrupted_file_is_quarantined_and_rebuilt(copy, caplog, file, corrupt):
    (found,) = copy.glob(file)
    corrupt(found)
    store = open_store(copy)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(copy) in caplog.text
    assert len(store) == 0
    store.upsert(vectors(5))
    assert store.query(vectors(5)["id-3"], 1)[0][0] == "id-3"
    store.close()
    assert [path.name for path in copy.parent.iterdir() if path != copy] == ["store.broken-1"]


def test_store_with_incomplete_graph_is_rebuilt(copy, caplog):
    """Without this file Chroma counts all vectors, finds none and raises no error."""
    next(copy.glob("*/index_metadata.pickle")).unlink()
    store = open_store(copy)
    assert len(store) == 0
    assert len(caplog.records) == 1
    store.close()


def test_store_with_random_vectors_is_rebuilt(copy, caplog):
    file = next(copy.glob("*/data_level0.bin"))
    rows = np.frombuffer(file.read_bytes(), np.uint8).reshape(1000, -1).copy()  # links, vector, number
    rows[:, -4 * DIMENSION - 8 : -8] = np.random.default_rng(0).integers(256, size=(1000, 4 * DIMENSION))
    file.write_bytes(rows.tobytes())
    store = open_store(copy)
    assert len(store) == 0
    assert len(caplog.records) == 1
    store.close()


def test_quarantine_keeps_only_the_last_store(tmp_path):
    directory = tmp_path / "store"
    for number in range(3):
        open_store(directory, model=f"model {number}").close()
    open_store(tmp_path / "store.broken-hands").close()
    assert {path.name for path in tmp_path.iterdir()} == {"store", "store.broken-2", "store.broken-hands"}


def test_store_that_killed_its_process_is_rebuilt(copy, caplog):
    code = f"""if True:
        import os, pathlib
        from semls.engine.storage import vectors_local
        vectors_local._check_vectors = lambda *_: os._exit(9)
        vectors_local.LocalVectors(pathlib.Path({str(copy)!r}), "0123456789abcdef", "a model", {DIMENSION})"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    store = open_store(copy)
    assert len(store) == 0
    assert "the process ended" in caplog.text
    store.close()


def test_delete_store_leaves_no_directory_and_may_be_repeated(copy):
    delete_store(copy)
    delete_store(copy)
    assert not copy.exists()
    store = open_store(copy)
    assert len(store) == 0
    store.close()


def test_store_in_an_unwritable_directory_raises_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        open_store(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match="file"):
        delete_store(tmp_path / "file" / "store")


def test_upsert_of_another_dimension_raises_store_error(store):
    store.upsert(vectors(3))
    with pytest.raises(StoreError, match="dimension"):
        store.upsert({"id": np.ones(DIMENSION + 1, np.float32)})
    assert store.existing(vectors(3)) == set(vectors(3))


def test_store_prints_nothing(tmp_path, capfd):
    store = open_store(tmp_path / "store")
    store.upsert(vectors(3))
    store.query(vectors(1)["id-0"], 3)
    store.close()
    assert capfd.readouterr() == ("", "")


def test_replace_with_takes_over_the_vectors_of_the_replacement(store, tmp_path):
    store.upsert(vectors(3))
    replacement = store.create_replacement()
    replacement.upsert({"id-1": vectors(3)["id-1"]})
    store.replace_with(replacement)
    assert store.existing(vectors(3)) == {"id-1"}
    assert store.query(vectors(3)["id-1"], 3)[0][0] == "id-1"
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
