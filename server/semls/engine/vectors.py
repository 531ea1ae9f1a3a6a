"""Vectors in Chroma: a view that may be thrown away and made anew from the embedding cache."""

import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from itertools import islice
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from semls.errors import StoreError

log = logging.getLogger(__name__)

_BATCH = 200  # rows written at once: Chroma takes 5,461, and 200 of them take a tenth of a second
_FEW = (
    500  # rows that are compared one by one as fast as HNSW filters; it would miss up to a tenth of the hits
)
_SAMPLES = 8  # rows that must find themselves before a store is believed
_SPACE = "cosine"
_MARKER = "opening"  # a file that is there while a store is opened, and after that killed the process


def prepare() -> None:
    """Import the library now: that takes a second, which no search should wait for."""
    import chromadb  # noqa: F401


def discard(directory: Path) -> None:
    """Delete a store that is not open, if there is one. Raises StoreError."""
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(f"The vectors in {directory} cannot be deleted: {error}.") from error


class _About(TypedDict):
    fingerprint: str
    model: str
    dimension: int


class VectorStore:
    """The vectors of one model, by id. Used by one thread at a time. Every method raises StoreError."""

    def __init__(self, directory: Path, fingerprint: str, model: str, dimension: int) -> None:
        self._directory = directory
        self._about: _About = {"model": model, "fingerprint": fingerprint, "dimension": dimension}
        self._client: Any = None
        try:
            self._open()
        except Exception as error:  # noqa: BLE001 - garbled files make Chroma raise about anything
            log.warning("The vectors in %s are of no use and are made anew: %s", directory, error)
            self.close()
            with self._blame():
                self._set_aside()
                self._open()

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> set[str]:
        """All ids."""
        return set(self._ids)

    def get(self, ids: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those of the ids that there are."""
        known = list(self._ids.intersection(ids))
        with self._blame():
            rows = self._collection.get(ids=known, include=["embeddings"]) if known else {"ids": []}
            return {key: rows["embeddings"][number] for number, key in enumerate(rows["ids"])}

    def upsert(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Add or replace vectors; what comes before a failure is kept."""
        rest = iter(vectors.items())
        with self._blame():
            while batch := dict(islice(rest, _BATCH)):
                self._collection.upsert(ids=list(batch), embeddings=np.stack(list(batch.values())))
                self._ids.update(batch)

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest ids with their cosine similarity, best first; if `among` is given, of these only."""
        with self._blame():
            if among is None:
                return self._nearest(vector, min(limit, len(self._ids)))
            ids = list(self._ids.intersection(among))  # at an unknown id Chroma's query fails
            if len(ids) <= _FEW:
                return self._compared(vector, limit, ids)
            return self._nearest(vector, min(limit, len(ids)), ids)

    def beside(self) -> "VectorStore":
        """A new store beside this one, for the same model."""
        directory = self._directory.with_name(f"{self._directory.name}.new")
        discard(directory)
        return VectorStore(directory, **self._about)

    def become(self, fresh: "VectorStore") -> None:
        """Take the place and the vectors of a store from beside: Chroma never gives back space."""
        fresh.close()
        self.close()
        with self._blame():
            discard(self._directory)
            fresh._directory.rename(self._directory)
            self._open()

    def close(self) -> None:
        """Let go of the files."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _nearest(
        self, vector: NDArray[np.float32], limit: int, ids: list[str] | None = None
    ) -> list[tuple[str, float]]:
        if limit < 1:
            return []
        found = self._collection.query(
            query_embeddings=[vector], n_results=limit, include=["distances"], ids=ids
        )
        return [(key, 1 - far) for key, far in zip(found["ids"][0], found["distances"][0], strict=True)]

    def _compared(self, vector: NDArray[np.float32], limit: int, ids: list[str]) -> list[tuple[str, float]]:
        if not ids:
            return []
        rows = self._collection.get(ids=ids, include=["embeddings"])
        others = np.asarray(rows["embeddings"], np.float32)
        lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(vector)
        near = others @ vector / np.maximum(lengths, np.finfo(np.float32).tiny)
        best = np.argsort(-near, kind="stable")[:limit]
        return [(rows["ids"][number], float(near[number])) for number in best]

    def _open(self) -> None:
        """Open the store and see whether it can be believed. Raises ValueError, or what Chroma raises."""
        import chromadb

        self._directory.mkdir(parents=True, exist_ok=True)
        marker = self._directory / _MARKER
        if marker.exists():
            raise ValueError("the process ended while they were opened")
        marker.touch()
        settings = chromadb.config.Settings(anonymized_telemetry=False)
        self._client = chromadb.PersistentClient(str(self._directory), settings=settings)
        self._collection: Any = self._client.get_or_create_collection(
            f"semls-{self._about['fingerprint']}",
            embedding_function=None,
            configuration={"hnsw": {"space": _SPACE}},
            metadata=self._about,
        )
        self._ids: set[str] = set(self._collection.get(include=[])["ids"])
        self._check()
        marker.unlink()

    def _check(self) -> None:
        """Torn files may open without complaint. Raises ValueError, or what Chroma raises."""
        if dict(self._collection.metadata or {}) != self._about:
            raise ValueError(f"they belong to {self._collection.metadata}")
        if self._collection.configuration_json["hnsw"]["space"] != _SPACE:
            raise ValueError(f"they are not compared by {_SPACE}")
        for offset in range(0, len(self._ids), max(1, len(self._ids) // _SAMPLES)):
            row = self._collection.get(limit=1, offset=offset, include=["embeddings"])
            # Asked among all ids, Chroma fails if its graph lacks one of them; once is enough.
            near = self._nearest(row["embeddings"][0], 1, None if offset else list(self._ids))
            if not near or near[0][1] < 0.999:  # not by id: two contents may have one vector
                raise ValueError(f"{row['ids'][0]} does not find itself")

    def _set_aside(self) -> None:
        """Make room for a new store; the last broken one is kept, for those who want to know why."""
        from chromadb.api.shared_system_client import SharedSystemClient

        # Chroma 1.5 keeps a system that failed to start and gives it to the next client of the same path.
        SharedSystemClient._identifier_to_system.pop(str(self._directory), None)
        directory, stem = self._directory, f"{self._directory.name}.broken-"
        former = {
            int(path.name.removeprefix(stem)): path for path in directory.parent.glob(f"{escape(stem)}[0-9]*")
        }
        directory.rename(directory.with_name(f"{stem}{max(former, default=0) + 1}"))
        for path in former.values():
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _blame(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise StoreError(
                f"The vectors in {self._directory} cannot be used ({error}): "
                "make that directory writable, free some space, or delete it."
            ) from error
