"""Keeps a workspace's vectors like its catalogue: each content has one, from the cache or the encoder."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semls.engine.catalogue import Catalogue, Coverage
from semls.engine.embeddings import EmbeddingCache
from semls.engine.encoder import Encoder, embedded_text
from semls.engine.search import View
from semls.engine.vectors import VectorStore, discard
from semls.engine.worker import Rank, Worker
from semls.errors import StoreError

log = logging.getLogger(__name__)

_STEP = 0.1  # seconds that a step should take: what a search may have to wait
_ROUND = 256  # texts that are sorted by length together
_UPSERT = 100  # rows at once: Chroma takes about 2 ms for each
_ANSWERS = "answers"  # the note that names the model whose vectors are complete
_FEW_DEAD = 1000  # vectors that no chunk has any more and that are not worth a new store

Tools = tuple[Encoder, EmbeddingCache]


class Embedder:
    """The vectors that answer, and those that are to answer next, where these are another model's."""

    def __init__(
        self,
        directory: Path,
        catalogue: Catalogue,
        worker: Worker,
        tools: Callable[[], Awaitable[Tools | None]],
        former: Callable[[str], Awaitable[Encoder | None]],
        running: asyncio.Event,
        tell: Callable[[], None],
    ) -> None:
        self.view: View | None = None  # what answers
        self.coverage = Coverage()  # of that view
        self.encoded = 0  # texts sent through the model
        self.phase = "model"
        self._filling: View | None = None
        self._directory, self._catalogue, self._worker = directory, catalogue, worker
        self._tools, self._former, self._running, self._tell = tools, former, running, tell
        self._size = 4  # texts encoded in one step; adapts to the machine
        self._again = False

    def interrupt(self) -> None:
        """Begin again with what is missing now: the catalogue has changed."""
        self._again = True

    async def run(self) -> bool:
        """Embed what has no vector; False when the catalogue changed meanwhile. Raises SemlsError."""
        self._again = False
        self.phase = "vectors" if self.view else "model"
        self._tell()
        await self._running.wait()
        tools = await self._tools()
        if tools is None:
            return True
        try:
            return await self._embed(*tools)
        except StoreError as error:
            log.warning("The vectors are opened once more: %s", error)
            await self.let_go()
            return await self._embed(*tools)

    async def let_go(self) -> None:
        """Close the stores; they are examined when they are opened again."""
        views, self.view, self._filling = (self.view, self._filling), None, None
        for view in filter(None, views):
            await self._worker.run(Rank.SEARCH, view.vectors.close)

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

    async def _embed(self, encoder: Encoder, cache: EmbeddingCache) -> bool:
        view = await self._target(encoder)
        self.phase = "vectors"
        if not await self._fill(view, cache):
            return False
        await self._answer_with(view)
        await self._compact(view)
        return True

    async def _target(self, encoder: Encoder) -> View:
        """The view to fill. It answers at once unless there is one that was filled before."""
        for view in filter(None, (self.view, self._filling)):
            if view.encoder.fingerprint == encoder.fingerprint:
                return view
        view = await self._open_view(encoder)
        former = None if self.view else await self._former_view(encoder)
        if former:
            await self._show(former)
        if self.view is None:
            await self._show(view)
        else:
            abandoned, self._filling = self._filling, view
            if abandoned:
                await self._worker.run(Rank.VECTORS, abandoned.vectors.close)
        return view

    async def _former_view(self, encoder: Encoder) -> View | None:
        """The view that was filled in an earlier life, if another model made it."""
        name = await self._worker.run(Rank.VECTORS, self._catalogue.noted, _ANSWERS)
        former = await self._former(name) if name not in ("", encoder.model.name) else None
        return await self._open_view(former) if former else None

    async def _open_view(self, encoder: Encoder) -> View:
        view = await self._worker.run(Rank.VECTORS, _open_view, self._directory, encoder)
        stored = await self._worker.run(Rank.VECTORS, view.vectors.ids)
        await self._worker.run(Rank.VECTORS, self._catalogue.know_vectors, encoder.fingerprint, stored)
        return view

    async def _answer_with(self, view: View) -> None:
        """Let a filled view answer, and drop the one before it: the embedding cache still has its vectors."""
        before, self._filling = self.view, None
        await self._show(view)
        if before and before is not view:
            await self._worker.run(Rank.VECTORS, before.vectors.close)
        await self._worker.run(Rank.VECTORS, self._catalogue.note, _ANSWERS, view.encoder.model.name)
        await self._worker.run(Rank.VECTORS, _drop_other_views, self._directory, view)

    async def _fill(self, view: View, cache: EmbeddingCache) -> bool:
        """Give a vector to all that has none; False when the catalogue changed meanwhile."""
        store = view.encoder.fingerprint
        missing = await self._worker.run(Rank.VECTORS, self._catalogue.without_vector, store)
        for some in _slices(missing, _ROUND):
            if self._again:
                return False
            cached = await self._worker.run(Rank.VECTORS, cache.get, some)
            for part in _slices(list(cached), _UPSERT):
                vectors = {key: cached[key] for key in part}
                await self._worker.run(Rank.VECTORS, _keep, self._catalogue, view, vectors)
                await self.count_now_and_then()
            if not await self._encode(view, cache, [key for key in some if key not in cached]):
                return False
        return True

    async def _encode(self, view: View, cache: EmbeddingCache, missing: Sequence[str]) -> bool:
        texts = await self._worker.run(Rank.VECTORS, _texts, self._catalogue, missing)
        while texts:
            await self._running.wait()
            if self._again:
                return False
            now, texts = texts[: self._size], texts[self._size :]
            began = time.perf_counter()
            await self._worker.run(Rank.VECTORS, _encode, self._catalogue, view, cache, now)
            self._size = _adapt(self._size, time.perf_counter() - began)
            self.encoded += len(now)
            await self.count_now_and_then()
        return True

    async def _compact(self, view: View) -> None:
        """Where most vectors are dead, build a store of the living beside this one, and swap."""
        if len(view.vectors) < 2 * self.coverage.embedded + _FEW_DEAD:
            return
        living = await self._worker.run(Rank.VECTORS, self._catalogue.living, view.encoder.fingerprint)
        fresh = await self._worker.run(Rank.VECTORS, view.vectors.beside)
        for some in _slices(living, _UPSERT):
            await self._worker.run(Rank.VECTORS, _copy, view.vectors, fresh, some)
        await self._worker.run(Rank.VECTORS, view.vectors.become, fresh)
        await self._worker.run(Rank.VECTORS, self._catalogue.know_vectors, view.encoder.fingerprint, living)

    async def _show(self, view: View) -> None:
        """Let a view answer, from one moment to the next."""
        coverage = await self._measure(view)
        self.view, self.coverage = view, coverage
        self._tell()

    async def _measure(self, view: View | None) -> Coverage:
        began = time.monotonic()
        store = view.encoder.fingerprint if view else ""
        coverage = await self._worker.run(Rank.WORDS, self._catalogue.coverage, store)
        self._counted, self._count_took = time.monotonic(), time.monotonic() - began
        return coverage


# Steps for the worker


def _texts(catalogue: Catalogue, hashes: Sequence[str]) -> list[tuple[str, str]]:
    """Contents and what to embed for them, the shortest first."""
    samples = catalogue.samples(hashes)
    texts = [
        (content, embedded_text(entry.qualified_name, text)) for content, (entry, text) in samples.items()
    ]
    return sorted(texts, key=lambda item: len(item[1]))


def _encode(catalogue: Catalogue, view: View, cache: EmbeddingCache, texts: list[tuple[str, str]]) -> None:
    vectors = view.encoder.documents([text for _, text in texts])
    computed = dict(zip((content for content, _ in texts), vectors, strict=True))
    cache.put(computed)
    _keep(catalogue, view, computed)


def _keep(catalogue: Catalogue, view: View, vectors: Mapping[str, NDArray[np.float32]]) -> None:
    view.vectors.upsert(vectors)
    catalogue.add_vectors(view.encoder.fingerprint, vectors)


def _copy(store: VectorStore, fresh: VectorStore, hashes: Sequence[str]) -> None:
    fresh.upsert(store.get(hashes))


def _open_view(directory: Path, encoder: Encoder) -> View:
    path = directory / "vectors" / encoder.fingerprint
    return View(encoder, VectorStore(path, encoder.fingerprint, encoder.model.name, encoder.model.dimension))


def _drop_other_views(directory: Path, view: View) -> None:
    for path in (directory / "vectors").iterdir():
        if path.name != view.encoder.fingerprint:
            discard(path)


def _adapt(size: int, seconds: float) -> int:
    return max(1, min(_ROUND, round(size * max(0.5, min(2.0, _STEP / max(seconds, 1e-6))))))


def _slices(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
