"""The crawler: reads the files of one workspace into its catalog."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from semls.engine.files import scan
from semls.engine.indexing import read_pipeline
from semls.engine.indexing.context import IndexContext
from semls.engine.indexing.language_settings import store_associations
from semls.engine.scheduler import Priority
from semls.engine.storage.schema import File
from semls.engine.syntax.languages.associations import Associations

_SETTLED = 10.0  # seconds within which the system reports a change, if it reports it at all
_REPORT_TIMEOUT = 5.0  # seconds to wait for the report of a change that a sweep has found
_MAX_REQUESTED = 1000  # paths; for more, a scan of all files is faster and more reliable
_REQUESTED_AT_ONCE = 50  # paths of one batch; later requests come before the next batch
_REMOVED_AT_ONCE = 200  # files


class Crawler:
    """Reads new and changed files into the catalog, and removes deleted ones.

    `request` and `request_scan` say what to read, `run` reads it. Paths are relative to the workspace and
    may name a file or a folder; "" is the workspace itself.
    """

    def __init__(
        self, context: IndexContext, associations: Associations, on_stored: Callable[[], Awaitable[None]]
    ) -> None:
        """Await `on_stored` after each batch of files that was stored in the catalog.

        `associations` are those that the catalog has.
        """
        self.associations = associations  # of files and languages
        self.files = 0  # that have chunks
        self.indexed = False  # whether every file has been read once, now or before the engine started
        self.missed_change = asyncio.Event()  # set when a sweep has found a change that was not reported
        self.scan_seconds = 0.0  # that the last scan of all files took
        self.scanned = 0  # files and skipped paths of the running scan, in its order, that have been read
        self.last_run = time.monotonic()  # when the last run ended
        self._root, self._catalog = context.root, context.catalog
        self._executor, self._parser = context.services.executor, context.services.parser
        self._on_stored = on_stored
        self._scan_requested = False
        self._sweep_requested = False  # the next scan looks for changes that were not reported
        self._is_watched = True
        self._scanned_since_watched = False
        self._requested = dict[str, None]()  # paths to read, the last one to change at the end
        self._reported = set[str]()  # paths that were requested since the last scan began
        self._unseen = dict[str, File]()  # files of the catalog that the running scan has not found yet
        self._skipped_folders = frozenset[str]()  # each ends with "/"

    def request_scan(self, *, sweep: bool = False) -> None:
        """Scan all files in the next run; a sweep sets `missed_change` if it finds an unreported change."""
        self._scan_requested = True
        self._sweep_requested = self._sweep_requested or sweep

    def request(self, paths: Collection[str]) -> bool:
        """Read some paths in the next run. Return False if all of them lie in skipped folders."""
        self._reported.update(paths)
        wanted = [path for path in paths if self._skipped_folders.isdisjoint(_folder_paths(path))]
        if "" in wanted or len(wanted) + len(self._requested) > _MAX_REQUESTED:
            self._scan_requested = True
        for path in wanted:
            self._requested.pop(path, None)
            self._requested[path] = None
        return bool(wanted)

    async def set_associations(self, associations: Associations) -> None:
        """Use other associations of files and languages; the next run reads the files that they affect."""
        await self._executor.run(Priority.LEXICAL, store_associations, self._catalog, associations)
        self.associations = associations
        self._scan_requested = True

    def set_watched(self, *, watched: bool) -> None:
        """Note that watching has begun, or that it has failed and changes are not reported any more."""
        self._is_watched, self._scanned_since_watched = watched, False

    async def run(self) -> None:
        """Read what was requested. If that fails, the next run scans all files. Raises SemlsError."""
        try:
            if self._scan_requested:
                await self._run_scan()
            await self._read_requested()
        except Exception:
            self._scan_requested = True
            raise
        finally:
            self.last_run = time.monotonic()
        await self.count()

    async def count(self) -> None:
        """Update `files` and `indexed` from the catalog."""
        self.files = await self._executor.run(Priority.LEXICAL, self._catalog.count_files)
        self.indexed = await self._executor.run(Priority.LEXICAL, read_pipeline.is_indexed, self._catalog)

    async def read_changed(self, paths: Iterable[str]) -> bool:
        """Read those of some files that have changed, before other tasks. Return False if none has."""
        known, changed, deleted = await self._executor.run(
            Priority.SEARCH, read_pipeline.find_changed, self._root, self._catalog, sorted(paths)
        )
        await self._read(known, changed, Priority.SEARCH)
        return bool(changed or deleted)

    async def read_now(self, path: str) -> None:
        """Read one path without waiting for the next run."""
        await self._read_paths([path])

    # Scans

    async def _run_scan(self) -> None:
        is_sweep = self._sweep_requested and self._scanned_since_watched
        self._reported = set(self._requested)
        self._scan_requested, self._sweep_requested, self._requested = False, False, {}
        changed = await self._read_all()
        if is_sweep:
            await self._check_reports(changed)
        self._scanned_since_watched = self._is_watched

    async def _read_all(self) -> list[read_pipeline.ScanItem]:
        """Scan all files and read those that have changed. Return the changed ones."""
        began, changed = time.monotonic(), list[read_pipeline.ScanItem]()
        known = await self._known_files()
        self._unseen, self.scanned = dict(known), 0
        skipped_folders, failed, found = set[str](), list[read_pipeline.ScanItem](), 0
        items = scan.scan(self._root)
        while batch := await self._executor.run(Priority.LEXICAL, read_pipeline.next_batch, items):
            skipped_folders |= self._note_seen(batch)
            found += sum(isinstance(item, scan.Found) for item in batch)
            new = [item for item in batch if read_pipeline.has_changed(item, known.get(item.path))]
            changed += new
            # A file that could not be parsed may take long again: it is read last.
            failed += [item for item in new if _has_failed(item, known)]
            new = [item for item in new if not _has_failed(item, known)]
            await self._read(known, new, requested_first=True)
            self.files, self.scanned = max(self.files, found), self.scanned + len(batch)
        await self._read(known, failed, requested_first=True)
        await self._remove(list(self._unseen))
        if known:
            rules = filter(scan.decides_encodings, [*(item.path for item in changed), *self._unseen])
            self._requested.update(dict.fromkeys(rules))
        await self._executor.run(Priority.LEXICAL, read_pipeline.mark_indexed, self._catalog)
        self._unseen, self._skipped_folders = {}, frozenset(skipped_folders)
        self.scan_seconds = time.monotonic() - began
        return changed

    async def _known_files(self) -> dict[str, File]:
        known, last = dict[str, File](), ""
        while batch := await self._executor.run(Priority.LEXICAL, self._catalog.files_after, last):
            known |= batch
            last = next(reversed(batch))
        return known

    async def _check_reports(self, changed: Iterable[read_pipeline.ScanItem]) -> None:
        """Set `missed_change` if the watcher has not reported a change that is some seconds old."""
        settled = time.time_ns() - int(_SETTLED * 1e9)
        old = [item.path for item in changed if isinstance(item, scan.Found) and item.mtime_ns < settled]
        deadline = time.monotonic() + _REPORT_TIMEOUT  # a file with an old time may have been moved here now
        while True:
            old = [path for path in old if self._reported.isdisjoint({path, *scan.parent_folders(path)})]
            if not old:
                return
            if time.monotonic() > deadline:
                self.missed_change.set()
                return
            await asyncio.sleep(0.1)

    # Requested paths

    async def _read_requested(self) -> None:
        """Read the requested paths, the last one to change first, as there may be thousands."""
        while self._requested:
            count = min(_REQUESTED_AT_ONCE, len(self._requested))
            await self._read_paths({self._requested.popitem()[0] for _ in range(count)})

    async def _read_paths(self, paths: Collection[str]) -> None:
        """Read some paths, and the files whose encoding they decide."""
        decoded_again = {path.rpartition("/")[0] for path in paths if scan.decides_encodings(path)}
        paths = {*paths, *decoded_again}
        known = await self._executor.run(Priority.LEXICAL, self._catalog.files_under, sorted(paths))
        deleted = dict(known)
        items = scan.scan(self._root, paths)
        while batch := await self._executor.run(Priority.LEXICAL, read_pipeline.next_batch, items):
            self._skipped_folders |= self._note_seen(batch)
            for item in batch:
                deleted.pop(item.path, None)
            await self._read(
                known, [item for item in batch if _must_be_read(item, paths, decoded_again, known)]
            )
        self._skipped_folders -= deleted.keys()
        await self._remove(list(deleted))

    def _note_seen(self, items: Iterable[read_pipeline.ScanItem]) -> frozenset[str]:
        """Note that the scan has found some paths. Return the skipped folders among them."""
        for item in items:
            self._unseen.pop(item.path, None)
        return frozenset(item.path for item in items if item.path.endswith("/"))

    # Reading

    async def _read(
        self,
        known: Mapping[str, File],
        items: Sequence[read_pipeline.ScanItem],
        priority: Priority = Priority.LEXICAL,
        requested_first: bool = False,
    ) -> None:
        """Read files into the catalog: one batch is chunked while the next is opened and the last is stored.

        `known` has the files as they were in the catalog before. With `requested_first`, requested paths are
        read between two batches: a user edits them now.
        """
        associations = self.associations
        opening = asyncio.create_task(self._open(associations, known, items, priority)) if items else None
        storing: asyncio.Task[None] | None = None
        try:
            while opening:
                opened, items = await opening
                next_batch = self._open(associations, known, items, priority) if items else None
                opening = asyncio.create_task(next_batch) if next_batch else None
                chunked = await asyncio.to_thread(read_pipeline.chunk_files, self._parser, opened)
                if storing:
                    await storing
                storing = asyncio.create_task(self._store(associations, known, chunked, priority))
                if requested_first and self._requested:
                    await storing  # else a requested file might be read again before this version is stored
                    storing = None
                    await self._read_requested()
            if storing:
                await storing
        except Exception:
            if storing:
                await asyncio.wait([storing])  # keep what was read before the error
            raise
        finally:
            for task in filter(None, (opening, storing)):
                task.cancel()

    async def _open(
        self,
        associations: Associations,
        known: Mapping[str, File],
        items: Sequence[read_pipeline.ScanItem],
        priority: Priority,
    ) -> tuple[list[read_pipeline.OpenedFile], list[read_pipeline.ScanItem]]:
        return await self._executor.run(
            priority, read_pipeline.open_files, self._root, self._catalog, associations, known, items
        )

    async def _store(
        self,
        associations: Associations,
        known: Mapping[str, File],
        files: Sequence[read_pipeline.ChunkedFile],
        priority: Priority,
    ) -> None:
        while files:
            files = await self._executor.run(
                priority, read_pipeline.store, self._catalog, associations, known, files
            )
        await self._on_stored()

    async def _remove(self, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), _REMOVED_AT_ONCE):
            batch = paths[start : start + _REMOVED_AT_ONCE]
            await self._executor.run(Priority.LEXICAL, self._catalog.remove, batch)


def _must_be_read(
    item: read_pipeline.ScanItem,
    requested: Collection[str],
    decoded_again: Collection[str],
    known: Mapping[str, File],
) -> bool:
    """Whether a file may have changed: one that is written twice at once may keep its size and time.

    `decoded_again` are folders whose files may have another encoding now.
    """
    if item.path in requested or read_pipeline.has_changed(item, known.get(item.path)):
        return True
    return bool(decoded_again) and not set(scan.parent_folders(item.path)).isdisjoint(decoded_again)


def _has_failed(item: read_pipeline.ScanItem, known: Mapping[str, File]) -> bool:
    return item.path in known and bool(known[item.path].failure)


def _folder_paths(path: str) -> Iterable[str]:
    """Return the folders that contain a path, each with a "/" at the end, except the workspace."""
    return (f"{folder}/" for folder in scan.parent_folders(path) if folder)
