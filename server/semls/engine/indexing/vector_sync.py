"""The vector sync: gives each chunk of the catalog a vector, from a store, the cache or the encoder."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from semls.engine.indexing.context import CachedEncoder, Events, IndexContext, Target
from semls.engine.indexing.embedding_queue import EmbeddingQueue, count_within, encode, texts_to_embed
from semls.engine.indexing.loop import Loop
from semls.engine.indexing.progress import Phase
from semls.engine.models import memory
from semls.engine.models.encoder import Encoder
from semls.engine.scheduler import Priority
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.vector_index import VectorIndex
from semls.errors import StoreCorrupted, StoreError
from semls.settings import Server

log = logging.getLogger(__name__)

_ENCODE_SECONDS = 0.4  # that one call of the encoder should take: changes and a pause wait for its end
_MIN_EMBEDDED = 20  # texts; with the vectors of fewer, an answer is hardly better
_FIRST_SPEED = 1000.0  # characters per second that the encoder is expected to encode at first
_RATE_MEMORY = 0.95  # of earlier batches in the rate, for each batch: the last 20 or so count
_REMOTE_BATCH = 300  # hashes looked up at once on a server: Chroma returns no more
_LOCAL_BATCH = 10_000  # hashes looked up at once in a store on this machine
_UPSERT_BATCH = 100  # vectors written at once: Chroma takes about 2 ms for each
_COUNT_INTERVAL = 0.2  # seconds between two counts of the coverage while vectors are stored
_COUNT_SHARE = 20  # times as long as the last count took: counting takes at most a twentieth of the time
_COMPLETE_KEY = "answers"  # of metadata in the catalog: models whose vectors are complete, the last one first


class VectorSync:
    """The vectors of one target.

    `index` answers searches. `_pending` is filled while another index answers: that of the fallback model,
    or of the model with which the workspace was embedded before the engine started.
    """

    def __init__(
        self,
        context: IndexContext,
        target: Target,
        coverage: Coverage,
        events: Events,
        may_prune: Callable[[], bool],
    ) -> None:
        """Start the loop. `may_prune` says whether stores that are not open may be deleted."""
        self.target = target
        self.index: VectorIndex | None = None
        self.coverage = coverage  # of `index`
        self.filled = coverage  # of the index that is being filled: `_pending`, or else `index`
        self.encoded = 0  # texts that the model has encoded
        self.phase: Phase = "loading"
        self.completed = 0  # the last ticket whose chunks all have vectors
        self.used = time.monotonic()  # when a request last used it
        self._requests = 0  # that use it now
        self._ticket = 0  # the last one that was requested
        self._superseded = False  # a new run was requested: the running one ends soon
        self._pending: VectorIndex | None = None
        self._acquired = list[VectorIndex]()  # `index`, `_pending`, and dropped ones not yet released
        self._queue: EmbeddingQueue | None = None
        self._stored = asyncio.Event()  # set when hashes have got vectors
        self._preferred = list[str]()  # hashes to prefer as soon as there is a queue
        self._speed = _FIRST_SPEED
        self._recent = 0.0, 0.0  # texts that were encoded and stored lately, and the seconds that it took
        self._counted_at = 0.0  # time.monotonic, at the end of the last count
        self._count_seconds = 0.0  # that the last count took
        self._catalog, self._vector_indexes = context.catalog, context.vector_indexes
        self._services, self._executor = context.services, context.services.executor
        self._events, self._may_prune = events, may_prune
        self.loop = Loop(f"Embedding with {target.model.name}", self._complete_ticket, events)

    @property
    def rate(self) -> float:
        """How many texts the model encodes in a second, 0.0 before it has encoded any."""
        texts, seconds = self._recent
        return texts / seconds if seconds else 0.0

    @property
    def former_notice(self) -> str:
        """A sentence that says which model answers until another one has embedded all code, or ""."""
        if self.index is None or self._pending is None:
            return ""
        former, new = self.index.encoder.model.name, self._pending.encoder.model.name
        return f"Until {new} has embedded all code, {former} answers." if former != new else ""

    # Requests

    def request(self, ticket: int) -> None:
        """Embed the chunks that were in the catalog at a ticket, the latest changes first."""
        self._ticket = ticket
        self._superseded = True
        self.loop.wake()

    def restart(self) -> None:
        """Repeat the last request, because a store has failed or another encoder may be available."""
        self.completed = min(self.completed, self._ticket - 1)
        self.request(self._ticket)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the sync from being closed within the block."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            self.used = time.monotonic()

    def is_unused(self, since: float) -> bool:
        """Return whether no request has used it since a time of `time.monotonic`."""
        return not self._requests and self.used < since

    async def close(self) -> None:
        """Stop the loop and release all indexes."""
        await self.loop.stop()
        self.drop_indexes()
        await self._release_dropped()

    def prefer(self, hashes: Iterable[str]) -> None:
        """Embed these hashes before all others, the last one first, because a search has found their chunks.

        While the model is loaded, those of the last search are kept.
        """
        if self._queue and self._queue.index is self.index:
            self._queue.prefer(hashes)
        else:
            self._preferred = list(hashes)

    async def wait_for_preferred(self, seconds: float) -> bool:
        """Wait until the preferred hashes have vectors, at most some seconds. Return whether some got one.

        Does not wait if too few texts can be encoded in this time.
        """
        queue = self._queue
        if queue is None or queue.index is not self.index or not self._services.embedding_allowed.is_set():
            return False
        if self.rate and self.rate * seconds < _MIN_EMBEDDED:
            return False
        before, deadline = queue.preferred, time.monotonic() + seconds
        while queue.preferred and queue is self._queue and self.loop.error is None:
            self._stored.clear()
            try:
                await asyncio.wait_for(self._stored.wait(), deadline - time.monotonic())
            except asyncio.TimeoutError:
                break
        return queue.preferred < before

    # The run

    async def _complete_ticket(self) -> None:
        ticket = self._ticket
        if await self.run():
            self.completed = max(self.completed, ticket)

    async def run(self) -> bool:
        """Embed all chunks that have no vector. Raises SemlsError.

        Return False if the catalog has changed during the run or a store has failed: another run follows.
        """
        self._superseded = False
        self.phase = "embedding" if self.index else "loading"
        self._events.state_changed()
        await self._release_dropped()
        await self._services.embedding_allowed.wait()
        encoder = await self._services.encoders.load_or_fallback(self.target.model)
        if encoder is None:
            return True
        try:
            return await self._sync(encoder)
        except StoreCorrupted:
            raise  # the catalog is empty: all files have to be read again
        except StoreError as error:
            log.warning("The vector stores are opened again after an error: %s", error)
            for index in self._acquired:
                self.invalidate(index)
            await self._release_dropped()
            return await self._sync(encoder)

    async def _sync(self, encoder: CachedEncoder) -> bool:
        index = await self._index_to_fill(encoder.encoder)
        self.phase = "embedding"
        if not await self._fill(index, encoder.cache) or not self.uses(index):
            return False
        await self._switch_to(index)
        await self._vector_indexes.compact(index, self.coverage.embedded)
        await self._executor.run(Priority.SEMANTIC, memory.release_freed)
        return True

    # Indexes

    def uses(self, index: VectorIndex) -> bool:
        """Return whether an index answers or is being filled."""
        return index in (self.index, self._pending)

    def invalidate(self, index: VectorIndex) -> None:
        """Stop using an index whose store has failed. The next run opens the store again and checks it."""
        self._vector_indexes.invalidate(index)
        if self.uses(index):
            self.drop_indexes()

    def drop_indexes(self) -> None:
        """Stop using all indexes. The next run releases them and acquires them again."""
        self.index = self._pending = self._queue = None

    async def _release_dropped(self) -> None:
        for index in [index for index in self._acquired if not self.uses(index)]:
            await self._vector_indexes.release(self, index)
            self._acquired.remove(index)

    async def _index_to_fill(self, encoder: Encoder) -> VectorIndex:
        """Return the encoder's index. Searches use it at once, unless they use another one already."""
        server = self.target.server
        for index in filter(None, (self.index, self._pending)):
            if (index.encoder.fingerprint, index.server) == (encoder.fingerprint, server):
                return index
        index = await self._acquire(encoder, server)
        former = None if self.index else await self._former_index(encoder, server)
        if former:
            await self._answer_with(former)
        if self.index is None:
            await self._answer_with(index)
        else:
            self._pending = index
            await self.count()
            await self._release_dropped()
        return index

    async def _former_index(self, encoder: Encoder, server: Server | None) -> VectorIndex | None:
        """Return the index that was complete before the engine started, if it belongs to another model."""
        names = await self._complete_models()
        if not names or encoder.model.name in names:
            return None
        former = await self._services.encoders.load_former(names[0])
        return await self._acquire(former, server) if former else None

    async def _complete_models(self) -> list[str]:
        names = await self._executor.run(Priority.SEMANTIC, self._catalog.get_metadata, _COMPLETE_KEY)
        return names.splitlines()

    async def _acquire(self, encoder: Encoder, server: Server | None) -> VectorIndex:
        index = await self._vector_indexes.acquire(self, encoder, server)
        self._acquired.append(index)
        queue = self._queue_of(index)
        for hashes in _batches(await queue.update(), _REMOTE_BATCH if server else _LOCAL_BATCH):
            await self._find_stored(queue, hashes)
        return index

    async def _switch_to(self, index: VectorIndex) -> None:
        """Use a complete index for searches, and release the former one: the cache keeps its vectors."""
        await self._answer_with(index)
        self._pending = None
        await self._release_dropped()
        names = await self._complete_models()
        if self._may_prune():
            kept = await self._vector_indexes.prune()
            names = [name for name in names if name in kept]
        own = index.encoder.model.name
        complete = "\n".join([own, *(name for name in names if name != own)])
        await self._executor.run(Priority.SEMANTIC, self._catalog.set_metadata, _COMPLETE_KEY, complete)

    async def _answer_with(self, index: VectorIndex) -> None:
        coverage = await self._count(index)
        self.index = index
        self.coverage = self.filled = coverage  # no search sees one without the other
        self._events.state_changed()

    # Vectors

    def _queue_of(self, index: VectorIndex) -> EmbeddingQueue:
        if self._queue is None or self._queue.index is not index:
            self._queue = EmbeddingQueue(index, self._catalog, self._executor)
        return self._queue

    async def _fill(self, index: VectorIndex, cache: EmbeddingCache) -> bool:
        """Give each chunk a vector. Return False, before the end, if another run is requested."""
        queue = self._queue_of(index)
        await queue.update()
        queue.prefer(self._preferred)
        self._preferred = []
        while hashes := queue.first_group():
            if self._superseded:
                return False
            missing = await self._find_stored(queue, hashes)
            cached = await self._executor.run(Priority.SEMANTIC, cache.get, missing)
            await self._store(queue, cached)
            missing = [content_hash for content_hash in missing if content_hash not in cached]
            texts = await self._executor.run(Priority.SEMANTIC, texts_to_embed, self._catalog, missing)
            found = {content_hash for content_hash, _ in texts}
            queue.discard(set(missing) - found)  # their files are gone
            await self._encode(queue, cache, texts)
        return True

    async def _find_stored(self, queue: EmbeddingQueue, hashes: Sequence[str]) -> list[str]:
        """Note which hashes have a vector in the store. Return the others."""
        index = queue.index
        stored = await index.executor.run(Priority.SEMANTIC, index.vectors.existing, hashes)
        await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.add, index.name, stored)
        queue.discard(stored)
        self._stored.set()
        return [content_hash for content_hash in hashes if content_hash not in stored]

    async def _encode(
        self, queue: EmbeddingQueue, cache: EmbeddingCache, texts: Sequence[tuple[str, str]]
    ) -> None:
        """Encode and store texts until a search finds others that wait, or another run is requested."""
        preferences, is_shared = queue.preferences, queue.index.server is not None
        while texts:
            await self._services.embedding_allowed.wait()
            if self._superseded or queue.preferences != preferences:
                return
            if is_shared:  # machines that begin at once embed different texts
                start = random.randrange(len(texts))  # noqa: S311 - not a secret
                texts = [*texts[start:], *texts[:start]]
            count = count_within(texts, _ENCODE_SECONDS * self._speed)
            batch, texts = texts[:count], texts[count:]
            if is_shared:
                missing = set(await self._find_stored(queue, [content_hash for content_hash, _ in batch]))
                batch = [item for item in batch if item[0] in missing]
            if batch:
                await self._encode_batch(queue, cache, batch)

    async def _encode_batch(
        self, queue: EmbeddingQueue, cache: EmbeddingCache, batch: Sequence[tuple[str, str]]
    ) -> None:
        began = time.monotonic()
        vectors, self._speed = await self._executor.run(
            Priority.SEMANTIC, encode, queue.index.encoder, cache, batch, self._preempt
        )
        self.encoded += len(batch)
        await self._store(queue, vectors)
        self._count_recent(len(batch), time.monotonic() - began)

    def _count_recent(self, texts: int, seconds: float) -> None:
        former_texts, former_seconds = self._recent
        self._recent = texts + _RATE_MEMORY * former_texts, seconds + _RATE_MEMORY * former_seconds

    def _preempt(self) -> None:
        self._executor.preempt(Priority.SEMANTIC)

    async def _store(self, queue: EmbeddingQueue, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        index = queue.index
        for hashes in _batches(list(vectors), _UPSERT_BATCH):
            batch = {content_hash: vectors[content_hash] for content_hash in hashes}
            await index.executor.run(Priority.SEMANTIC, index.vectors.upsert, batch)
            await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.add, index.name, batch)
            queue.discard(batch)
            self._stored.set()
            await self.count_throttled()

    # Coverage

    async def count(self) -> None:
        """Count the chunks, and those that have a vector in `index` and in the index that is being filled."""
        index, pending = self.index, self._pending
        coverage = await self._count(index)
        filled = await self._count(pending) if pending else coverage
        if (index, pending) == (self.index, self._pending):
            self.coverage, self.filled = coverage, filled
        self._events.state_changed()

    async def count_throttled(self) -> None:
        """Count unless that was done a moment ago."""
        if time.monotonic() - self._counted_at > max(_COUNT_INTERVAL, _COUNT_SHARE * self._count_seconds):
            await self.count()

    async def _count(self, index: VectorIndex | None) -> Coverage:
        began = time.monotonic()
        store = index.name if index else ""
        coverage = await self._executor.run(Priority.LEXICAL, self._catalog.embedded.coverage, store)
        self._counted_at, self._count_seconds = time.monotonic(), time.monotonic() - began
        return coverage


def _batches(hashes: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (hashes[start : start + size] for start in range(0, len(hashes), size))
