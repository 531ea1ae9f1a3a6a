"""Vectors in a collection on a team's Chroma server."""

import hashlib
from collections.abc import Collection, Mapping
from uuid import UUID

from semls.engine.storage.chroma_http import ChromaServer
from semls.engine.storage.vectors import MAX_EXACT, SPACE, Float32, VectorStore
from semls.settings import Server


class RemoteVectors(VectorStore):
    """The vectors of one model and repository on a server, which other clients use, too.

    The server receives content hashes and vectors, but no source text. Used by several threads at a time.
    """

    def __init__(self, server: Server, repository: str, fingerprint: str, model: str, dimension: int) -> None:
        """Open or create the collection. Raises StoreError."""
        super().__init__(server.url, fingerprint, model, dimension)
        self._server = ChromaServer(server)
        try:
            self._collection = self._open(repository)
        except BaseException:
            self.close()
            raise

    def existing(self, ids: Collection[str]) -> set[str]:
        """Return those of the ids that have a vector."""
        return self._server.existing(self._collection, ids) if ids else set()

    def get(self, ids: Collection[str]) -> dict[str, Float32]:
        """Return the vectors of those of the ids that have one."""
        return self._server.get(self._collection, ids, self._metadata["dimension"]) if ids else {}

    def query(
        self, vector: Float32, limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids of the nearest vectors with their cosine similarity, best first.

        More than `MAX_EXACT` ids are too many to send with a query: then hits are not restricted to them.
        """
        sent = among if among is not None and len(among) <= MAX_EXACT else None
        return super().query(vector, limit, sent)

    def close(self) -> None:
        """Close the connections and cancel running requests. Closing again does nothing."""
        self._server.close()

    def _upsert_batch(self, batch: Mapping[str, Float32]) -> None:
        self._server.upsert(self._collection, batch)

    def _search(self, vector: Float32, limit: int, ids: list[str] | None = None) -> list[tuple[str, float]]:
        return self._server.query(self._collection, vector, limit, ids) if limit > 0 else []

    def _open(self, repository: str) -> UUID:
        digest = hashlib.blake2b(repository.encode(), digest_size=8).hexdigest()
        name = f"semls-{digest}-{self._metadata['fingerprint']}"
        metadata = {**self._metadata, "repository": repository}
        found = self._server.get_or_create_collection(name, metadata, SPACE)
        try:
            self._check_collection(found.metadata, found.configuration, found.schema_)
            if found.dimension not in (None, self._metadata["dimension"]):
                raise ValueError(f"they have {found.dimension} dimensions")
        except ValueError as error:
            raise self._server.error(str(error)) from error
        return found.id


def server_version(server: Server) -> str:
    """Return the version of a server's Chroma. Raises StoreError."""
    chroma = ChromaServer(server)
    try:
        return chroma.version()
    finally:
        chroma.close()
