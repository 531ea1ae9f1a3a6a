"""One workspace: its catalog, kept by the crawler, its vectors, kept by the sync, and their answers."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from semls.engine.files import scan
from semls.engine.files.git import repository_id
from semls.engine.indexing import read_pipeline
from semls.engine.indexing.crawler import Crawler
from semls.engine.indexing.loop import Loop, later
from semls.engine.indexing.vector_sync import Target, Tools, VectorSync
from semls.engine.models.encoder import Encoder
from semls.engine.scheduler import Priority, PriorityExecutor, opened
from semls.engine.search import no_hits
from semls.engine.search import similar as comparing
from semls.engine.search.context import Document
from semls.engine.search.query import Query
from semls.engine.search.retrieval import Hit, near, search
from semls.engine.search.similar import Similar
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.schema import File
from semls.engine.syntax.parser_process import ParserProcess
from semls.engine.vector_index import VectorIndex
from semls.engine.vector_indexes import VectorIndexes
from semls.errors import SemlsError, StoreCorrupted, StoreError, UsageError

log = logging.getLogger(__name__)

_FIRST_WORDS = 2.0  # seconds after which a search does not wait any more for all files to be read
_PARSING = 5.0  # seconds after which a search does not wait any more for a changed file to be parsed
_NEWS = 0.1  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a workspace is; `encoded` counts the texts sent through the model since the engine started."""

    phase: str  # "reading", "downloading", "loading", "embedding", "paused" or "ready"
    files: int
    coverage: Coverage
    encoded: int
    download: tuple[int, int] = (0, 0)  # bytes of the model that have come, and of how many


@dataclass(frozen=True, slots=True)
class Result:
    """Hits, best first, the model that helped to find them ("" for none), and what its vectors cover.

    `complete` is False while files are still being read for the first time since the workspace was opened.
    `notice` says why there are no hits, where that is known.
    """

    hits: list[Hit]
    model: str
    coverage: Coverage
    complete: bool
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is similar, the model that compared ("" for words alone), and what its vectors cover."""

    similar: Similar
    model: str
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a file is indexed, how, or why not."""

    path: str
    skipped: str  # the reason, "" if it is indexed
    by_lines: str  # why it is cut by lines although its language has a grammar, or ""
    language: str
    chunks: int
    definitions: int
    embedded: int


class Workspace:
    """A workspace and its index: one catalog, and a vector sync for each target that clients use.

    A loop for the catalog and one for each sync share the executor; a client that waits holds a ticket.
    """

    def __init__(
        self,
        root: Path,
        directory: Path,
        executor: PriorityExecutor,
        chunker: ParserProcess,
        default: Target,
        tools: Callable[[Target], Awaitable[Tools | None]],
        former: Callable[[str], Awaitable[Encoder | None]],
        running: asyncio.Event,
    ) -> None:
        self.root = root
        self._directory, self._executor, self._chunker = directory, executor, chunker
        self._tools, self._former, self._running = tools, former, running
        self.used = time.monotonic()  # when a request last used it
        self.closed = False
        self._stopping = contextlib.AsyncExitStack()  # what runs
        self._resources = contextlib.AsyncExitStack()  # what is open
        self._first_asked = 0.0
        self._asked = self._words = 0  # tickets: handed out, catalogd
        self._news = asyncio.Event()
        self._default = default
        self._followed = dict[object, Target]()  # those that clients who follow have set, the last at the end
        self._syncs = dict[Target, VectorSync]()
        self._readers, self._unused = 0, asyncio.Event()
        self._unused.set()

    async def open(self) -> None:
        """Open the catalog, watch the files and start both loops, or nothing at all. Raises StoreError."""
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        executor, resources = self._executor, self._resources
        self._catalog = await opened(
            executor.run(Priority.SEARCH, read_pipeline.open_catalog, self._directory)
        )
        resources.push_async_callback(executor.run, Priority.SEARCH, self._catalog.close)
        name = await executor.run(Priority.SEARCH, repository_id, self.root)
        self._vector_indexes = VectorIndexes(self._directory, name, self._catalog, executor)
        resources.push_async_callback(self._vector_indexes.close)
        self._loop = Loop(f"Indexing {self.root}", self._refresh, self._start_over, self.tell)
        self._stopping.push_async_callback(self._loop.stop)
        wake, tell = self._loop.wake, self._count_now_and_then
        self._crawler = Crawler(self.root, self._catalog, executor, self._chunker, wake, tell)
        await self._crawler.count()
        self._chunks = (await executor.run(Priority.LEXICAL, self._catalog.embedded.coverage, "")).chunks
        watched = asyncio.Event()
        watching = asyncio.create_task(self._crawler.watch(self.changed, watched))
        self._stopping.push_async_callback(_cancel, watching)
        await watched.wait()

    async def close(self) -> None:
        """Stop after the step under way, wait for readers and close all files."""
        self.closed = True
        self.tell()
        await asyncio.gather(*(sync.loop.stop() for sync in self._syncs.values()))
        await self._stopping.aclose()
        await self._unused.wait()
        await self._resources.aclose()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Keep the index open within the block, in which a client's request reads it."""
        self.used = time.monotonic()
        self._readers += 1
        self._unused.clear()
        try:
            yield
        except StoreCorrupted as error:
            self._start_over(error)
            raise
        finally:
            self.used = time.monotonic()
            self._readers -= 1
            if not self._readers:
                self._unused.set()

    # What a client may ask; the caller holds `reading`, unless the method returns at once or follows

    def refresh(self) -> int:
        """Ask for a look at all files; the ticket tells when it is done."""
        self._crawler.ask_all()
        return self._ask()

    def changed(self, places: Collection[str]) -> None:
        """Ask for a look at what changed."""
        if self._crawler.ask(places):
            self._ask()

    def embed(self) -> None:
        """Ask for another look at the vectors, because an encoder may be another now."""
        for sync in self._syncs.values():
            sync.again()

    def _ask(self) -> int:
        self._first_asked = self._first_asked or time.monotonic()
        self._asked += 1
        for loop in (self._loop, *(sync.loop for sync in self._syncs.values())):
            loop.error = None
        self._loop.wake()
        return self._asked

    # Embedders

    def vector_sync(self, target: Target | None) -> VectorSync:
        """The sync of the target that a client has set.

        For a client that has set none, it is that of the client that began to follow last, else the default.
        """
        wanted = target or next(reversed(self._followed.values()), self._default)
        sync = self._syncs.get(wanted) or self._start(wanted)
        sync.used = time.monotonic()
        return sync

    @contextlib.contextmanager
    def followed(self, target: Target | None) -> Iterator[None]:
        """Within the block, clients that have set no target use this one."""
        client = object()
        if target:
            self._followed[client] = target
        self.tell()
        try:
            yield
        finally:
            self._followed.pop(client, None)
            self.tell()

    async def close_unused(self, before: float) -> None:
        """Close the vector syncs that no client has used since a moment, if another one is in use."""
        if all(sync.is_unused(before) for sync in self._syncs.values()):
            return  # the background work that was begun goes on
        for target, sync in list(self._syncs.items()):
            if sync.is_unused(before):
                del self._syncs[target]
                await sync.close()

    def _start(self, target: Target) -> VectorSync:
        sync = self._syncs[target] = VectorSync(
            target,
            Coverage(self._chunks),
            self._catalog,
            self._vector_indexes,
            self._executor,
            self._tools,
            self._former,
            self._running,
            self.tell,
            self._start_over,
            lambda: all(other.view for other in self._syncs.values()),
        )
        if self._chunks or self._words:  # vectors from an earlier life need not wait for a scan
            sync.embed(self._words)
        return sync

    async def _count(self) -> None:
        coverage = await self._executor.run(Priority.LEXICAL, self._catalog.embedded.coverage, "")
        self._chunks = coverage.chunks
        for sync in list(self._syncs.values()):
            await sync.count()

    async def _count_now_and_then(self) -> None:
        for sync in list(self._syncs.values()):
            await sync.count_now_and_then()

    @property
    def notice(self) -> str:
        """What happened to the index, if anything."""
        return self._catalog.notice

    @property
    def busy(self) -> bool:
        """Whether anything that was asked for is not done yet."""
        return any(self.is_busy(sync) for sync in self._syncs.values()) or self._is_reading()

    def error(self, sync: VectorSync) -> SemlsError | None:
        """What has failed, if anything."""
        return self._loop.error or sync.loop.error

    def _is_reading(self) -> bool:
        return self._loop.error is None and self._words < self._asked

    def is_busy(self, sync: VectorSync) -> bool:
        """Whether something that was asked for is not done yet with a vector sync."""
        return self.error(sync) is None and sync.reached < self._asked

    @property
    def phases(self) -> list[str]:
        """The phases that it is in with the vector syncs that are busy."""
        busy = filter(self.is_busy, self._syncs.values())
        return sorted({self.progress(sync).phase for sync in busy})

    @property
    def indexed(self) -> bool:
        """Whether all files have been read once."""
        return self._crawler.indexed

    @property
    def unwatched(self) -> str:
        """Why changes are not seen at once, if they are not."""
        return self._crawler.unwatched

    def progress(self, sync: VectorSync) -> Progress:
        """How far things are now."""
        busy = self.is_busy(sync)
        if busy and self._words < self._asked:
            phase = "reading"
        elif not self._running.is_set():
            phase = "paused"
        else:
            phase = sync.phase if busy else "ready"
        return Progress(phase, self._crawler.files, sync.coverage, sync.encoded)

    async def follow(
        self, ticket: int, sync: VectorSync, *, lexical_only: bool = False
    ) -> AsyncIterator[Progress]:
        """Progress until the ticket's words (and vectors) are there, or no more come; the end state last."""
        with sync.in_use():
            while self._is_awaited(ticket, sync, lexical_only):
                news = self._news  # taken before the client takes its time: no news is missed
                yield self.progress(sync)
                await news.wait()
                with contextlib.suppress(asyncio.TimeoutError):  # not too often, but the end at once
                    await asyncio.wait_for(self._end(ticket, sync, lexical_only), _NEWS)
        error = self._loop.error if lexical_only else self.error(sync)
        if error and not self._is_reached(ticket, sync, lexical_only):
            raise error
        yield self.progress(sync)

    def _is_reached(self, ticket: int, sync: VectorSync, lexical_only: bool) -> bool:
        return (self._words if lexical_only else sync.reached) >= ticket

    def _is_awaited(self, ticket: int, sync: VectorSync, lexical_only: bool) -> bool:
        error = self._loop.error if lexical_only else self.error(sync)
        stopped = error or self.closed or self.progress(sync).phase == "paused"
        return not (stopped or self._is_reached(ticket, sync, lexical_only))

    async def _end(self, ticket: int, sync: VectorSync, lexical_only: bool) -> None:
        while self._is_awaited(ticket, sync, lexical_only):
            await self._news.wait()

    @property
    def news(self) -> asyncio.Event:
        """Set as soon as there may be something to report that there was not before."""
        return self._news

    async def search(self, query: Query, sync: VectorSync) -> Result:
        """The best hits; files that changed since they were read are read again first."""
        if self._words == 0:
            await self._first_words()
        found = await self._search(query, sync)
        if await self._read_changed({hit.entry.path for hit in found.hits}):
            found = await self._search(query, sync)
        if found.hits or not found.complete:
            return found
        why = await self._executor.run(Priority.SEARCH, no_hits.explain, query, self._catalog)
        return replace(found, notice=why)

    async def similar(
        self, path: str, row: int, limit: int, sync: VectorSync, *, lexical_only: bool
    ) -> Comparison:
        """What is like the chunk at a row. Raises UsageError where there is none."""
        known = await self._executor.run(Priority.SEARCH, self._catalog.files, [path])
        if not known:
            await self._catalogd(self.refresh())
            known = await self._executor.run(Priority.SEARCH, self._catalog.files, [path])
        if path not in known or known[path].skipped:
            reason = known[path].skipped if known else "`semls status` tells what is left out and why"
            raise UsageError(f"{path} is not indexed: {reason}.")
        await self._read_changed({path})
        found = await self._similar(path, row, limit, sync, lexical_only)
        if await self._read_changed({one.path for one in found.similar.entries}):
            found = await self._similar(path, row, limit, sync, lexical_only)
        return found

    async def documents(self, root: Path, paths: Iterable[str]) -> dict[str, Document]:
        """Files as they were catalogd, by path; without those that change this very moment."""
        return await self._executor.run(
            Priority.SEARCH, read_pipeline.documents, root, self._catalog, sorted(paths)
        )

    async def skipped(self) -> list[File]:
        """Files without chunks, each with the reason."""
        return await self._executor.run(Priority.SEARCH, self._catalog.skipped_files)

    async def by_lines(self) -> list[File]:
        """Files that are cut by lines because parsing failed."""
        return await self._executor.run(Priority.SEARCH, self._catalog.unparsed_files)

    async def explain(self, path: str, sync: VectorSync) -> Explanation:
        """Whether and how a file is indexed now; of a folder, why it is left out. Raises UsageError."""
        if scan.is_folder(self.root, path):
            return await self._executor.run(Priority.SEARCH, _explain_folder, self.root, path)
        place = path
        while scan.escape_non_utf8(place) != place:  # the catalog has no such names: look at the folder
            place = place.rpartition("/")[0]
        await self._crawler.read_now(place)
        store = sync.view.name if sync.view else ""
        return await self._executor.run(
            Priority.SEARCH, _explain, self._catalog, store, scan.escape_non_utf8(path)
        )

    async def _first_words(self) -> None:
        """Wait for them, but not for long: then those that are there by now answer."""
        ticket = self._asked or self.refresh()
        with contextlib.suppress(asyncio.TimeoutError):
            left = self._first_asked + _FIRST_WORDS - time.monotonic()
            await asyncio.wait_for(self._catalogd(ticket), max(0.0, left))

    async def _catalogd(self, ticket: int) -> None:
        while self._words < ticket:
            if self._loop.error:
                raise self._loop.error
            if not self.closed:
                await self._news.wait()
                continue
            raise StoreError(f"The index of {self.root} was cleared before its files were read: try again.")

    async def _read_changed(self, paths: Collection[str]) -> bool:
        """Read again what changed since it was read; False when nothing did or the parser is busy."""
        try:
            if not await asyncio.wait_for(self._crawler.read_changed(paths), _PARSING):
                return False
        except asyncio.TimeoutError:
            self.changed(list(paths))
            return False
        self.changed(list(paths))  # which also embeds what is new
        return True

    async def _search(self, query: Query, sync: VectorSync) -> Result:
        view, coverage = sync.view, sync.coverage
        try:
            return await self._search_with(view, coverage, query)
        except StoreCorrupted:
            raise
        except StoreError as error:
            self._do_without(view, error)
            return await self._search_with(None, coverage, query)

    async def _search_with(self, view: VectorIndex | None, coverage: Coverage, query: Query) -> Result:
        view = view if query.text and not query.lexical_only else None
        vectors = await near(query, self._catalog, view, self._executor) if view else {}
        complete = self._words > 0  # before the catalog is read: files that are read later may be missing
        hits = await self._executor.run(Priority.SEARCH, search, query, self._catalog, vectors)
        return Result(hits, view.encoder.model.name if view else "", coverage, complete)

    async def _similar(
        self, path: str, row: int, limit: int, sync: VectorSync, lexical_only: bool
    ) -> Comparison:
        view, coverage = sync.view, sync.coverage
        if lexical_only or 2 * coverage.embedded < coverage.chunks:  # a few vectors know less than all words
            view = None
        try:
            return await self._similar_with(view, coverage, path, row, limit)
        except StoreCorrupted:
            raise
        except StoreError as error:
            self._do_without(view, error)
            return await self._similar_with(None, coverage, path, row, limit)

    async def _similar_with(
        self, view: VectorIndex | None, coverage: Coverage, path: str, row: int, limit: int
    ) -> Comparison:
        asked = await self._executor.run(Priority.SEARCH, comparing.at, self._catalog, path, row)
        vectors = await comparing.near(asked, limit, self._catalog, view, self._executor) if view else None
        found = await self._executor.run(
            Priority.SEARCH, comparing.similar, asked, self._catalog, vectors, limit
        )
        return Comparison(found, view.encoder.model.name if view else "", coverage)

    def _do_without(self, view: VectorIndex | None, error: StoreError) -> None:
        """Let words answer, and open the vectors once more: at once if they are ours, else after a while."""
        log.warning("Words alone answer: %s", error)
        for sync in self._syncs.values():
            if view and sync.uses(view):
                sync.distrust(view)
                if view.server:
                    later(sync.again)
                else:
                    sync.again()

    async def _refresh(self) -> None:
        ticket = self._asked
        await self._crawler.run()
        await self._count()
        self._words = max(self._words, ticket)
        for sync in self._syncs.values():
            sync.embed(self._words)

    def _start_over(self, error: StoreCorrupted) -> None:
        """Read all files again: the catalog was corrupted and is empty now."""
        log.warning("%s", error)
        for sync in self._syncs.values():
            sync.drop_views()
        self._words = 0  # answers are incomplete until all files are read again
        self._crawler.ask_all()
        self._ask()

    def tell(self) -> None:
        """Say that there may be something to report."""
        self._news.set()
        self._news = asyncio.Event()


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


# Steps for the executor


def _explain_folder(root: Path, path: str) -> Explanation:
    first = next(scan.scan(root, [path]), None)
    if not isinstance(first, scan.Skipped) or not f"{path}/".startswith(first.path):
        raise UsageError(f"{root / path} is a folder that is indexed: name a file in it.")
    return Explanation(f"{path}/", _left_out(first.path, first.reason, f"{path}/"), "", "", 0, 0, 0)


def _left_out(path: str, reason: str, asked: str) -> str:
    return reason if path == asked or not reason else f"{path} is left out: {reason}"


def _explain(catalog: Catalog, store: str, path: str) -> Explanation:
    around = [path, *(path[: at + 1] for at, letter in enumerate(path) if letter == "/")]
    known = catalog.files(around)
    entries = catalog.entries_of_file(path)
    file = known.get(path) or next(iter(known.values()), File(path, skipped="there is no such file"))
    embedded = catalog.embedded.intersection(store, {entry.content_hash for entry in entries})
    return Explanation(
        path,
        _left_out(file.path, file.skipped, path),
        "" if file.skipped else file.failure,
        file.language,
        len(entries),
        sum(bool(entry.name) for entry in entries),
        sum(entry.content_hash in embedded for entry in entries),
    )
