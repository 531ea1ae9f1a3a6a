"""One workspace: scan → chunks → catalogue → embed → vectors.

Two loops share the worker. The words loop brings the catalogue up to the files whenever asked; the vectors
loop embeds what the catalogue holds and no vector covers. The loops own the state; the steps that the
worker runs are the plain functions at the end of this file.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semls.engine import files, reader
from semls.engine.catalogue import Catalogue, Coverage, File
from semls.engine.chunker import Chunker
from semls.engine.context import Document
from semls.engine.embeddings import EmbeddingCache
from semls.engine.encoder import Encoder, embedded_text
from semls.engine.query import Query
from semls.engine.search import Hit, View, search
from semls.engine.similar import Similar, similar
from semls.engine.vectors import VectorStore, discard
from semls.engine.worker import Rank, Worker
from semls.errors import EngineError, SemlsError, UsageError

log = logging.getLogger(__name__)

_STEP = 0.1  # seconds that a step should take: what a search may have to wait
_ROUND = 256  # texts that are sorted by length together
_GONE = 200  # files forgotten in one step
_UPSERT = 100  # rows at once: Chroma takes about 2 ms for each
_ANSWERS = "answers"  # the note that names the model whose vectors are complete
_FIRST_WORDS = 5.0  # seconds that a search waits for a workspace that is read for the first time
_NEWS = 0.1  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a workspace is; `encoded` counts the texts sent through the model since the engine started."""

    phase: str  # "words", "model", "vectors" or "ready"
    files: int
    coverage: Coverage
    encoded: int


@dataclass(frozen=True, slots=True)
class Result:
    """Hits, best first, the model that helped to find them ("" for none), and what its vectors cover."""

    hits: list[Hit]
    model: str
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is similar, the model that compared ("" for words alone), and what its vectors cover."""

    similar: Similar
    model: str
    coverage: Coverage


class Indexer:
    """A workspace and its index."""

    def __init__(
        self,
        root: Path,
        directory: Path,
        worker: Worker,
        chunker: Chunker,
        tools: Callable[[], Awaitable[tuple[Encoder, EmbeddingCache] | None]],
        former: Callable[[str], Awaitable[Encoder | None]],
    ) -> None:
        self.root = root
        self.view: View | None = None  # what answers
        self._filling: View | None = None  # what is to answer next, where that is another
        self.coverage = Coverage()  # of that view
        self.files = 0
        self.encoded = 0
        self.error: SemlsError | None = None
        self._directory, self._worker, self._chunker = directory, worker, chunker
        self._tools, self._former = tools, former
        self._phase = "words"
        self._size = 4  # texts encoded in one step; adapts to the machine
        self._asked = self._words = self._vectors = 0  # tickets: handed out, catalogued, embedded
        self._wake_words, self._wake_vectors, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the catalogue and start both loops. Raises StoreError."""
        self._catalogue = await self._worker.run(Rank.SEARCH, reader.open_catalogue, self._directory)
        await self._count_files()
        await self._count()
        self._tasks = [
            asyncio.create_task(self._loop(self._wake_words, self._refresh)),
            asyncio.create_task(self._loop(self._wake_vectors, self._embed)),
        ]

    async def close(self) -> None:
        """Stop after the step under way and let go of all files."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._worker.run(Rank.SEARCH, self._catalogue.close)
        for view in filter(None, (self.view, self._filling)):
            await self._worker.run(Rank.SEARCH, view.vectors.close)

    # What a client may ask

    def refresh(self) -> int:
        """Ask for a look at all files; the ticket tells when it is done."""
        self._asked += 1
        self.error = None
        self._wake_words.set()
        return self._asked

    def embed(self) -> None:
        """Ask for another look at the vectors, because the encoder may be another now."""
        self._vectors = min(self._vectors, self._words - 1)
        self._wake_vectors.set()

    @property
    def busy(self) -> bool:
        """Whether something that was asked for is not done yet."""
        return self.error is None and self._vectors < self._asked

    @property
    def progress(self) -> Progress:
        """How far things are now."""
        phase = self._phase if self.busy else "ready"
        return Progress(phase, self.files, self.coverage, self.encoded)

    async def follow(self, ticket: int, *, words_only: bool = False) -> AsyncIterator[Progress]:
        """Progress until the ticket's words (and vectors) are there; the end state last."""
        while (self._words if words_only else self._vectors) < ticket:
            if self.error:
                raise self.error
            yield self.progress
            await asyncio.gather(self._news.wait(), asyncio.sleep(_NEWS))
        yield self.progress

    async def search(self, query: Query) -> Result:
        """The best hits; files that changed since they were read are read again first."""
        if self._words == 0:
            with contextlib.suppress(asyncio.TimeoutError):  # then with the words that are there by now
                await asyncio.wait_for(self._first_words(), _FIRST_WORDS)
        found = await self._search(query)
        if await self._read_changed({hit.entry.path for hit in found.hits}):
            found = await self._search(query)
        return found

    async def similar(self, path: str, row: int, limit: int, *, words_only: bool) -> Comparison:
        """What is like the chunk at a row. Raises UsageError where there is none."""
        known = await self._worker.run(Rank.SEARCH, self._catalogue.files, [path])
        if not known:
            await self._catalogued(self.refresh())
            known = await self._worker.run(Rank.SEARCH, self._catalogue.files, [path])
        if path not in known or known[path].skipped:
            reason = known[path].skipped if known else "`semls status` tells what is left out and why"
            raise UsageError(f"{path} is not indexed: {reason}.")
        await self._read_changed({path})
        found = await self._similar(path, row, limit, words_only)
        if await self._read_changed({one.path for one in found.similar.entries}):
            found = await self._similar(path, row, limit, words_only)
        return found

    async def documents(self, root: Path, paths: Iterable[str]) -> dict[str, Document]:
        """Files as they were catalogued, by path; without those that change this very moment."""
        return await self._worker.run(Rank.SEARCH, reader.documents, root, self._catalogue, sorted(paths))

    async def _first_words(self) -> None:
        await self._catalogued(self._asked or self.refresh())

    async def _catalogued(self, ticket: int) -> None:
        async for _ in self.follow(ticket, words_only=True):
            pass

    async def _read_changed(self, paths: Iterable[str]) -> bool:
        """Read again what changed since it was read; False when nothing did."""
        ordered = sorted(paths)
        known = await self._worker.run(Rank.SEARCH, self._catalogue.files, ordered)
        changed, vanished = await self._worker.run(Rank.SEARCH, reader.look_again, self.root, known, ordered)
        if not changed and not vanished:
            return False
        self.refresh()
        await self._worker.run(Rank.SEARCH, self._catalogue.remove, vanished)
        while changed:
            changed = await self._read_some(Rank.SEARCH, known, changed)
        return True

    async def _read_some(
        self, rank: Rank, known: Mapping[str, File], items: Sequence[reader.Item]
    ) -> list[reader.Item]:
        """Catalogue as many files as fit into a step, gives back the rest. Nobody waits for a parser."""
        opened, rest = await self._worker.run(
            rank, reader.open_some, self.root, self._catalogue, known, items
        )
        cut = await asyncio.to_thread(reader.cut, self._chunker, opened)
        await self._worker.run(rank, reader.store, self._catalogue, known, cut)
        return rest

    async def _similar(self, path: str, row: int, limit: int, words_only: bool) -> Comparison:
        view, coverage = self.view, self.coverage
        if words_only or 2 * coverage.embedded < coverage.chunks:  # a few vectors know less than all words
            view = None
        found = await self._worker.run(Rank.SEARCH, _similar, self._catalogue, view, path, row, limit)
        return Comparison(found, view.encoder.model.name if view else "", coverage)

    async def _search(self, query: Query) -> Result:
        view, coverage = self.view, self.coverage
        hits = await self._worker.run(Rank.SEARCH, search, query, self._catalogue, view)
        return Result(hits, view.encoder.model.name if view else "", coverage)

    async def skipped(self) -> list[File]:
        """Files without chunks, each with the reason."""
        return await self._worker.run(Rank.SEARCH, self._catalogue.skipped)

    # The two loops

    async def _loop(self, wake: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await wake.wait()
            wake.clear()
            try:
                await work()
            except SemlsError as error:
                self.error = error
            except Exception:
                log.exception("Indexing %s failed", self.root)
                self.error = EngineError(f"Indexing {self.root} failed: the engine's log has the details.")
            self._tell()

    async def _refresh(self) -> None:
        ticket = self._asked
        self._phase = "words"
        known = await self._worker.run(Rank.WORDS, self._catalogue.files)
        scan, seen = files.scan(self.root), 0
        unseen = dict(known)
        while found := await self._worker.run(Rank.WORDS, reader.take, scan):
            for path in found:
                unseen.pop(path.path, None)
            seen += sum(isinstance(item, files.Found) for item in found)
            changed = [item for item in found if reader.differs(item, known.get(item.path))]
            while changed:
                changed = await self._read_some(Rank.WORDS, known, changed)
                await self._count_now_and_then()
            self.files = max(self.files, seen)
            self._tell()
        for paths in _slices(list(unseen), _GONE):
            await self._worker.run(Rank.WORDS, self._catalogue.remove, paths)
        await self._count_files()
        await self._count()
        self._words = ticket
        self._wake_vectors.set()

    async def _embed(self) -> None:
        ticket = self._words
        self._phase = "vectors" if self.view else "model"
        self._tell()
        tools = await self._tools()
        if tools:
            encoder, cache = tools
            view = await self._target(encoder)
            self._phase = "vectors"
            if not await self._fill(view, cache):
                return
            await self._answer_with(view)
        self._vectors = max(self._vectors, ticket)

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
            if self._wake_vectors.is_set():
                return False
            cached = await self._worker.run(Rank.VECTORS, cache.get, some)
            for part in _slices(list(cached), _UPSERT):
                vectors = {key: cached[key] for key in part}
                await self._worker.run(Rank.VECTORS, _keep, self._catalogue, view, vectors)
                await self._count_now_and_then()
            await self._encode(view, cache, [key for key in some if key not in cached])
        return True

    async def _encode(self, view: View, cache: EmbeddingCache, missing: Sequence[str]) -> None:
        texts = await self._worker.run(Rank.VECTORS, _texts, self._catalogue, missing)
        while texts:
            now, texts = texts[: self._size], texts[self._size :]
            began = time.perf_counter()
            await self._worker.run(Rank.VECTORS, _encode, self._catalogue, view, cache, now)
            self._size = _adapt(self._size, time.perf_counter() - began)
            self.encoded += len(now)
            await self._count_now_and_then()

    # Small things

    async def _show(self, view: View) -> None:
        """Let a view answer, from one moment to the next."""
        coverage = await self._measure(view)
        self.view, self.coverage = view, coverage
        self._tell()

    async def _count_files(self) -> None:
        self.files = await self._worker.run(Rank.WORDS, self._catalogue.count_files)

    async def _count(self) -> None:
        view = self.view
        coverage = await self._measure(view)
        if view is self.view:
            self.coverage = coverage
        self._tell()

    async def _measure(self, view: View | None) -> Coverage:
        began = time.monotonic()
        store = view.encoder.fingerprint if view else ""
        coverage = await self._worker.run(Rank.WORDS, self._catalogue.coverage, store)
        self._counted, self._count_took = time.monotonic(), time.monotonic() - began
        return coverage

    async def _count_now_and_then(self) -> None:
        if time.monotonic() - self._counted > max(0.2, 20 * self._count_took):
            await self._count()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


# Steps for the worker


def _similar(catalogue: Catalogue, view: View | None, path: str, row: int, limit: int) -> Similar:
    number = catalogue.at(path, row)
    if number is None:
        raise UsageError(f"There is no code in line {row + 1} of {path}: name a line that has some.")
    return similar(number, catalogue, view, limit)


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
