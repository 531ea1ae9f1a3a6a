"""Vectors in Chroma, here or on a team's server: a view that may be thrown away and made anew."""

import hashlib
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from glob import escape
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, TypedDict
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

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
_PATIENCE = 20.0  # seconds that a server may be silent
_LONGEST_ERROR = 200  # letters of what a server says
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

    _collection: Any
    _advice: ClassVar[str]

    def __init__(self, place: str, fingerprint: str, model: str, dimension: int) -> None:
        self.place = place
        self._about: _About = {"model": model, "fingerprint": fingerprint, "dimension": dimension}

    def having(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that there are."""
        with self._blame():
            return set(self._collection.get(ids=list(ids), include=[])["ids"]) if ids else set()

    def get(self, ids: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those of the ids that there are."""
        with self._blame():
            rows = self._collection.get(ids=list(ids), include=["embeddings"]) if ids else {"ids": []}
            return {key: np.asarray(rows["embeddings"][at], np.float32) for at, key in enumerate(rows["ids"])}

    def upsert(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Add or replace vectors; what comes before a failure is kept."""
        rest = iter(vectors.items())
        with self._blame():
            while batch := dict(islice(rest, _BATCH)):
                self._put(batch)

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest ids with their cosine similarity, best first; if `among` is given, of these only."""
        if among is None:
            with self._blame():
                return self._nearest(vector, limit)
        if len(among) <= _FEW:
            return self._compared(vector, limit, among)
        ids = list(self.having(among))  # at an unknown id Chroma's query fails
        with self._blame():
            return self._nearest(vector, min(limit, len(ids)), ids)

    def close(self) -> None:
        """Let go of all that is open."""
        raise NotImplementedError

    def _put(self, batch: Mapping[str, NDArray[np.float32]]) -> None:
        self._collection.upsert(ids=list(batch), embeddings=np.stack(list(batch.values())))

    def _nearest(
        self, vector: NDArray[np.float32], limit: int, ids: list[str] | None = None
    ) -> list[tuple[str, float]]:
        if limit < 1:
            return []
        found = self._collection.query(
            query_embeddings=[vector], n_results=limit, include=["distances"], ids=ids
        )
        return [(key, 1 - far) for key, far in zip(found["ids"][0], found["distances"][0], strict=True)]

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

    def _use(self, collection: Any) -> None:  # noqa: ANN401 - chromadb's types are not to be relied on
        """Check what a collection says of itself, then use it without its schema. Raises ValueError."""
        model = collection.get_model()
        metadata = model.metadata or {}
        if {key: metadata.get(key) for key in self._about} != self._about:
            raise ValueError(f"they belong to {model.metadata}")
        for name in _embedding_functions([model.configuration_json, model.serialized_schema]):
            raise ValueError(f"their collection names the embedding function {name!r}, which may run code")
        indexes = model.configuration_json
        spaces = {indexes[name]["space"] for name in ("hnsw", "spann") if indexes.get(name)}
        if spaces != {_SPACE}:
            raise ValueError(f"they are not compared by {_SPACE}")
        # With every upsert Chroma builds the embedding functions of the schema, which may run code.
        model.set_serialized_schema({})
        self._collection = collection

    def _blame(self) -> AbstractContextManager[None]:
        return _blame(self.place, self._advice)


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


@contextmanager
def _blame(place: str, advice: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        said = " ".join(str(error).split())[:_LONGEST_ERROR] or type(error).__name__
        raise StoreError(f"The vectors in {place} cannot be used ({said}): {advice}.") from error


class TeamVectors(Vectors):
    """A collection on a server that others write to, too. Used by several threads at a time.

    The server is given no texts, and ids of its own are of no use.
    """

    _advice = "see that the server runs, and that the settings of the store are right"

    def __init__(self, server: Server, repository: str, fingerprint: str, model: str, dimension: int) -> None:
        super().__init__(server.url, fingerprint, model, dimension)
        with self._blame():
            self._api = _connect(server)
            try:
                self._open(server, repository)
            except Exception:
                self.close()
                raise

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """As of the others; but many ids are too much to send with a question, and are not filtered by."""
        few = among is not None and len(among) <= _FEW
        return super().query(vector, limit, among if few else None)

    def close(self) -> None:
        """Let go of the connections."""
        self._api._session.close()

    def _open(self, server: Server, repository: str) -> None:
        from chromadb.api.models.Collection import Collection as ChromaCollection

        model = self._api.get_or_create_collection(
            f"semls-{_hash(repository)}-{self._about['fingerprint']}",
            configuration={"hnsw": {"space": _SPACE}},
            metadata={**self._about, "repository": repository},
            tenant=server.tenant,
            database=server.database,
        )
        self._use(ChromaCollection(client=self._api, model=model, embedding_function=None))


def _connect(server: Server) -> Any:  # noqa: ANN401 - chromadb's types are not to be relied on
    import chromadb
    from chromadb.api import ServerAPI

    parts = urlsplit(server.url)
    settings = chromadb.config.Settings(
        anonymized_telemetry=False,
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host=server.url.rstrip("/"),
        chroma_server_http_port=parts.port or (443 if parts.scheme == "https" else 80),
        chroma_server_ssl_enabled=parts.scheme == "https",
        chroma_server_headers=_headers(server),
    )
    api = chromadb.config.System(settings).instance(ServerAPI)
    # chromadb.HttpClient waits for ever, and asks before one can tell it not to: chroma-core/chroma#1227.
    api._session.timeout = _PATIENCE
    return api


def _hash(repository: str) -> str:
    return hashlib.blake2b(repository.encode(), digest_size=8).hexdigest()


def greet(server: Server) -> str:
    """The version of a server's Chroma. Raises StoreError."""
    with _blame(server.url, TeamVectors._advice):
        api = _connect(server)
        version = str(api.get_version())
        api._session.close()
        return version


def _headers(server: Server) -> dict[str, str]:
    """What servers and the proxies before them look for: there is no one place for a token."""
    token = (
        {"Authorization": f"Bearer {server.token}", "X-Chroma-Token": server.token} if server.token else {}
    )
    return {**token, **server.headers}


class VectorStore(Vectors):
    """A directory of our own. Used by one thread at a time."""

    _advice = "make that directory writable, free some space, or delete it"

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

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """As many as there are, at most."""
        return super().query(vector, min(limit, len(self._ids)), among)

    def _put(self, batch: Mapping[str, NDArray[np.float32]]) -> None:
        super()._put(batch)
        self._ids.update(batch)

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
        self._use(collection)
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
