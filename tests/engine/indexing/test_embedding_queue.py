"""Tests of the order in which chunks are embedded."""

import pytest

from semls.engine.indexing.embedding_queue import EmbeddingQueue
from semls.engine.models.encoder import HashingEncoder
from semls.engine.scheduler import PriorityExecutor
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from semls.engine.storage.vectors_local import LocalVectors
from semls.engine.vector_index import VectorIndex
from tests.support.entries import make_entry

EXECUTOR = PriorityExecutor()


@pytest.fixture
def catalog(tmp_path):
    opened = Catalog(tmp_path / "index.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def queue(catalog, tmp_path):
    encoder = HashingEncoder()
    store = LocalVectors(tmp_path / "vectors", encoder.fingerprint, "hashing", encoder.model.dimension)
    yield EmbeddingQueue(VectorIndex(encoder, store, EXECUTOR), catalog, EXECUTOR)
    store.close()


def add(catalog, path, name, mtime_ns, language="python"):
    entry = make_entry(path, name, language=language)._replace(content_hash=path)
    catalog.replace(File(path, language=language, mtime_ns=mtime_ns), [(entry, name)])


async def test_queue_begins_with_definitions_and_ends_with_tests_and_prose(catalog, queue):
    add(catalog, "README.md", "Install", 9, "markdown")
    add(catalog, "tests/test_a.py", "test_a", 8)
    add(catalog, "a.py", "", 7)
    add(catalog, "b.py", "old", 5)
    add(catalog, "c.py", "new", 6)
    order = ["c.py", "b.py", "a.py", "README.md", "tests/test_a.py"]
    assert await queue.update() == order
    assert queue.first_group() == order


async def test_queue_begins_with_what_has_changed_and_before_that_with_what_was_found(catalog, queue):
    add(catalog, "a.py", "a", 1)
    add(catalog, "b.py", "b", 2)
    await queue.update()
    add(catalog, "CHANGES.md", "Changes", 0, "markdown")
    assert await queue.update() == ["CHANGES.md", "b.py", "a.py"]
    queue.prefer(["a.py", "unknown"])
    assert queue.first_group() == ["a.py"]
    queue.prefer(["b.py"])
    assert queue.first_group() == ["b.py", "a.py"]
    queue.discard(["a.py", "b.py", "unknown"])
    assert queue.first_group() == ["CHANGES.md"]
