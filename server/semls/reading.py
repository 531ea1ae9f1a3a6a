"""Read files that semls did not write. They may be huge, pipes or devices, and may change during the read."""

import errno
import os
import stat
from pathlib import Path, PurePath
from typing import BinaryIO

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NON_BLOCKING = getattr(os, "O_NONBLOCK", 0)  # Windows has neither flag, and no pipes in folders
_READ_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


def read_regular(file: Path, max_bytes: int, flags: int = 0) -> bytes | None:
    """Return the content of a regular file, cut off after `max_bytes + 1` bytes.

    The additional byte tells the caller that the file is too large. Returns None for anything else, such as a
    folder, a pipe, a socket or a device. Does not block. `flags` are additional ones for `os.open`. Raises
    OSError, and ValueError for a path that contains a NUL.
    """
    if not stat.S_ISREG(os.stat(file).st_mode):  # before opening, since to open a device can have effects
        return None
    with _open(file, flags) as stream:
        return _read(stream, max_bytes)


def read_inside(root: Path, path: PurePath, max_bytes: int) -> bytes | None:
    """Read a file like `read_regular`, but raise OSError if a part of `path` is a symbolic link.

    `path` is relative to `root`. Except on Windows, each part is opened relative to its parent folder, so
    that no part can be replaced by a link between check and use.
    """
    if os.open not in os.supports_dir_fd:
        file = root / path
        if os.path.realpath(file) != os.path.join(os.path.realpath(root), path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(file))
        return read_regular(file, max_bytes)
    parent = os.open(root, _READ_DIRECTORY)
    try:
        for part in path.parts[:-1]:
            folder = os.open(part, _READ_DIRECTORY | NO_FOLLOW, dir_fd=parent)
            os.close(parent)
            parent = folder
        if not stat.S_ISREG(os.lstat(path.name, dir_fd=parent).st_mode):
            return None
        with _open(Path(path.name), NO_FOLLOW, parent) as stream:
            return _read(stream, max_bytes)
    finally:
        os.close(parent)


def _open(file: Path, flags: int, parent: int | None = None) -> BinaryIO:
    return open(
        file, "rb", opener=lambda name, mode: os.open(name, mode | flags | _NON_BLOCKING, dir_fd=parent)
    )


def _read(stream: BinaryIO, max_bytes: int) -> bytes | None:
    status = os.fstat(stream.fileno())  # of the open file, since its path may name another one now
    if not stat.S_ISREG(status.st_mode):
        return None
    # Files in /proc report size 0 whatever their content is. They count as empty.
    return stream.read(max_bytes + 1) if status.st_size else b""
