"""Change detection of one workspace: file watching, polling where it is unavailable, and regular sweeps."""

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

from semls.engine.files import watch
from semls.engine.files.gitconfig import git_dir
from semls.engine.indexing.crawler import Crawler

log = logging.getLogger(__name__)

_POLL_INTERVAL = 2.0  # seconds between two polls of the folder, of HEAD and, without watching, of all files
_SWEEP_INTERVAL = 300.0  # seconds between two scans of all files of a workspace that is watched
_FIRST_DELAY = 1.0  # seconds from the first failure of watching to the next attempt; doubled each time
_MAX_DELAY = 300.0  # seconds
_STABLE = 60.0  # seconds of watching after which a failure counts as the first one
_MIN_PAUSE = 20  # times as long as the last scan took: scanning takes at most a twentieth of the time


class Watcher:
    """Tells a crawler which files may have changed.

    The operating system reports changes where it can. Where it cannot, all files are scanned every few
    seconds and watching is retried with back-off. Watching may also lose reports without an error, so all
    files are scanned every few minutes (a sweep), and after a switch of the Git branch.
    """

    def __init__(
        self,
        root: Path,
        crawler: Crawler,
        report: Callable[[Collection[str]], None],
        scan: Callable[[], None],
    ) -> None:
        """Call `report` with changed paths, and `scan` after a scan was requested from the crawler."""
        self.failure = ""  # why changes are not reported, "" while they are
        self._root, self._crawler, self._report, self._scan = root, crawler, report, scan
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start watching; return when no later change can be missed."""
        self._task = asyncio.create_task(self._run())
        await self._ready.wait()

    async def stop(self) -> None:
        """Stop watching and polling."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        """Watch until cancelled; after each failure, poll and try again."""
        delay = 0.0
        identity: object = None
        while True:
            began = time.monotonic()
            try:
                if self.failure:
                    await self._poll(identity, delay)
                self._crawler.missed_change.clear()
                began, identity = time.monotonic(), await asyncio.to_thread(_identity, self._root)
                await self._watch(identity)
            except watch.WatchError as error:
                self._set_failure(str(error))
            except Exception:
                log.exception("Watching %s failed", self._root)
                self._set_failure("an internal error, which the engine's log describes")
                await asyncio.sleep(_FIRST_DELAY)
            self._ready.set()
            self._request_scan()
            is_first = time.monotonic() - began > _STABLE or not delay
            delay = _FIRST_DELAY if is_first else min(2 * delay, _MAX_DELAY)
            if self._crawler.missed_change.is_set():
                delay = _MAX_DELAY  # watching again would seem to work

    async def _watch(self, identity: object) -> None:
        """Report changes until another folder has the workspace's path. Raises WatchError."""
        tasks = [
            asyncio.create_task(self._report_changes()),
            asyncio.create_task(self._poll(identity)),
            asyncio.create_task(self._fail_after_missed_change()),
        ]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _report_changes(self) -> None:
        """Report changes until the folder is deleted or moved. Raises WatchError."""
        is_watching = False
        async with contextlib.aclosing(watch.changes(self._root)) as bursts:
            async for paths in bursts:
                if not is_watching:
                    is_watching = True
                    self._set_failure("")
                    if self._ready.is_set():  # changes before this moment were not reported
                        self._request_scan()
                    self._ready.set()
                if paths:
                    self._report(paths)

    async def _fail_after_missed_change(self) -> None:
        """Raise WatchError when a sweep finds a change that was not reported.

        watchfiles gives no error when a new folder exceeds the limit of watches or the queue overflows.
        """
        await self._crawler.missed_change.wait()
        raise watch.WatchError("the system does not report all changes")

    async def _poll(self, identity: object, seconds: float = math.inf) -> None:
        """Request scans for `seconds`, or until another folder has the workspace's path."""
        deadline = time.monotonic() + seconds
        head = await asyncio.to_thread(_head, self._root)
        while time.monotonic() < deadline and await asyncio.to_thread(_identity, self._root) == identity:
            await asyncio.sleep(min(_POLL_INTERVAL, seconds))
            interval = _POLL_INTERVAL if self.failure else _SWEEP_INTERVAL
            pause = max(interval, _MIN_PAUSE * self._crawler.scan_seconds)
            previous, head = head, await asyncio.to_thread(_head, self._root)
            if head != previous:
                self._request_scan()
            elif time.monotonic() - self._crawler.last_run > pause:
                self._request_scan(sweep=not self.failure)

    def _request_scan(self, *, sweep: bool = False) -> None:
        self._crawler.request_scan(sweep=sweep)
        self._scan()

    def _set_failure(self, reason: str) -> None:
        if reason and reason != self.failure:
            log.warning("Watching %s failed (%s); polling instead", self._root, reason)
        self.failure = reason
        self._crawler.set_watched(watched=not reason)


def _identity(root: Path) -> object:
    """Return a value that differs between two folders of the same path; None if there is no folder."""
    try:
        status = os.stat(root)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _head(root: Path) -> object:
    """Return a value that changes when the Git repository around a folder switches to another branch."""
    try:
        for folder in (root, *root.parents):
            if (folder / ".git").exists():
                return (git_dir(folder / ".git") / "HEAD").stat().st_mtime_ns
    except (OSError, ValueError):  # ValueError: a path with a NUL
        return None
    return None
