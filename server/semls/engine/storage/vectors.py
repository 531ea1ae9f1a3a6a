"""The base of vector stores: collections of Chroma that hold one model's vectors by content hash."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SPACE = "cosine"
MAX_EXACT = 500  # vectors compared one by one: as fast as HNSW filters, which would miss up to a tenth
_UPSERT_BATCH = 200  # rows: Chroma takes up to 5,461, and 200 take a tenth of a second
_NO_FUNCTIONS = ({"type": "legacy"}, {"type": "unknown"})  # Chroma's values for "no embedding function"


class CollectionMetadata(TypedDict):
    """What identifies the vectors of a collection, as Chroma stores it with the collection."""

    fingerprint: str
    model: str
    dimension: int


class VectorStore(ABC):
    """One model's vectors by id, in a collection of Chroma.

    Ids are content hashes. Vectors are `(dimension,) float32`, L2-normalised. All methods raise StoreError.
    """

    def __init__(self, location: str, fingerprint: str, model: str, dimension: int) -> None:
        self.location = location  # a directory or a URL, for messages
        self._metadata: CollectionMetadata = {
            "model": model,
            "fingerprint": fingerprint,
            "dimension": dimension,
        }

    @abstractmethod
    def existing(self, ids: Collection[str]) -> set[str]:
        """Return those of the ids that have a vector."""

    @abstractmethod
    def get(self, ids: Collection[str]) -> dict[str, Float32]:
        """Return the vectors of those of the ids that have one."""

    def upsert(self, vectors: Mapping[str, Float32]) -> None:
        """Add or replace vectors, in batches; a failure keeps the batches before it."""
        rest = iter(vectors.items())
        while batch := dict(islice(rest, _UPSERT_BATCH)):
            self._upsert_batch(batch)

    def query(
        self, vector: Float32, limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids of the nearest vectors with their cosine similarity, best first.

        With `among`, only these ids are returned; those without a vector are ignored.
        """
        if among is None:
            return self._search(vector, limit)
        if len(among) <= MAX_EXACT:
            return self._compare(vector, limit, among)
        ids = list(self.existing(among))  # Chroma's query fails at an unknown id
        return self._search(vector, min(limit, len(ids)), ids)

    @abstractmethod
    def close(self) -> None:
        """Release files and connections. Closing again does nothing."""

    @abstractmethod
    def _upsert_batch(self, batch: Mapping[str, Float32]) -> None: ...

    @abstractmethod
    def _search(self, vector: Float32, limit: int, ids: list[str] | None = None) -> list[tuple[str, float]]:
        """Search Chroma's index, which is approximate; `ids` must all exist."""

    def _compare(self, vector: Float32, limit: int, ids: Collection[str]) -> list[tuple[str, float]]:
        """Compare with each of the vectors, which is exact."""
        rows = self.get(ids)
        if not rows:
            return []
        keys, matrix = list(rows), np.stack(list(rows.values()))
        norms = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
        cosines = matrix @ vector / np.maximum(norms, np.finfo(np.float32).tiny)
        best = np.argsort(-cosines, kind="stable")[:limit]
        return [(keys[position], float(cosines[position])) for position in best]

    def _check_collection(
        self, metadata: Mapping[str, object] | None, configuration: Mapping[str, object], schema: object
    ) -> None:
        """Check that a collection belongs to this model and runs no code. Raises ValueError."""
        if {key: (metadata or {}).get(key) for key in self._metadata} != self._metadata:
            raise ValueError(f"they belong to {metadata}")
        for name in _embedding_functions([configuration, schema]):
            raise ValueError(f"their collection names the embedding function {name!r}, which may run code")
        indexes = (configuration.get(name) for name in ("hnsw", "spann"))
        spaces = [index.get("space") for index in indexes if isinstance(index, dict)]
        if spaces != [SPACE]:
            raise ValueError(f"they are not compared by {SPACE}")


def _embedding_functions(description: object) -> Iterator[str]:
    """Yield the names of the embedding functions in a collection's configuration or schema."""
    rest = [description]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest += value
        elif isinstance(value, dict):
            function = value.get("embedding_function")
            if function is not None and function not in _NO_FUNCTIONS:
                yield str(function.get("name") if isinstance(function, dict) else function)
            rest += value.values()
