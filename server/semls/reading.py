"""Bounded reads of files that semls did not write: they may be huge, pipes or devices, and may change."""

import errno
import os
import stat
from pathlib import Path, PurePath
from typing import BinaryIO

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # Windows has neither flag, and no pipes inside folders
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


def read_regular(file: Path, max_bytes: int, flags: int = 0) -> bytes | None:
    """Return the first `max_bytes` bytes of a regular file, and one more if it has more.

    None stands for anything else: a folder, a pipe, a socket, a device. Never waits for data.
    Raises OSError, and ValueError for a path that no file can have.
    """
    if not stat.S_ISREG(os.stat(file).st_mode):  # opening a device can have an effect
        return None
    with _opened(file, flags) as stream:
        return _content(stream, max_bytes)


def read_inside(root: Path, path: PurePath, max_bytes: int) -> bytes | None:
    """As `read_regular`, for a path relative to a folder, on which there must be no link below that folder.

    Each part is opened from its parent, so that none can become a link in between (not on Windows).
    """
    if os.open not in os.supports_dir_fd:
        file = root / path
        if os.path.realpath(file) != os.path.join(os.path.realpath(root), path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(file))
        return read_regular(file, max_bytes)
    parent = os.open(root, _FOLDER)
    try:
        for part in path.parts[:-1]:
            folder = os.open(part, _FOLDER | NO_FOLLOW, dir_fd=parent)
            os.close(parent)
            parent = folder
        if not stat.S_ISREG(os.lstat(path.name, dir_fd=parent).st_mode):
            return None
        with _opened(Path(path.name), NO_FOLLOW, parent) as stream:
            return _content(stream, max_bytes)
    finally:
        os.close(parent)


def _opened(file: Path, flags: int, parent: int | None = None) -> BinaryIO:
    return open(
        file, "rb", opener=lambda name, mode: os.open(name, mode | flags | _NO_WAITING, dir_fd=parent)
    )


def _content(stream: BinaryIO, max_bytes: int) -> bytes | None:
    status = os.fstat(stream.fileno())  # of what is open: the path may name something else by now
    if not stat.S_ISREG(status.st_mode):
        return None
    # Files of /proc say that they are empty, whatever comes out of them.
    return stream.read(max_bytes + 1) if status.st_size else b""
