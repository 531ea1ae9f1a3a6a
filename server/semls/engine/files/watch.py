"""Reports which files of a workspace change, as far as the operating system tells."""

import asyncio
import contextlib
import logging
import os
import re
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path, PurePath

from watchfiles import Change, watch

from semls.engine.files.scan import path_to_rescan

log = logging.getLogger(__name__)

_STEP = 50  # milliseconds without a change that end a burst
_BURST = 400  # milliseconds that a burst may last
_MOUNTS = Path("/proc/self/mountinfo")

# File systems that change without the kernel's knowledge, as GNU tail lists them.
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

Report = Callable[[set[str] | BaseException | None], None]


class WatchError(Exception):
    """The system reports no changes. The message says why, as a part of a sentence."""


async def changes(root: Path) -> AsyncGenerator[set[str], None]:
    """Yield the changed places in bursts; the first, empty burst says that watching has begun.

    Ends when the folder is deleted or moved. Raises WatchError when watching ends in any other way.
    """
    if remote := network_file_system(root):
        raise WatchError(f"a file system of type {remote} does not report changes")
    loop, reported = asyncio.get_running_loop(), asyncio.Queue[set[str] | BaseException | None]()
    stop = threading.Event()

    def report(news: set[str] | BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(reported.put_nowait, news)

    # Setting up takes 25 microseconds for each folder.
    watcher = threading.Thread(target=_watch, args=(root, report, stop), name="watcher", daemon=True)
    try:
        watcher.start()
    except RuntimeError as error:
        raise WatchError("no thread can be started") from error
    try:
        while isinstance(news := await reported.get(), set):
            yield news
        if news is not None:
            raise WatchError(_reason(news)) from news
    finally:
        stop.set()


def probe(folder: Path) -> None:
    """Watch a folder until watching has begun. Raises WatchError."""
    reported, stop = list[set[str] | BaseException | None](), threading.Event()

    def report(news: set[str] | BaseException | None) -> None:
        reported.append(news)
        stop.set()

    _watch(folder, report, stop)
    if isinstance(end := reported[-1], BaseException):
        raise WatchError(_reason(end)) from end


def network_file_system(folder: Path) -> str:
    """Return the type of the network file system that a folder lies on, or "". Knows those of Linux only."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    longest, found = 0, ""
    for mount in mounts:
        fields, _, file_system = mount.partition(" - ")
        point = PurePath(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split()[4]))
        if len(point.parts) >= longest and folder.is_relative_to(point):
            longest, found = len(point.parts), file_system.split()[0]
    return found if found.partition(".")[0] in _REMOTE else ""


def _watch(root: Path, report: Report, stop: threading.Event) -> None:
    """Report bursts, and at last how watching ended: None for a stop or a folder that is gone."""
    end: BaseException | None = None
    try:
        _report_bursts(root, report, stop)
    except BaseException as error:  # noqa: BLE001 - also a panic in Rust; `changes` raises it
        end = error
    report(end)


def _report_bursts(root: Path, report: Report, stop: threading.Event) -> None:
    begun = False
    bursts = watch(
        root,
        watch_filter=None,
        debounce=_BURST,
        step=_STEP,
        rust_timeout=1,  # so that it soon says that it has begun
        yield_on_timeout=True,
        stop_event=stop,
        # True would ignore every error, also a reached limit, and leave all folders after it unwatched:
        # https://github.com/samuelcolvin/watchfiles/pull/224
        ignore_permission_denied=False,
        force_polling=False,  # semls polls less often, and only where watching fails
        raise_interrupt=False,
    )
    for changed in bursts:
        if (Change.deleted, str(root)) in changed:
            return
        paths = (Path(os.path.relpath(path, root)).as_posix() for _, path in changed)
        places = {place for path in paths if (place := path_to_rescan(path)) is not None}
        if places or not begun:
            report(places)
            begun = True


def _reason(error: BaseException) -> str:
    """Say why watching ended. Only their messages tell most errors of watchfiles apart."""
    message = str(error).partition("\n")[0]
    if undecodable := re.match(r"Unable to decode path (.+) to string", message):
        return f"{undecodable[1]} is not UTF-8: rename it"
    for sign, reason in _REASONS.items():
        if sign in message:
            return reason
    if isinstance(error, OSError):
        return message
    log.error("The watcher failed", exc_info=error)
    return "an internal error, which the engine's log describes"
