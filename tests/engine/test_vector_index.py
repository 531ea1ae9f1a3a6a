"""The nearest chunks of a vector, with filters that many, some, few or no chunks pass."""

import hashlib

import numpy as np
import pytest

from semls.engine import vector_index
from semls.engine.models.encoder import HashingEncoder
from semls.engine.scheduler import PriorityExecutor
from semls.engine.search.query import parse_query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from semls.engine.storage.vectors_local import LocalVectors
from semls.engine.vector_index import VectorIndex, nearest
from tests.support.entries import make_entry

CHUNKS = 1500
DIMENSION = HashingEncoder.model.dimension
LIMIT = 20


def content_hash(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A catalog and a vector index. Every second chunk is in Go, every 50th in Lua, and the last in Zig."""
    directory = tmp_path_factory.mktemp("stored")
    rows = np.random.default_rng(0).normal(size=(CHUNKS, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    catalog = Catalog(directory / "index.sqlite")
    for number in range(CHUNKS):
        language = (
            "zig" if number == CHUNKS - 1 else "lua" if number % 50 == 0 else "go" if number % 2 else "c"
        )
        path = f"{number}.{language}"
        entry = make_entry(path, f"name{number}", language=language, content_hash=content_hash(number))
        catalog.replace(File(path), [(entry, "text")])
    vectors = LocalVectors(directory / "vectors", "fingerprint", "hashing", DIMENSION)
    vectors.upsert({content_hash(number): row for number, row in enumerate(rows)})
    executor = PriorityExecutor()
    yield catalog, VectorIndex(HashingEncoder(), vectors, executor), executor, rows
    vectors.close()
    catalog.close()


@pytest.mark.parametrize("max_among", [0, 100, 5000])
@pytest.mark.parametrize(
    ("text", "passes", "at_least"),
    [
        ("", lambda number: number >= 0, LIMIT),
        ("-lang:zig", lambda number: number != CHUNKS - 1, LIMIT),
        ("lang:go", lambda number: number % 2 and number != CHUNKS - 1, LIMIT // 2),
        ("lang:lua", lambda number: number % 50 == 0, LIMIT),
        ("lang:zig", lambda number: number == CHUNKS - 1, 1),
        ("lang:cobol", lambda number: number < 0, 0),
    ],
)
async def test_nearest_are_those_that_pass_the_filters(
    stored, monkeypatch, max_among, text, passes, at_least
):
    monkeypatch.setattr(vector_index, "_MAX_AMONG", max_among)
    catalog, index, executor, rows = stored
    vector = rows[7]
    filters = parse_query(f"anything {text}").filters
    found = await nearest(index, vector, LIMIT, filters, catalog, executor)
    passing = sorted(filter(passes, range(CHUNKS)), key=lambda number: -float(rows[number] @ vector))
    assert at_least <= len(found) <= LIMIT
    paths = [entry.path for each in found for entry in catalog.entries(each.chunk_ids).values()]
    expected = {str(number) for number in passing[: len(found)]}
    assert len(expected.intersection(path.partition(".")[0] for path in paths)) >= 0.9 * len(found)
    assert [each.similarity for each in found] == sorted((each.similarity for each in found), reverse=True)
