"""A vector index: an encoder together with the store of the vectors that it computed."""

from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semls.engine.models.encoder import Encoder
from semls.engine.scheduler import Executor, Priority, PriorityExecutor
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.filters import Filters
from semls.engine.storage.vectors import VectorStore
from semls.settings import Server

_MAX_NEIGHBOURS = 4000  # a query for more vectors than this is not followed by another one
_MAX_AMONG = 5000  # ids that Chroma searches among at once: it takes microseconds for each
_GROWTH = 4  # how many times more vectors each further query asks for


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """An encoder, the store of its vectors, the executor that calls the store, and the store's server.

    `server` is None for a store on this machine.
    """

    encoder: Encoder
    vectors: VectorStore
    executor: Executor
    server: Server | None = None

    @property
    def name(self) -> str:
        """A key that identifies the index in a catalog: the encoder's fingerprint and the server."""
        server = (self.server.url, self.server.tenant, self.server.database) if self.server else ()
        return " ".join((self.encoder.fingerprint, *server))

    async def close(self) -> None:
        """Close the store. Raises StoreError."""
        await self.executor.close(self.vectors.close)


class Neighbour(NamedTuple):
    """The chunks that share one content hash, and the cosine similarity of their vector to the query's."""

    similarity: float
    chunk_ids: list[int]


async def nearest(
    index: VectorIndex,
    vector: NDArray[np.float32],
    limit: int,
    filters: Filters,
    catalog: Catalog,
    executor: PriorityExecutor,
) -> list[Neighbour]:
    """Return the neighbours of `vector` among the chunks that pass the filters, nearest first.

    `vector` has the shape `(dimension,)` and is L2-normalised. There are `limit` neighbours, or half as many
    if that is faster. The store is asked for more vectors while fewer belong to a chunk that passes: a store
    also keeps the vectors of former chunks, and a shared one those of other clones.

    Raises StoreError.
    """
    count = limit  # of vectors that the store is asked for
    among = await executor.run(Priority.SEARCH, catalog.few_hashes, filters, _MAX_AMONG) if filters else None
    while True:
        found = await index.executor.run(Priority.SEARCH, index.vectors.query, vector, count, among)
        similarities = dict(found)
        chunk_ids = await executor.run(Priority.SEARCH, catalog.find_by_hash, list(similarities), filters)
        is_exhausted = len(similarities) < count
        if is_exhausted or 2 * len(chunk_ids) >= limit or count > _MAX_NEIGHBOURS:
            return [
                Neighbour(similarities[content_hash], chunk_ids[content_hash])
                for content_hash in islice(filter(chunk_ids.__contains__, similarities), limit)
            ]
        are_few = count > limit or 2 * _GROWTH * len(chunk_ids) < limit
        if filters and among is None and index.server is None and are_few:
            among, count = await executor.run(Priority.SEARCH, catalog.content_hashes, filters), limit
        else:
            count *= _GROWTH
