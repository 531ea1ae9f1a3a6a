"""Vectors in Chroma: a view that may be thrown away and made anew from the embedding cache."""

import logging
import shutil
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semls.errors import StoreError

log = logging.getLogger(__name__)

_ROWS = 1000  # read at once
_SAMPLE = 3  # rows that must find themselves before a store is believed


def prepare() -> None:
    """Import the library now: that takes a second, which no search should wait for."""
    import chromadb  # noqa: F401


class VectorStore:
    """The vectors of one model. Used by one thread at a time."""

    def __init__(self, directory: Path, fingerprint: str, model_name: str, dimension: int) -> None:
        self._directory = directory
        self._about = {"model": model_name, "fingerprint": fingerprint, "dimension": dimension}
        try:
            self._open()
            self._check()
        except Exception as error:  # Chroma raises its own panics and errors for garbled files
            log.warning("The vectors in %s are of no use and are made anew: %s", directory, error)
            self.close()
            shutil.rmtree(directory, ignore_errors=True)
            self._open()

    def ids(self) -> set[str]:
        """All ids."""
        found: set[str] = set()
        while page := self._collection.get(include=[], limit=_ROWS, offset=len(found))["ids"]:
            found.update(page)
        return found

    def upsert(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Add or replace vectors by id. Raises StoreError."""
        if vectors:
            try:
                self._collection.upsert(ids=list(vectors), embeddings=list(vectors.values()))
            except Exception as error:
                raise StoreError(
                    f"The vectors in {self._directory} cannot be written ({error}): free some space on that disk."
                ) from error

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest ids with their cosine similarity, best first; `among` narrows them down."""
        if among is not None:
            return self._exact(vector, limit, among)
        count = self._collection.count()
        if not count:
            return []
        found = self._collection.query(
            query_embeddings=[vector], n_results=min(limit, count), include=["distances"]
        )
        return [
            (key, 1 - float(far)) for key, far in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def close(self) -> None:
        """Let go of the files."""
        client = getattr(self, "_client", None)
        if client is not None:
            client.close()

    def _exact(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str]
    ) -> list[tuple[str, float]]:
        """Compare with every one of them: HNSW would look for neighbours first and filter afterwards."""
        keys: list[str] = []
        near: list[float] = []
        for some in _pages(among):
            rows = self._collection.get(ids=some, include=["embeddings"])
            if rows["ids"]:
                keys += rows["ids"]
                near += (np.asarray(rows["embeddings"], np.float32) @ vector).tolist()
        best = np.argsort(-np.asarray(near), kind="stable")[:limit]
        return [(keys[number], near[number]) for number in best]

    def _open(self) -> None:
        import chromadb

        self._directory.mkdir(parents=True, exist_ok=True)
        settings = chromadb.config.Settings(anonymized_telemetry=False)
        self._client = chromadb.PersistentClient(str(self._directory), settings=settings)
        self._collection: Any = self._client.get_or_create_collection(
            f"semls-{self._about['fingerprint']}",
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
            metadata=self._about,
        )

    def _check(self) -> None:
        """A few rows must find themselves: Chroma can open torn files without complaint. Raises ValueError."""
        if dict(self._collection.metadata or {}) != self._about:
            raise ValueError("they belong to another model")
        rows = self._collection.get(limit=_SAMPLE, include=["embeddings"])
        for key, vector in zip(rows["ids"], rows["embeddings"], strict=True):
            near = self.query(vector, 5)
            if near[0][1] < 0.999 and key not in [found for found, _ in near]:
                raise ValueError("a vector does not find itself")


def _pages(ids: Collection[str]) -> list[list[str]]:
    rest = iter(ids)
    return list(iter(lambda: list(islice(rest, _ROWS)), []))
