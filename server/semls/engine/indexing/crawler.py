"""Keeps a workspace's catalog like its files: looks where something changed, now and then everywhere."""

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from semls.engine.files import scan as files
from semls.engine.files import watch
from semls.engine.files.gitconfig import git_dir
from semls.engine.indexing import read_pipeline
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from semls.engine.syntax.parser_process import ParserProcess

log = logging.getLogger(__name__)

_TICK = 2.0  # seconds between two looks at what tells that watching may have missed something
_SWEEP = 300.0  # seconds between two looks at all files of a workspace that is watched
_RETRY = 1.0  # seconds from a failure of watching to the next attempt, doubled with each further failure
_MOST = 300.0  # seconds between two attempts at most
_STEADY = 60.0  # seconds of watching after which a failure counts as the first one
_SETTLED = 10.0  # seconds after which a change has been reported, if it is reported at all
_REPORT = 5.0  # seconds that a report may take
_SHARE = 20  # a look at all files may take this part of the time
_MANY = 1000  # places at once, from which on a look at all files is quicker and surer
_FEW = 50  # places that are looked at before those that changed meanwhile
_GONE = 200  # files forgotten in one step


class Crawler:
    """What is to be looked at, and the looking."""

    def __init__(
        self,
        root: Path,
        catalog: Catalog,
        executor: PriorityExecutor,
        chunker: ParserProcess,
        wake: Callable[[], None],
        tell: Callable[[], Awaitable[None]],
    ) -> None:
        self.files = 0
        self.indexed = False  # whether all files have been read once, before the engine started or since
        self.unwatched = ""  # why the system does not tell what changes, if it does not
        self._root, self._catalog, self._executor, self._chunker = root, catalog, executor, chunker
        self._wake, self._tell = wake, tell  # there is something to look at; some more has been read
        self._all = False
        self._sweep = False  # the next look at all files is to find what was not reported
        self._complete = False  # all files have been looked at since watching began
        self._reported = set[str]()  # places since the last look at all files began
        self._missed = asyncio.Event()  # something was not reported
        self._places = dict[str, None]()  # the last to change at the end
        self._unseen = dict[str, File]()  # of what was known when a look at all files began
        self._left_out = frozenset[str]()  # folders, with a "/" at the end
        self._took = 0.0
        self._looked = time.monotonic()

    # What is to be looked at

    def ask_all(self) -> None:
        """Look at all files next time."""
        self._all = True

    def ask(self, places: Collection[str]) -> bool:
        """Look at some places next time; False where there is nothing to look at."""
        self._reported.update(places)
        wanted = [place for place in places if self._left_out.isdisjoint(_folders(place))]
        if "" in wanted or len(wanted) + len(self._places) > _MANY:
            self._all = True
        for place in wanted:
            self._places.pop(place, None)
            self._places[place] = None
        return bool(wanted)

    async def watch(self, ask: Callable[[Collection[str]], None], ready: asyncio.Event) -> None:
        """Report what changes until cancelled, and poll where the system does not report it.

        `ready` is set once no change can be missed. Where watching fails, it is retried with back-off.
        """
        delay = 0.0
        identity: object = None
        while True:
            began = time.monotonic()
            try:
                if self.unwatched:
                    await self._check(identity, delay)
                self._missed.clear()
                began, identity = time.monotonic(), await asyncio.to_thread(_identity, self._root)
                await self._watch(identity, ask, ready)
            except watch.WatchError as error:
                self._set_unwatched(str(error))
            except Exception:
                log.exception("Watching %s failed", self._root)
                self._set_unwatched("an internal error, which the engine's log describes")
                await asyncio.sleep(_RETRY)
            ready.set()
            self._look_at_all()
            steady = time.monotonic() - began > _STEADY
            delay = _RETRY if steady or not delay else min(2 * delay, _MOST)
            delay = _MOST if self._missed.is_set() else delay  # watching again would seem to work

    async def _watch(
        self, identity: object, ask: Callable[[Collection[str]], None], ready: asyncio.Event
    ) -> None:
        """Report what changes until another folder has the workspace's path. Raises WatchError."""
        tasks = [
            asyncio.create_task(self._report_changes(ask, ready)),
            asyncio.create_task(self._check(identity)),
            asyncio.create_task(self._fail_when_missed()),
        ]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _report_changes(self, ask: Callable[[Collection[str]], None], ready: asyncio.Event) -> None:
        """Report what changes until the folder is deleted or moved. Raises WatchError."""
        begun = False
        async with contextlib.aclosing(watch.changes(self._root)) as bursts:
            async for places in bursts:
                if not begun:
                    begun = True
                    self._set_unwatched("")
                    if ready.is_set():  # what changed before this moment was not reported
                        self._look_at_all()
                    ready.set()
                if places:
                    ask(places)

    async def _fail_when_missed(self) -> None:
        """Raise WatchError as soon as a sweep finds a change that was not reported.

        watchfiles does not tell that a new folder exceeds the limit of watches, or that the queue overflows.
        """
        await self._missed.wait()
        raise watch.WatchError("the system does not report all changes")

    def _set_unwatched(self, reason: str) -> None:
        if reason and reason != self.unwatched:
            log.warning("Watching %s failed (%s); polling instead", self._root, reason)
        self.unwatched, self._complete = reason, False

    def _look_at_all(self) -> None:
        self._all = True
        self._wake()

    async def _check(self, identity: object, seconds: float = math.inf) -> None:
        """Look for what watching does not report, for a time or until another folder has this path."""
        until = time.monotonic() + seconds
        head = await asyncio.to_thread(_head, self._root)
        while time.monotonic() < until and await asyncio.to_thread(_identity, self._root) == identity:
            await asyncio.sleep(min(_TICK, seconds))
            pause = max(_TICK if self.unwatched else _SWEEP, _SHARE * self._took)
            changed_head = head != (head := await asyncio.to_thread(_head, self._root))
            if changed_head:
                self._look_at_all()
            elif time.monotonic() - self._looked > pause:
                self._sweep = not self.unwatched
                self._look_at_all()

    # The looking

    async def run(self) -> None:
        """Look at what was asked for. After an error, all files are looked at next time."""
        try:
            if self._all:
                sweep = self._sweep and self._complete
                self._reported = set(self._places)
                self._all, self._sweep, self._places = False, False, {}
                changed = await self._read_all()
                if sweep:
                    await self._look_for_missed(changed)
                self._complete = not self.unwatched
            await self._read_asked()
        except Exception:
            self._all = True
            raise
        finally:
            self._looked = time.monotonic()
        await self.count()

    async def count(self) -> None:
        """Count the files that have been read, and learn whether these were all."""
        self.files = await self._executor.run(Priority.LEXICAL, self._catalog.count_files)
        self.indexed = await self._executor.run(Priority.LEXICAL, read_pipeline.is_indexed, self._catalog)

    async def _look_for_missed(self, changed: Iterable[read_pipeline.Item]) -> None:
        """Note whether a settled change, found by a sweep, has not been reported."""
        settled = time.time_ns() - int(_SETTLED * 1e9)
        old = [item.path for item in changed if isinstance(item, files.Found) and item.mtime_ns < settled]
        until = time.monotonic() + _REPORT  # a file of long ago may have been moved to its place just now
        while old := [path for path in old if self._reported.isdisjoint({path, *_above(path)})]:
            if time.monotonic() > until:
                self._missed.set()
                return
            await asyncio.sleep(0.1)

    async def _read_all(self) -> list[read_pipeline.Item]:
        """Look at all files; the result are those that have changed."""
        began, changed = time.monotonic(), list[read_pipeline.Item]()
        known = await self._known()
        scan, seen, left_out, failed = files.scan(self._root), 0, set[str](), list[read_pipeline.Item]()
        self._unseen = dict(known)
        while found := await self._executor.run(Priority.LEXICAL, read_pipeline.take, scan):
            left_out |= self._see(found)
            seen += sum(isinstance(item, files.Found) for item in found)
            other = [item for item in found if read_pipeline.differs(item, known.get(item.path))]
            changed += other
            failed += (item for item in other if _has_failed(item, known))  # which may take long again
            other = [item for item in other if not _has_failed(item, known)]
            await self._read(known, other, between=self._read_asked)  # what is edited now comes first
            self.files = max(self.files, seen)
        await self._read(known, failed, between=self._read_asked)
        await self._forget(list(self._unseen))
        await self._executor.run(Priority.LEXICAL, read_pipeline.mark_indexed, self._catalog)
        self._unseen, self._left_out = {}, frozenset(left_out)
        self._took = time.monotonic() - began
        return changed

    async def _known(self) -> dict[str, File]:
        known, last = dict[str, File](), ""
        while some := await self._executor.run(Priority.LEXICAL, self._catalog.files_after, last):
            known |= some
            last = next(reversed(some))
        return known

    async def _read_asked(self) -> None:
        """Look at what changed, the last first, as there may be thousands from a moment ago."""
        while self._places:
            await self._read_places({self._places.popitem()[0] for _ in range(min(_FEW, len(self._places)))})

    async def _read_places(self, places: Collection[str]) -> None:
        gone = await self._executor.run(Priority.LEXICAL, self._catalog.files_under, sorted(places))
        known = dict(gone)
        scan = files.scan(self._root, places)
        while found := await self._executor.run(Priority.LEXICAL, read_pipeline.take, scan):
            self._left_out |= self._see(found)
            for item in found:
                gone.pop(item.path, None)
            await self._read(known, [item for item in found if _is_suspect(item, places, known)])
        self._left_out -= gone.keys()
        await self._forget(list(gone))

    def _see(self, found: Iterable[read_pipeline.Item]) -> frozenset[str]:
        """Note what is there; gives back the folders that are left out."""
        for item in found:
            self._unseen.pop(item.path, None)
        return frozenset(item.path for item in found if item.path.endswith("/"))

    async def _read(
        self,
        known: Mapping[str, File],
        items: Sequence[read_pipeline.Item],
        priority: Priority = Priority.LEXICAL,
        between: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Catalog files: some are cut while those before are put into it and the next are opened."""
        opening = asyncio.create_task(self._open(known, items, priority)) if items else None
        storing: asyncio.Task[None] | None = None
        try:
            while opening:
                opened, items = await opening
                opening = asyncio.create_task(self._open(known, items, priority)) if items else None
                cut = await asyncio.to_thread(read_pipeline.cut, self._chunker, opened)
                if storing:
                    await storing
                storing = asyncio.create_task(self._store(known, cut, priority))
                if between:
                    await between()
            if storing:
                await storing
        except Exception:
            if storing:
                await asyncio.wait([storing])  # what was read before the error is kept
            raise
        finally:
            for task in filter(None, (opening, storing)):
                task.cancel()

    async def _open(
        self, known: Mapping[str, File], items: Sequence[read_pipeline.Item], priority: Priority
    ) -> tuple[list[tuple[File, bytes]], list[read_pipeline.Item]]:
        return await self._executor.run(
            priority, read_pipeline.open_some, self._root, self._catalog, known, items
        )

    async def _store(
        self, known: Mapping[str, File], cut: Sequence[read_pipeline.Cut], priority: Priority
    ) -> None:
        while cut:
            cut = await self._executor.run(priority, read_pipeline.store, self._catalog, known, cut)
        await self._tell()

    async def read_changed(self, paths: Iterable[str]) -> bool:
        """Read again, before all else, what changed since it was read; False when nothing did."""
        known, changed, vanished = await self._executor.run(
            Priority.SEARCH, read_pipeline.look_again, self._root, self._catalog, sorted(paths)
        )
        await self._read(known, changed, Priority.SEARCH)
        return bool(changed or vanished)

    async def read_now(self, path: str) -> None:
        """Look at one place at once."""
        await self._read_places([path])

    async def _forget(self, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), _GONE):
            await self._executor.run(Priority.LEXICAL, self._catalog.remove, paths[start : start + _GONE])


def _is_suspect(item: read_pipeline.Item, places: Collection[str], known: Mapping[str, File]) -> bool:
    """Whether a file has to be read: one that is written twice in a moment may keep its size and time."""
    return item.path in places or read_pipeline.differs(item, known.get(item.path))


def _has_failed(item: read_pipeline.Item, known: Mapping[str, File]) -> bool:
    return item.path in known and bool(known[item.path].failure)


def _folders(place: str) -> Iterable[str]:
    """The folders that a place lies in, each with a "/" at the end."""
    return (place[: at + 1] for at, letter in enumerate(place) if letter == "/")


def _above(place: str) -> Iterable[str]:
    """The folders that a place lies in, as places."""
    return ("", *(folder[:-1] for folder in _folders(place)))


def _identity(root: Path) -> object:
    """What tells a folder from another of the same name; None where there is none."""
    try:
        status = os.stat(root)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _head(root: Path) -> object:
    """What changes when the repository around a folder switches to another branch."""
    try:
        for folder in (root, *root.parents):
            if (folder / ".git").exists():
                return (git_dir(folder / ".git") / "HEAD").stat().st_mtime_ns
    except (OSError, ValueError):  # ValueError: a path with a NUL
        return None
    return None
