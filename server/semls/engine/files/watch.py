"""Watch a workspace for changed files, where the operating system reports them."""

import asyncio
import contextlib
import logging
import os
import re
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path, PurePath
from typing import TypeAlias

from watchfiles import Change, watch

from semls.engine.files.scan import path_to_rescan

log = logging.getLogger(__name__)

_QUIET_MS = 50  # milliseconds without a change that end a burst
_MAX_BURST_MS = 400  # milliseconds after which a burst ends in any case
_MOUNTS = Path("/proc/self/mountinfo")

# File systems that change without the kernel's knowledge, according to GNU tail.
_REMOTE = frozenset(
    """
    9p acfs afs ceph cifs coda fhgfs gfs gfs2 gpfs ibrix lustre ncpfs nfs nfs4 nfsd ocfs2 panfs prl_fs smb2
    smb3 smbfs snfs userlandfs vboxsf virtiofs vmhgfs fuse
    """.split()
)
_REASONS = {
    "os error 24": "the limit of inotify instances or of open files is reached",
    "watch limit reached": "the limit of inotify watches is reached",
}

# Changed paths, or the end of watching: an error, or None if the folder was deleted or moved or watching was
# stopped.
_Event: TypeAlias = "set[str] | BaseException | None"
_Report: TypeAlias = Callable[[_Event], None]


class WatchError(Exception):
    """The system does not report changes. The message is the reason, to be used inside a sentence."""


async def changes(root: Path) -> AsyncGenerator[set[str], None]:
    """Yield the paths to scan, relative to the root, in bursts; first an empty set when watching has started.

    Ends when the folder is deleted or moved. Raises WatchError if watching ends for any other reason.
    """
    file_system = network_file_system(root)
    if file_system:
        raise WatchError(f"a file system of type {file_system} does not report changes")
    loop, events = asyncio.get_running_loop(), asyncio.Queue[_Event]()
    stop = threading.Event()

    def report(event: _Event) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(events.put_nowait, event)

    # Starting a watch takes 25 microseconds per folder, so it happens in the thread.
    thread = threading.Thread(target=_watch, args=(root, report, stop), name="watcher", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise WatchError("no thread can be started") from error
    try:
        while isinstance(event := await events.get(), set):
            yield event
        if event is not None:
            raise WatchError(_reason(event)) from event
    finally:
        stop.set()


def probe(folder: Path) -> None:
    """Check that a folder can be watched. Raises WatchError."""
    events, stop = list[_Event](), threading.Event()

    def report(event: _Event) -> None:
        events.append(event)
        stop.set()

    _watch(folder, report, stop)
    last = events[-1]
    if isinstance(last, BaseException):
        raise WatchError(_reason(last)) from last


def network_file_system(folder: Path) -> str:
    """Return the type of the network file system that contains a folder, or "". Works on Linux only."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    longest, found = 0, ""
    for mount in mounts:
        fields, _, file_system = mount.partition(" - ")
        mount_point = PurePath(_decode_octal_escapes(fields.split()[4]))
        if len(mount_point.parts) >= longest and folder.is_relative_to(mount_point):
            longest, found = len(mount_point.parts), file_system.split()[0]
    return found if found.partition(".")[0] in _REMOTE else ""


def _decode_octal_escapes(text: str) -> str:
    r"""Decode the escape sequences of /proc/self/mountinfo, such as \040 for a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _watch(root: Path, report: _Report, stop: threading.Event) -> None:
    """Report changed paths until `stop` is set, then report how watching ended."""
    end: BaseException | None = None
    try:
        _report_bursts(root, report, stop)
    except BaseException as error:  # noqa: BLE001 - includes panics of Rust; `changes` raises the error
        end = error
    report(end)


def _report_bursts(root: Path, report: _Report, stop: threading.Event) -> None:
    has_started = False
    bursts = watch(
        root,
        watch_filter=None,
        debounce=_MAX_BURST_MS,
        step=_QUIET_MS,
        rust_timeout=1,  # to yield soon after watching has started
        yield_on_timeout=True,
        stop_event=stop,
        # True would ignore all errors, including a reached limit, and leave the remaining folders unwatched:
        # https://github.com/samuelcolvin/watchfiles/pull/224
        ignore_permission_denied=False,
        force_polling=False,  # the crawler polls less often, and only if watching fails
        raise_interrupt=False,
    )
    for burst in bursts:
        if (Change.deleted, str(root)) in burst:
            return
        changed = {Path(os.path.relpath(path, root)).as_posix() for _, path in burst}
        paths = {path for path in map(path_to_rescan, changed) if path is not None}
        if paths or not has_started:
            report(paths)
            has_started = True


def _reason(error: BaseException) -> str:
    """Return why watching ended. Most errors of watchfiles differ in their messages only."""
    message = str(error).partition("\n")[0]
    undecodable = re.match(r"Unable to decode path (.+) to string", message)
    if undecodable:
        return f"{undecodable[1]} is not UTF-8: rename it"
    for part, reason in _REASONS.items():
        if part in message:
            return reason
    if isinstance(error, OSError):
        return message
    log.error("The watcher failed", exc_info=error)
    return "an internal error, which the engine's log describes"
