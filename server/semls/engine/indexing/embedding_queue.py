"""The chunks of one workspace that have no vector yet, and the encoding of their texts."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, islice, takewhile

import numpy as np
from numpy.typing import NDArray

from semls.engine.models.encoder import Encoder, embedded_text
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Use
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.vector_index import VectorIndex

_GROUP = 256  # texts that are sorted by length together
_SHARED_POOL = 2048  # from which a machine draws its group if others may embed the same chunks
_PREFERRED_GROUP = 32  # fewer, because a search waits for them


class EmbeddingQueue:
    """The content hashes that have no vector in one index.

    First those that searches have found, then those of files that have changed since the workspace was
    opened, then those of definitions in source code, and at last those of tests, prose and data.
    """

    def __init__(self, index: VectorIndex, catalog: Catalog, executor: PriorityExecutor) -> None:
        self.index = index
        self._catalog, self._executor = catalog, executor
        self._last_id = 0  # of the chunks that have been read from the catalog: ids only grow
        self._hashes = dict[str, None]()  # the next one at the end
        self._preferred = dict[str, None]()  # those of them that searches have found, the next one at the end
        self.preferences = 0  # changes whenever searches have found some

    @property
    def preferred(self) -> int:
        """How many hashes are in the queue that searches have found."""
        return len(self._preferred)

    async def update(self) -> list[str]:
        """Add the chunks that are new in the catalog. Return all hashes in the queue."""
        found = dict[str, Use]()
        before = -1
        while before < self._last_id:
            before = self._last_id
            self._last_id, missing = await self._executor.run(
                Priority.SEMANTIC, self._catalog.embedded.missing, self.index.name, before
            )
            found |= missing
        self.discard(found)  # so that each is added at its new position
        self._hashes |= dict.fromkeys(sorted(found, key=found.__getitem__))
        return list(reversed(self._hashes))

    def first_group(self) -> list[str]:
        """Return the hashes to embed next, the first ones of those that searches have found, or of all."""
        if self._preferred:
            return list(islice(reversed(self._preferred), _PREFERRED_GROUP))
        if self.index.server:
            pool = list(islice(reversed(self._hashes), _SHARED_POOL))
            return random.sample(pool, min(_GROUP, len(pool)))
        return list(islice(reversed(self._hashes), _GROUP))

    def prefer(self, hashes: Iterable[str]) -> None:
        """Move hashes to the beginning of the queue, the last one first."""
        for content_hash in hashes:
            if content_hash in self._hashes:
                self._preferred.pop(content_hash, None)
                self._preferred[content_hash] = None
                self.preferences += 1

    def discard(self, hashes: Iterable[str]) -> None:
        """Remove hashes that have a vector now."""
        for content_hash in hashes:
            self._hashes.pop(content_hash, None)
            self._preferred.pop(content_hash, None)


def texts_to_embed(catalog: Catalog, hashes: Sequence[str]) -> list[tuple[str, str]]:
    """Return content hashes with the texts to embed, the shortest first. Runs in the executor."""
    samples = catalog.samples(hashes)
    texts = [
        (content_hash, embedded_text(entry.qualified_name, text))
        for content_hash, (entry, text) in samples.items()
    ]
    return sorted(texts, key=lambda item: len(item[1]))


def count_within(texts: Sequence[tuple[str, str]], characters: float) -> int:
    """Return how many of the first texts have at most so many characters together, but at least one."""
    totals = accumulate(len(text) for _, text in texts)
    return max(1, sum(1 for _ in takewhile(lambda total: total <= characters, totals)))


def encode(
    encoder: Encoder, cache: EmbeddingCache, texts: Sequence[tuple[str, str]], preempt: Callable[[], None]
) -> tuple[dict[str, NDArray[np.float32]], float]:
    """Encode texts and put the vectors into the cache. Runs in the executor.

    Return the vectors by content hash, each of shape `(dimension,)`, and how many characters were encoded
    in a second. `preempt` is called between layers and lets tasks of a higher priority run.
    """
    began = time.perf_counter()
    vectors = encoder.encode_documents([text for _, text in texts], preempt)
    seconds = max(1e-6, time.perf_counter() - began)
    encoded = dict(zip((content_hash for content_hash, _ in texts), vectors, strict=True))
    cache.put(encoded)
    return encoded, sum(len(text) for _, text in texts) / seconds
