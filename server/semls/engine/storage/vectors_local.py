"""Vectors in a Chroma directory on this machine, which is rebuilt when it is corrupted."""

import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from semls.engine.storage.vectors import SPACE, Float32, VectorStore
from semls.errors import StoreError

log = logging.getLogger(__name__)

_SAMPLES = 8  # vectors that are searched for when a store is opened
_MIN_SELF_SIMILARITY = 0.999  # the least length of a vector, and cosine with itself: 1 but for rounding
_MAX_ERROR_LENGTH = 200  # characters of Chroma's messages
_MARKER = "opening"  # a file that exists while the store is opened; it stays if opening kills the process

# chromadb is imported inside functions, so its types are unknown here.
_Client: TypeAlias = Any
_ChromaCollection: TypeAlias = Any


def preload() -> None:
    """Import chromadb ahead of the first search, because the import takes a second."""
    import chromadb  # noqa: F401


def delete_store(directory: Path) -> None:
    """Delete the directory of a store that is not open, if it exists. Raises StoreError."""
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(
            f"The vectors in {directory} cannot be deleted ({error}). Make them writable, or delete them."
        ) from error


class LocalVectors(VectorStore):
    """The vectors of one model in a directory that no other process uses. Used by one thread at a time."""

    def __init__(self, directory: Path, fingerprint: str, model: str, dimension: int) -> None:
        """Open or create the directory; a corrupted one is quarantined. Raises StoreError."""
        super().__init__(str(directory), fingerprint, model, dimension)
        self._directory = directory
        self._client, self._collection, self._ids = self._open_or_rebuild()

    def __len__(self) -> int:
        return len(self._ids)

    def existing(self, ids: Collection[str]) -> set[str]:
        """Return those of the ids that have a vector."""
        return self._ids.intersection(ids)

    def get(self, ids: Collection[str]) -> dict[str, Float32]:
        """Return the vectors of those of the ids that have one."""
        if not ids:
            return {}
        with self._translate_errors():
            rows = self._collection.get(ids=list(ids), include=["embeddings"])
            vectors = (np.asarray(vector, np.float32) for vector in rows["embeddings"])
            return dict(zip(rows["ids"], vectors, strict=True))

    def query(
        self, vector: Float32, limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids of the nearest vectors with their cosine similarity, best first."""
        return super().query(vector, min(limit, len(self._ids)), among)  # Chroma fails at a larger limit

    def create_replacement(self) -> "LocalVectors":
        """Create an empty store for the same model in a sibling directory, for `replace_with`."""
        directory = self._directory.with_name(f"{self._directory.name}.new")
        delete_store(directory)
        return LocalVectors(directory, **self._metadata)

    def replace_with(self, replacement: "LocalVectors") -> None:
        """Delete this store's vectors and take over those of the replacement, which is closed.

        This is how a store is compacted: Chroma never returns the space of deleted vectors.
        """
        replacement.close()
        self.close()
        with self._translate_errors():
            delete_store(self._directory)
            replacement._directory.rename(self._directory)
            self._client, self._collection, self._ids = self._open()

    def close(self) -> None:
        """Close the files. Closing again does nothing."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _upsert_batch(self, batch: Mapping[str, Float32]) -> None:
        with self._translate_errors():
            self._collection.upsert(ids=list(batch), embeddings=np.stack(list(batch.values())))
        self._ids.update(batch)

    def _search(self, vector: Float32, limit: int, ids: list[str] | None = None) -> list[tuple[str, float]]:
        if limit < 1:
            return []
        with self._translate_errors():
            found = self._collection.query(
                query_embeddings=[vector], n_results=limit, include=["distances"], ids=ids
            )
        hits = zip(found["ids"][0], found["distances"][0], strict=True)
        return [(key, 1 - distance) for key, distance in hits]

    def _open_or_rebuild(self) -> tuple[_Client, _ChromaCollection, set[str]]:
        try:
            return self._open()
        except Exception as error:  # noqa: BLE001 - corrupted files make Chroma raise anything
            log.warning("The vectors in %s are corrupted and are being rebuilt: %s", self._directory, error)
            with self._translate_errors():
                self._quarantine()
                return self._open()

    def _open(self) -> tuple[_Client, _ChromaCollection, set[str]]:
        """Open and check the directory. Raises ValueError, or what Chroma raises."""
        import chromadb

        self._directory.mkdir(parents=True, exist_ok=True)
        marker = self._directory / _MARKER
        if marker.exists():
            raise ValueError("the process ended while they were opened")
        marker.touch()
        settings = chromadb.config.Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(str(self._directory), settings=settings)
        try:
            collection = self._open_collection(client)
            ids = set[str](collection.get(include=[])["ids"])
            _check_vectors(collection, list(ids))
        except BaseException:
            client.close()
            raise
        marker.unlink()
        return client, collection, ids

    def _open_collection(self, client: _Client) -> _ChromaCollection:
        collection = client.get_or_create_collection(
            f"semls-{self._metadata['fingerprint']}",
            embedding_function=None,
            configuration={"hnsw": {"space": SPACE}},
            metadata=self._metadata,
        )
        model = collection.get_model()
        self._check_collection(model.metadata, model.configuration_json, model.serialized_schema)
        # With every upsert Chroma builds the embedding functions of the schema, which may run code.
        model.set_serialized_schema({})
        return collection

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise StoreError for everything that Chroma raises."""
        try:
            yield
        except Exception as error:
            message = " ".join(str(error).split())[:_MAX_ERROR_LENGTH] or type(error).__name__
            raise StoreError(
                f"The vectors in {self.location} cannot be used ({message}): "
                "make that directory writable, free some space, or delete it."
            ) from error

    def _quarantine(self) -> None:
        """Rename the directory; only the last corrupted one is kept, for analysis."""
        from chromadb.api.shared_system_client import SharedSystemClient

        # Chroma 1.5 keeps a system that failed to start and gives it to the next client of the same path.
        getattr(SharedSystemClient, "_identifier_to_system", {}).pop(str(self._directory), None)
        directory, stem = self._directory, f"{self._directory.name}.broken-"
        earlier = {
            int(path.name.removeprefix(stem)): path for path in directory.parent.glob(f"{escape(stem)}[0-9]*")
        }
        directory.rename(directory.with_name(f"{stem}{max(earlier, default=0) + 1}"))
        for path in earlier.values():
            shutil.rmtree(path, ignore_errors=True)


def _check_vectors(collection: _ChromaCollection, ids: Sequence[str]) -> None:
    """Check that vectors have length 1 and that most find themselves: corrupted files may open silently.

    Raises ValueError, or what Chroma raises.
    """
    if not ids:
        return
    samples = collection.get(ids=ids[:: max(1, len(ids) // _SAMPLES)], include=["embeddings"])
    lengths = np.linalg.norm(samples["embeddings"], axis=1)
    if not np.allclose(lengths, 1, atol=1 - _MIN_SELF_SIMILARITY):
        raise ValueError("some have changed")
    # Among all ids, because otherwise Chroma would not fail if its graph lacks one of them. The nearest
    # vector may have another id, because two contents may have the same vector.
    found = collection.query(
        query_embeddings=list(samples["embeddings"]), n_results=1, include=["distances"], ids=ids
    )
    similarities = [1 - distances[0] if distances else 0.0 for distances in found["distances"]]
    found_themselves = sum(similarity > _MIN_SELF_SIMILARITY for similarity in similarities)
    if 2 * found_themselves < len(similarities):  # HNSW is approximate and does not find every vector
        raise ValueError("most of them do not find themselves")
