"""The indexer: keeps the index of one workspace in sync with its files."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Collection, Iterator
from itertools import islice

from semls.engine.files import mentions, scan
from semls.engine.indexing import read_pipeline
from semls.engine.indexing.context import IndexContext, Target
from semls.engine.indexing.crawler import Crawler
from semls.engine.indexing.language_settings import stored_associations
from semls.engine.indexing.loop import Loop, retry_later
from semls.engine.indexing.progress import Phase, Progress
from semls.engine.indexing.vector_sync import VectorSync
from semls.engine.indexing.watcher import Watcher
from semls.engine.scheduler import Priority
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.syntax.languages.associations import Associations
from semls.engine.vector_index import VectorIndex
from semls.errors import SemlsError, StoreCorrupted, StoreError

log = logging.getLogger(__name__)

# Seconds that searches wait until all files are read: the first one, and later ones. An answer takes some
# tenths more.
_FIRST_READ_TIMEOUT, _LATER_READ_TIMEOUT = 1.7, 1.5
_SHORT_READ = 0.2  # seconds; a workspace that is read sooner needs no order
_MENTIONED_READ = 0.7  # seconds; to read the files that mention the words of a question
_READ_TIMEOUT = 5.0  # seconds for which a search waits until changed files are read
_PROGRESS_INTERVAL = 0.1  # seconds between two reports of progress, at least


class Indexer:
    """One lexical sync, which updates the catalog from the files, and one vector sync for each target.

    Each has a background loop. A request gets a ticket, a number that grows: the lexical sync has completed
    it when all files that had changed until then are in the catalog, and a vector sync when their chunks have
    vectors. Methods are called in the event loop.
    """

    @classmethod
    async def open(cls, context: IndexContext, default: Target) -> "Indexer":
        """Start watching the files and start the lexical sync. Raises StoreError."""
        run = context.services.executor.run
        coverage = await run(Priority.LEXICAL, context.catalog.embedded.coverage, "")
        associations = await run(Priority.LEXICAL, stored_associations, context.catalog)
        indexer = cls(context, default, coverage.chunks, associations)
        try:
            await indexer._crawler.count()
            await indexer._watcher.start()
        except BaseException:
            await indexer.stop()
            raise
        return indexer

    def __init__(
        self, context: IndexContext, default: Target, chunks: int, associations: Associations
    ) -> None:
        """Use `open` instead. `default` is the target of clients without settings."""
        self.closed = False
        self._context, self._default = context, default
        self._chunks = chunks  # in the catalog
        self._ticket = 0  # the last one
        self._completed = 0  # the last one that the lexical sync has completed
        self._looks_for_mentions = False
        self._first_request = 0.0  # time.monotonic, once there was a request
        self._next_change = asyncio.Event()
        # The settings of the clients that follow, in the order of their arrival.
        self._followed = dict[object, tuple[Target | None, Associations]]()
        self._syncs = dict[Target, VectorSync]()
        self._loop = Loop(f"Indexing {context.root}", self._sync_catalog, self)
        self._crawler = Crawler(context, associations, self._count_throttled)
        self._watcher = Watcher(context.root, self._crawler, self.refresh_paths, self._loop.wake)

    async def stop(self) -> None:
        """Stop all loops. Tasks in the executor run to their end."""
        self.closed = True
        self.state_changed()
        await asyncio.gather(*(sync.loop.stop() for sync in self._syncs.values()))
        await self._watcher.stop()
        await self._loop.stop()

    # Requests

    def refresh(self) -> int:
        """Request a scan of all files. Return its ticket."""
        self._crawler.request_scan()
        return self._request()

    def refresh_paths(self, paths: Collection[str]) -> None:
        """Request that some files or folders are read, by their paths relative to the workspace."""
        if self._crawler.request(paths):
            self._request()

    def restart_syncs(self) -> None:
        """Request another run of each vector sync, because their models may be available now."""
        for sync in self._syncs.values():
            sync.restart()

    def _request(self) -> int:
        """Issue a ticket and wake the lexical loop. Errors of earlier runs no longer count."""
        self._first_request = self._first_request or time.monotonic()
        self._ticket += 1
        for loop in (self._loop, *(sync.loop for sync in self._syncs.values())):
            loop.error = None
        self._loop.wake()
        return self._ticket

    async def read_changed(self, paths: Collection[str]) -> bool:
        """Read those of some files that have changed, and request their vectors.

        Return False if none has changed, or if the parser is busy: then they are read in the background.
        """
        try:
            if not await asyncio.wait_for(self._crawler.read_changed(paths), _READ_TIMEOUT):
                return False
        except asyncio.TimeoutError:
            self.refresh_paths(list(paths))
            return False
        self.refresh_paths(list(paths))
        return True

    async def read_now(self, path: str) -> None:
        """Read one file or folder, whether it has changed or not."""
        await self._crawler.read_now(path)

    async def use_associations(self, requested: Associations) -> None:
        """Use the associations of a client, or, while clients follow, of the last of them that has set any.

        So clients with different settings do not make each other's files be read again and again.
        """
        followed = [associations for _, associations in self._followed.values()] or [requested]
        wanted = next((associations for associations in reversed(followed) if associations), followed[-1])
        if wanted.key != self._crawler.associations.key:
            await self._crawler.set_associations(wanted)
            self._request()

    # The lexical sync

    async def _sync_catalog(self) -> None:
        ticket = self._ticket
        await self._crawler.run()
        coverage = await self._context.services.executor.run(
            Priority.LEXICAL, self._context.catalog.embedded.coverage, ""
        )
        self._chunks = coverage.chunks
        for sync in list(self._syncs.values()):
            await sync.count()
        self._completed = max(self._completed, ticket)
        for sync in self._syncs.values():
            sync.request(self._completed)

    async def _count_throttled(self) -> None:
        for sync in list(self._syncs.values()):
            await sync.count_throttled()

    def catalog_corrupted(self, error: StoreCorrupted) -> None:
        """Read all files again, because the catalog is empty now."""
        log.warning("%s", error)
        for sync in self._syncs.values():
            sync.drop_indexes()
        self._completed = 0  # answers are incomplete until all files are read again
        self.refresh()

    # Vector syncs

    def vector_sync(self, target: Target | None) -> VectorSync:
        """Return the vector sync of a client's target.

        For a client without settings, `target` is None: it gets the target of the client that began to follow
        last, or else the default one.
        """
        if target is None:
            targets = (target for target, _ in reversed(self._followed.values()) if target)
            target = next(targets, self._default)
        sync = self._syncs.get(target) or self._start_sync(target)
        sync.used = time.monotonic()
        return sync

    def _start_sync(self, target: Target) -> VectorSync:
        sync = VectorSync(self._context, target, Coverage(self._chunks), self, self._may_prune)
        self._syncs[target] = sync
        if self._chunks or self._completed:  # existing vectors are used without waiting for a scan
            sync.request(self._completed)
        return sync

    def _may_prune(self) -> bool:
        """Return whether each vector sync has opened its index, so that no other store is needed."""
        return all(sync.index for sync in self._syncs.values())

    @contextlib.contextmanager
    def followed(self, target: Target | None, associations: Associations) -> Iterator[None]:
        """Within the block, use a target for clients without settings, and the associations for all."""
        client = object()
        self._followed[client] = target, associations
        self.state_changed()
        try:
            yield
        finally:
            self._followed.pop(client, None)
            self.state_changed()

    async def close_unused(self, since: float) -> None:
        """Close the vector syncs that no request has used since a time of `time.monotonic`.

        If all are unused, none is closed, so that background work continues.
        """
        if all(sync.is_unused(since) for sync in self._syncs.values()):
            return
        for target, sync in list(self._syncs.items()):
            if sync.is_unused(since):
                del self._syncs[target]
                await sync.close()

    def reopen(self, index: VectorIndex) -> None:
        """Open an index again whose store has failed: at once if it is local, else after a delay."""
        for sync in self._syncs.values():
            if sync.uses(index):
                sync.invalidate(index)
                if index.server:
                    retry_later(sync.restart)
                else:
                    sync.restart()

    # State

    @property
    def indexed(self) -> bool:
        """Whether every file has been read once, now or before the engine started."""
        return self._crawler.indexed

    @property
    def complete(self) -> bool:
        """Whether every file has been read since the workspace was opened."""
        return self._completed > 0

    @property
    def watch_failure(self) -> str:
        """Why the system does not report changes, "" if it does."""
        return self._watcher.failure

    @property
    def busy(self) -> bool:
        """Whether a request is not completed by the lexical sync and all vector syncs."""
        return any(self.is_busy(sync) for sync in self._syncs.values()) or (
            self._loop.error is None and self._completed < self._ticket
        )

    def is_busy(self, sync: VectorSync) -> bool:
        """Return whether a request is not completed by the lexical sync and one vector sync."""
        return self.error(sync) is None and sync.completed < self._ticket

    def error(self, sync: VectorSync) -> SemlsError | None:
        """Return why the lexical sync or a vector sync has failed; None if they have not."""
        return self._loop.error or sync.loop.error

    @property
    def phases(self) -> list[Phase]:
        """The phases of the busy vector syncs, without duplicates."""
        busy = filter(self.is_busy, self._syncs.values())
        return sorted({self.progress(sync).phase for sync in busy})

    def progress(self, sync: VectorSync) -> Progress:
        """Return the progress of the lexical sync and one vector sync."""
        phase: Phase = "ready"
        if self.is_busy(sync) and self._completed < self._ticket:
            phase = "reading"
        elif not self._context.services.embedding_allowed.is_set():
            phase = "paused"
        elif self.is_busy(sync) or sync.loop.is_running:
            phase = sync.phase
        return Progress(phase, self._crawler.files, sync.filled, sync.encoded, sync.rate)

    # Waiting

    @property
    def next_change(self) -> asyncio.Event:
        """The event that is set when the state changes next; each change has its own event."""
        return self._next_change

    def state_changed(self) -> None:
        """Set `next_change`, and replace it by a new event."""
        self._next_change.set()
        self._next_change = asyncio.Event()

    async def wait_for_first_read(self, words: frozenset[str]) -> None:
        """Wait until all files are read, at most about two seconds. Raises SemlsError.

        If that takes longer, files that mention the words are read first.
        """
        ticket, began = self._ticket or self.refresh(), time.monotonic()
        deadline = max(self._first_request + _FIRST_READ_TIMEOUT, began + _LATER_READ_TIMEOUT)
        tasks = [asyncio.create_task(self.wait_for_catalog(ticket))]
        try:
            await asyncio.wait(tasks[:1], timeout=_SHORT_READ)
            if not tasks[0].done() and not self._looks_for_mentions:
                tasks.append(asyncio.create_task(self._read_mentions(words, deadline - _MENTIONED_READ)))
            await asyncio.wait(tasks[:1], timeout=deadline - time.monotonic())
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _read_mentions(self, words: frozenset[str], deadline: float) -> None:
        """Look until `deadline` for files that mention some words, and read them before all others.

        The scan for them has the order of the crawler's, so it begins where that is.
        """
        root, executor = self._context.root, self._context.services.executor
        scanned = islice(scan.scan(root), self._crawler.scanned, None)
        items, found = list[scan.Found | scan.Skipped](), list[mentions.Mentions]()
        self._looks_for_mentions = True
        try:
            while time.monotonic() < deadline and (
                seen := await executor.run(Priority.SEARCH, read_pipeline.next_batch, scanned)
            ):
                items += seen
            files = mentions.in_order_of_paths(items, words)
            while time.monotonic() < deadline and (
                read := await executor.run(Priority.SEARCH, mentions.next_batch, root, files, words)
            ):
                found += read
        finally:
            self._looks_for_mentions = False
        best = mentions.best(found)
        self.refresh_paths(best)  # the crawler reads them next if the search does not wait any longer
        await self._crawler.read_changed(best)

    async def wait_for_catalog(self, ticket: int) -> None:
        """Wait until the lexical sync has completed a ticket. Raises SemlsError if it fails or is stopped."""
        while self._completed < ticket:
            if self._loop.error:
                raise self._loop.error
            if self.closed:
                root = self._context.root
                raise StoreError(f"The index of {root} was cleared before its files were read: try again.")
            await self._next_change.wait()

    async def follow(
        self, ticket: int, sync: VectorSync, *, lexical_only: bool = False
    ) -> AsyncIterator[Progress]:
        """Yield the progress until a ticket is completed, paused or failed; the final progress comes last.

        With `lexical_only`, do not wait for vectors. Raises the SemlsError of a failed sync.
        """
        with sync.in_use():
            while self._is_pending(ticket, sync, lexical_only):
                change = self._next_change  # read before the yield, so that no change is missed during it
                yield self.progress(sync)
                await change.wait()
                with contextlib.suppress(asyncio.TimeoutError):  # throttled, but the end is reported at once
                    ended = self._wait_until_ended(ticket, sync, lexical_only)
                    await asyncio.wait_for(ended, _PROGRESS_INTERVAL)
        error = self._loop.error if lexical_only else self.error(sync)
        if error and not self._is_completed(ticket, sync, lexical_only):
            raise error
        yield self.progress(sync)

    def _is_completed(self, ticket: int, sync: VectorSync, lexical_only: bool) -> bool:
        return (self._completed if lexical_only else sync.completed) >= ticket

    def _is_pending(self, ticket: int, sync: VectorSync, lexical_only: bool) -> bool:
        error = self._loop.error if lexical_only else self.error(sync)
        stopped = error or self.closed or self.progress(sync).phase == "paused"
        return not (stopped or self._is_completed(ticket, sync, lexical_only))

    async def _wait_until_ended(self, ticket: int, sync: VectorSync, lexical_only: bool) -> None:
        while self._is_pending(ticket, sync, lexical_only):
            await self._next_change.wait()
