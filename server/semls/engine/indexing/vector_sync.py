"""Keeps a workspace's vectors like its catalog: each content has one, from store, cache or encoder."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

import numpy as np
from numpy.typing import NDArray

from semls.engine.indexing.loop import Loop
from semls.engine.models import memory
from semls.engine.models.encoder import Encoder, embedded_text
from semls.engine.models.presets import Model
from semls.engine.scheduler import Priority, PriorityExecutor, opened
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.storage.vectors_local import LocalVectors
from semls.engine.vector_index import VectorIndex
from semls.engine.vector_indexes import VectorIndexes
from semls.errors import StoreCorrupted, StoreError
from semls.settings import Server

log = logging.getLogger(__name__)

_STEP = 0.4  # seconds that the encoder should take at a time: less of what others need not wait for
_ROUND = 256  # texts that are sorted by length together
_KNOWN = 300  # contents that a server is asked for at once; Chroma's own gives no more
_LEARNT = 10_000  # contents that a store of our own knows at once
_UPSERT = 100  # rows at once: Chroma takes about 2 ms for each
_ANSWERS = "answers"  # the note that names the models whose vectors are complete, one a line, the last first
_FEW_DEAD = 1000  # vectors that no chunk has any more and that are not worth a new store

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Target:
    """What clients ask for: a model, and the server that is to keep its vectors, if any."""

    model: Model
    server: Server | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What makes vectors, and what remembers them."""

    encoder: Encoder
    cache: EmbeddingCache


class VectorSync:
    """The vectors of one target: those that answer, and those that are to answer next.

    They are another model's until the wanted one's are complete, or where it is unavailable.
    """

    def __init__(
        self,
        target: Target,
        coverage: Coverage,
        catalog: Catalog,
        vector_indexes: VectorIndexes,
        executor: PriorityExecutor,
        tools: Callable[[Target], Awaitable[Tools | None]],
        former: Callable[[str], Awaitable[Encoder | None]],
        running: asyncio.Event,
        tell: Callable[[], None],
        corrupted: Callable[[StoreCorrupted], None],
        prunable: Callable[[], bool],
    ) -> None:
        self.target = target
        self.view: VectorIndex | None = None  # what answers
        self.coverage = coverage  # of that view
        self.encoded = 0  # texts sent through the model
        self.phase = "loading"
        self._filling: VectorIndex | None = None
        self._taken = list[VectorIndex]()  # these two, and those that are to be released
        self._counted = self._count_took = 0.0
        self._walked: VectorIndex | None = None  # for which chunks were looked through, up to the last
        self._last, self._missing = 0, dict[str, None]()  # contents without a vector, the latest at the end
        self._catalog, self._vector_indexes, self._executor = catalog, vector_indexes, executor
        self._tools, self._former, self._running, self._tell = tools, former, running, tell
        self._prunable = prunable  # whether stores that are not open are of no use to any sync
        self._speed = 1000.0  # letters that the encoder reads in a second, as it was the last time
        self._again = False
        self.used = time.monotonic()  # when a client last used it
        self._users = 0  # requests that use it now
        self.reached = self._ticket = 0  # tickets: embedded, to be embedded
        self.loop = Loop(f"Embedding with {target.model.name}", self._work, corrupted, tell)

    def embed(self, ticket: int) -> None:
        """Embed what was catalogd by a ticket, from the latest changes on."""
        self._ticket = ticket
        self._again = True
        self.loop.wake()

    def again(self) -> None:
        """Look at the vectors once more: they have failed, or the encoder may be another now."""
        self.reached = min(self.reached, self._ticket - 1)
        self.embed(self._ticket)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the sync open within the block."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self.used = time.monotonic()

    def is_unused(self, before: float) -> bool:
        """Whether no client has used it since a moment."""
        return not self._users and self.used < before

    async def _work(self) -> None:
        ticket = self._ticket
        if await self.run():
            self.reached = max(self.reached, ticket)

    async def run(self) -> bool:
        """Embed what has no vector; False when the catalog changed meanwhile. Raises SemlsError."""
        self._again = False
        self.phase = "embedding" if self.view else "loading"
        self._tell()
        await self._release_dropped()
        await self._running.wait()
        tools = await self._tools(self.target)
        if tools is None:
            return True
        try:
            return await self._embed(tools)
        except StoreCorrupted:
            raise  # the catalog is empty: all files are to be read again
        except StoreError as error:
            log.warning("The vectors are opened once more: %s", error)
            for view in self._taken:
                self.distrust(view)
            await self._release_dropped()
            return await self._embed(tools)

    def uses(self, view: VectorIndex) -> bool:
        """Whether a view answers or is being filled."""
        return view in (self.view, self._filling)

    def distrust(self, view: VectorIndex) -> None:
        """Use a view no more: its store has failed. The next run has it opened and examined again."""
        self._vector_indexes.distrust(view)
        if self.uses(view):
            self.drop_views()

    def drop_views(self) -> None:
        """Use the open views no more. The next run releases them and takes them again."""
        self.view = self._filling = self._walked = None

    async def close(self) -> None:
        """Stop, and release all views."""
        await self.loop.stop()
        self.drop_views()
        await self._release_dropped()

    async def _release_dropped(self) -> None:
        for view in [view for view in self._taken if not self.uses(view)]:
            await self._vector_indexes.release(self, view)
            self._taken.remove(view)

    async def count(self) -> None:
        """Count what is covered."""
        view = self.view
        coverage = await self._measure(view)
        if view is self.view:
            self.coverage = coverage
        self._tell()

    async def count_now_and_then(self) -> None:
        """Count, unless that was done a moment ago."""
        if time.monotonic() - self._counted > max(0.2, 20 * self._count_took):
            await self.count()

    async def _embed(self, tools: Tools) -> bool:
        view = await self._target(tools)
        self.phase = "embedding"
        if not await self._fill(view, tools.cache) or not self.uses(view):
            return False  # the catalog has changed, or the view was dropped
        await self._answer_with(view)
        await self._compact(view)
        await self._executor.run(Priority.SEMANTIC, memory.give_back)
        return True

    async def _target(self, tools: Tools) -> VectorIndex:
        """The view to fill. It answers at once unless there is one that was filled before."""
        encoder, server = tools.encoder, self.target.server
        for view in filter(None, (self.view, self._filling)):
            if (view.encoder.fingerprint, view.server) == (encoder.fingerprint, server):
                return view
        view = await self._open_view(encoder, server)
        former = None if self.view else await self._former_view(encoder, server)
        if former:
            await self._show(former)
        if self.view is None:
            await self._show(view)
        else:
            self._filling = view
            await self._release_dropped()
        return view

    async def _complete_models(self) -> list[str]:
        """Return the models whose vectors are complete, the latest first."""
        value = await self._executor.run(Priority.SEMANTIC, self._catalog.get_metadata, _ANSWERS)
        return value.splitlines()

    async def _former_view(self, encoder: Encoder, server: Server | None) -> VectorIndex | None:
        """The view that was filled in an earlier life, if another model made it."""
        names = await self._complete_models()
        if not names or encoder.model.name in names:
            return None
        former = await self._former(names[0])
        return await self._open_view(former, server) if former else None

    async def _open_view(self, encoder: Encoder, server: Server | None) -> VectorIndex:
        view = await self._vector_indexes.take(self, encoder, server)
        self._taken.append(view)
        await self._find_known(view)
        return view

    async def _find_known(self, view: VectorIndex) -> None:
        """Learn which contents have a vector in the store."""
        at_once = _KNOWN if view.server else _LEARNT
        for some in _slices(await self._without_vector(view), at_once):
            await self._find(view, some)

    async def _find(self, view: VectorIndex, contents: Sequence[str]) -> list[str]:
        """Learn which of these contents have a vector in the store; gives back the others."""
        known = await view.executor.run(Priority.SEMANTIC, view.vectors.existing, contents)
        await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.add, view.name, known)
        self._forget(known)
        return [content for content in contents if content not in known]

    async def _answer_with(self, view: VectorIndex) -> None:
        """Let a filled view answer, and release the one before it: the embedding cache keeps its vectors."""
        await self._show(view)
        self._filling = None
        await self._release_dropped()
        names = await self._complete_models()
        if self._prunable():
            kept = await self._vector_indexes.prune()
            names = [name for name in names if name in kept]
        own = view.encoder.model.name
        complete = "\n".join([own, *(name for name in names if name != own)])
        await self._executor.run(Priority.SEMANTIC, self._catalog.set_metadata, _ANSWERS, complete)

    async def _fill(self, view: VectorIndex, cache: EmbeddingCache) -> bool:
        """Give a vector to all that has none; False when the catalog changed meanwhile."""
        for some in _slices(await self._without_vector(view), _ROUND):
            if self._again:
                return False
            absent = await self._find(view, some)
            cached = await self._executor.run(Priority.SEMANTIC, cache.get, absent)
            await self._keep(view, cached)
            if not await self._encode(view, cache, [key for key in absent if key not in cached]):
                return False
            self._forget(some)
        return True

    def _forget(self, contents: Iterable[str]) -> None:
        """These are missing no more."""
        for content in contents:
            self._missing.pop(content, None)

    async def _without_vector(self, view: VectorIndex) -> list[str]:
        """What is to be embedded, that of the most recently changed files first."""
        if view is not self._walked:
            self._walked, self._last, self._missing = view, 0, {}
        found, before = dict[str, int](), -1
        while before < self._last:
            before = self._last
            self._last, missing = await self._executor.run(
                Priority.SEMANTIC, self._catalog.embedded.missing, view.name, before
            )
            found |= missing
        self._forget(found)
        self._missing |= dict.fromkeys(sorted(found, key=found.__getitem__))
        return list(reversed(self._missing))

    async def _encode(self, view: VectorIndex, cache: EmbeddingCache, missing: Sequence[str]) -> bool:
        texts = await self._executor.run(Priority.SEMANTIC, _texts, self._catalog, missing)
        while texts:
            await self._running.wait()
            if self._again:
                return False
            some = _as_many(texts, _STEP * self._speed)
            now, texts = texts[:some], texts[some:]
            vectors, self._speed = await self._executor.run(
                Priority.SEMANTIC, _encode, view.encoder, cache, now, self._preempt
            )
            self.encoded += len(now)
            await self._keep(view, vectors)
        return True

    def _preempt(self) -> None:
        self._executor.preempt(Priority.SEMANTIC)

    async def _keep(self, view: VectorIndex, vectors: Mapping[str, Vector]) -> None:
        for some in _slices(list(vectors), _UPSERT):
            part = {content: vectors[content] for content in some}
            await view.executor.run(Priority.SEMANTIC, view.vectors.upsert, part)
            await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.add, view.name, part)
            await self.count_now_and_then()

    async def _compact(self, view: VectorIndex) -> None:
        """Where most vectors are dead, build a store of the living beside this one, and swap."""
        store = view.vectors
        if not isinstance(store, LocalVectors) or len(store) < 2 * self.coverage.embedded + _FEW_DEAD:
            return
        async with self._vector_indexes.alone():
            living = await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.referenced, view.name)
            fresh = await opened(self._executor.run(Priority.SEMANTIC, store.create_replacement))
            try:
                for some in _slices(living, _UPSERT):
                    await self._executor.run(Priority.SEMANTIC, _copy, store, fresh, some)
                await self._executor.run(Priority.SEMANTIC, store.replace_with, fresh)
            finally:
                await self._executor.run(Priority.SEARCH, fresh.close)
            await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.replace, view.name, living)

    async def _show(self, view: VectorIndex) -> None:
        """Let a view answer, from one moment to the next."""
        coverage = await self._measure(view)
        self.view, self.coverage = view, coverage
        self._tell()

    async def _measure(self, view: VectorIndex | None) -> Coverage:
        began = time.monotonic()
        store = view.name if view else ""
        coverage = await self._executor.run(Priority.LEXICAL, self._catalog.embedded.coverage, store)
        self._counted, self._count_took = time.monotonic(), time.monotonic() - began
        return coverage


# Steps for the executor


def _texts(catalog: Catalog, hashes: Sequence[str]) -> list[tuple[str, str]]:
    """Contents and what to embed for them, the shortest first."""
    samples = catalog.samples(hashes)
    texts = [
        (content, embedded_text(entry.qualified_name, text)) for content, (entry, text) in samples.items()
    ]
    return sorted(texts, key=lambda item: len(item[1]))


def _encode(
    encoder: Encoder, cache: EmbeddingCache, texts: Sequence[tuple[str, str]], preempt: Callable[[], None]
) -> tuple[dict[str, Vector], float]:
    """VectorStore by content, and how many letters were read in a second."""
    began = time.perf_counter()
    vectors = encoder.documents([text for _, text in texts], preempt)
    took = max(1e-6, time.perf_counter() - began)
    computed = dict(zip((content for content, _ in texts), vectors, strict=True))
    cache.put(computed)
    return computed, sum(len(text) for _, text in texts) / took


def _copy(store: LocalVectors, fresh: LocalVectors, hashes: Sequence[str]) -> None:
    fresh.upsert(store.get(hashes))


def _as_many(texts: Sequence[tuple[str, str]], letters: float) -> int:
    """How many of the first texts have no more letters together; at least one."""
    ends = accumulate(len(text) for _, text in texts)
    return max(1, sum(1 for _ in takewhile(lambda end: end <= letters, ends)))


def _slices(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
