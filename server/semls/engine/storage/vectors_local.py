"""Vectors in Chroma, here or on a team's server: a view that may be thrown away and made anew."""

import hashlib
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from itertools import islice
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from semls.engine.storage.vectors_remote import ChromaServer
from semls.errors import StoreError
from semls.settings import Server

log = logging.getLogger(__name__)

_BATCH = 200  # rows written at once: Chroma takes 5,461, and 200 of them take a tenth of a second
_FEW = (
    500  # rows that are compared one by one as fast as HNSW filters; it would miss up to a tenth of the hits
)
_SAMPLES = 8  # rows, most of which must find themselves before a store is believed
_ITSELF = 0.999  # the length of a vector and its cosine with itself, but for rounding
_SPACE = "cosine"
_NO_FUNCTIONS = ({"type": "legacy"}, {"type": "unknown"})  # what Chroma writes where there is none
_LONGEST_ERROR = 200  # letters of what Chroma says
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


class Vectors:
    """One model's vectors, of length 1, by id, in a collection of Chroma. Every method raises StoreError."""

    def __init__(self, place: str, fingerprint: str, model: str, dimension: int) -> None:
        self.place = place
        self._about: _About = {"model": model, "fingerprint": fingerprint, "dimension": dimension}

    def having(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that there are."""
        raise NotImplementedError

    def get(self, ids: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those of the ids that there are."""
        raise NotImplementedError

    def upsert(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Add or replace vectors; what comes before a failure is kept."""
        rest = iter(vectors.items())
        while batch := dict(islice(rest, _BATCH)):
            self._put(batch)

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest ids with their cosine similarity, best first; if `among` is given, of these only."""
        if among is None:
            return self._nearest(vector, limit)
        if len(among) <= _FEW:
            return self._compared(vector, limit, among)
        ids = list(self.having(among))  # at an unknown id Chroma's query fails
        return self._nearest(vector, min(limit, len(ids)), ids)

    def close(self) -> None:
        """Let go of all that is open."""
        raise NotImplementedError

    def _put(self, batch: Mapping[str, NDArray[np.float32]]) -> None:
        raise NotImplementedError

    def _nearest(
        self, vector: NDArray[np.float32], limit: int, ids: list[str] | None = None
    ) -> list[tuple[str, float]]:
        raise NotImplementedError

    def _compared(
        self, vector: NDArray[np.float32], limit: int, ids: Collection[str]
    ) -> list[tuple[str, float]]:
        rows = self.get(ids)
        if not rows:
            return []
        others = np.stack(list(rows.values()))
        lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(vector)
        near = others @ vector / np.maximum(lengths, np.finfo(np.float32).tiny)
        keys = list(rows)
        return [(keys[at], float(near[at])) for at in np.argsort(-near, kind="stable")[:limit]]

    def _check_collection(
        self, metadata: Mapping[str, object] | None, configuration: Mapping[str, object], schema: object
    ) -> None:
        """Check what a collection says of itself. Raises ValueError."""
        if {key: (metadata or {}).get(key) for key in self._about} != self._about:
            raise ValueError(f"they belong to {metadata}")
        for name in _embedding_functions([configuration, schema]):
            raise ValueError(f"their collection names the embedding function {name!r}, which may run code")
        indexes = (configuration.get(name) for name in ("hnsw", "spann"))
        spaces = [index.get("space") for index in indexes if isinstance(index, dict)]
        if spaces != [_SPACE]:
            raise ValueError(f"they are not compared by {_SPACE}")


def _embedding_functions(described: object) -> Iterator[str]:
    """Names of the embedding functions in a collection's configuration or schema."""
    rest = [described]
    while rest:
        part = rest.pop()
        if isinstance(part, list):
            rest += part
        elif isinstance(part, dict):
            function = part.get("embedding_function")
            if function is not None and function not in _NO_FUNCTIONS:
                yield str(function.get("name") if isinstance(function, dict) else function)
            rest += part.values()


class TeamVectors(Vectors):
    """A collection on a server that others write to, too. Used by several threads at a time.

    The server is given no texts, and ids of its own are of no use.
    """

    def __init__(self, server: Server, repository: str, fingerprint: str, model: str, dimension: int) -> None:
        super().__init__(server.url, fingerprint, model, dimension)
        self._server = ChromaServer(server)
        try:
            self._collection = self._open(repository)
        except BaseException:
            self.close()
            raise

    def having(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that there are."""
        return self._server.known(self._collection, ids) if ids else set()

    def get(self, ids: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those of the ids that there are."""
        return self._server.vectors(self._collection, ids, self._about["dimension"]) if ids else {}

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """As of the others; but many ids are too much to send with a question, and are not filtered by."""
        few = among is not None and len(among) <= _FEW
        return super().query(vector, limit, among if few else None)

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()

    def _put(self, batch: Mapping[str, NDArray[np.float32]]) -> None:
        self._server.upsert(self._collection, batch)

    def _nearest(
        self, vector: NDArray[np.float32], limit: int, ids: list[str] | None = None
    ) -> list[tuple[str, float]]:
        return self._server.nearest(self._collection, vector, limit, ids) if limit > 0 else []

    def _open(self, repository: str) -> UUID:
        name = f"semls-{_hash(repository)}-{self._about['fingerprint']}"
        found = self._server.collection(name, {**self._about, "repository": repository}, _SPACE)
        try:
            self._check_collection(found.metadata, found.configuration, found.schema_)
            if found.dimension not in (None, self._about["dimension"]):
                raise ValueError(f"they have {found.dimension} numbers each")
        except ValueError as error:
            raise self._server.error(str(error)) from error
        return found.id


def _hash(repository: str) -> str:
    return hashlib.blake2b(repository.encode(), digest_size=8).hexdigest()


def greet(server: Server) -> str:
    """The version of a server's Chroma. Raises StoreError."""
    chroma = ChromaServer(server)
    try:
        return chroma.version()
    finally:
        chroma.close()


class VectorStore(Vectors):
    """A directory of our own. Used by one thread at a time."""

    _collection: Any

    def __init__(self, directory: Path, fingerprint: str, model: str, dimension: int) -> None:
        super().__init__(str(directory), fingerprint, model, dimension)
        self._directory = directory
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

    def having(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that there are."""
        return self._ids.intersection(ids)

    def get(self, ids: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those of the ids that there are."""
        with self._blame():
            rows = self._collection.get(ids=list(ids), include=["embeddings"]) if ids else {"ids": []}
            return {key: np.asarray(rows["embeddings"][at], np.float32) for at, key in enumerate(rows["ids"])}

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """As many as there are, at most."""
        return super().query(vector, min(limit, len(self._ids)), among)

    def _put(self, batch: Mapping[str, NDArray[np.float32]]) -> None:
        with self._blame():
            self._collection.upsert(ids=list(batch), embeddings=np.stack(list(batch.values())))
        self._ids.update(batch)

    def _nearest(
        self, vector: NDArray[np.float32], limit: int, ids: list[str] | None = None
    ) -> list[tuple[str, float]]:
        if limit < 1:
            return []
        with self._blame():
            found = self._collection.query(
                query_embeddings=[vector], n_results=limit, include=["distances"], ids=ids
            )
        return [(key, 1 - far) for key, far in zip(found["ids"][0], found["distances"][0], strict=True)]

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
        collection = self._client.get_or_create_collection(
            f"semls-{self._about['fingerprint']}",
            embedding_function=None,
            configuration={"hnsw": {"space": _SPACE}},
            metadata=self._about,
        )
        model = collection.get_model()
        self._check_collection(model.metadata, model.configuration_json, model.serialized_schema)
        # With every upsert Chroma builds the embedding functions of the schema, which may run code.
        model.set_serialized_schema({})
        self._collection = collection
        self._ids = set[str](self._collection.get(include=[])["ids"])
        self._check()
        marker.unlink()

    def _check(self) -> None:
        """Torn files may open without complaint. Raises ValueError, or what Chroma raises."""
        if not self._ids:
            return
        ids = list(self._ids)
        samples = self._collection.get(ids=ids[:: max(1, len(ids) // _SAMPLES)], include=["embeddings"])
        if not np.allclose(np.linalg.norm(samples["embeddings"], axis=1), 1, atol=1 - _ITSELF):
            raise ValueError("some are not what they were")
        # Among all ids, or Chroma would not fail if its graph lacks one of them. The nearest may have another
        # id, as two contents may have one vector.
        found = self._collection.query(
            query_embeddings=list(samples["embeddings"]), n_results=1, include=["distances"], ids=ids
        )
        themselves = [bool(far) and 1 - far[0] > _ITSELF for far in found["distances"]]
        if 2 * sum(themselves) < len(themselves):  # HNSW by its nature does not find each
            raise ValueError("most of them do not find themselves")

    @contextmanager
    def _blame(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            said = " ".join(str(error).split())[:_LONGEST_ERROR] or type(error).__name__
            raise StoreError(
                f"The vectors in {self.place} cannot be used ({said}): "
                "make that directory writable, free some space, or delete it."
            ) from error

    def _set_aside(self) -> None:
        """Make room for a new store; the last broken one is kept, for those who want to know why."""
        from chromadb.api.shared_system_client import SharedSystemClient

        # Chroma 1.5 keeps a system that failed to start and gives it to the next client of the same path.
        getattr(SharedSystemClient, "_identifier_to_system", {}).pop(str(self._directory), None)
        directory, stem = self._directory, f"{self._directory.name}.broken-"
        former = {
            int(path.name.removeprefix(stem)): path for path in directory.parent.glob(f"{escape(stem)}[0-9]*")
        }
        directory.rename(directory.with_name(f"{stem}{max(former, default=0) + 1}"))
        for path in former.values():
            shutil.rmtree(path, ignore_errors=True)
