"""Bounded reads of files that semls did not write: they may be huge, pipes or devices, and may change."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # Windows has neither flag, and no pipes inside folders


class OutsideError(OSError):
    """A file does not lie in the folder that it must lie in."""


def read_regular(file: Path, max_bytes: int, flags: int = 0) -> bytes | None:
    """Return the first `max_bytes` bytes of a regular file, and one more if it has more.

    None stands for anything else: a folder, a pipe, a socket, a device. Never waits for data.
    Raises OSError, and ValueError for a path that no file can have.
    """
    if not stat.S_ISREG(os.stat(file).st_mode):  # opening a device can have an effect
        return None
    with _opened(file, flags) as stream:
        return _content(stream, max_bytes)


def read_inside(root: Path, file: Path, max_bytes: int) -> bytes | None:
    """As `read_regular`, for a file whose real path lies below that of `root` and which is no link.

    Raises OutsideError, also when a folder on the way becomes a link while the file is opened.
    """
    if not stat.S_ISREG(os.lstat(file).st_mode):
        return None
    with _opened(file, NO_LINKS) as stream:
        real = os.path.realpath(file)
        if not Path(real).is_relative_to(os.path.realpath(root)) or not _is(stream, real):
            raise OutsideError(f"{file} lies outside {root}")
        return _content(stream, max_bytes)


def _opened(file: Path, flags: int) -> BinaryIO:
    return open(file, "rb", opener=lambda name, mode: os.open(name, mode | flags | _NO_WAITING))


def _is(stream: BinaryIO, path: str) -> bool:
    """Whether a path still names the open file. Windows keeps others from replacing it."""
    return os.name != "posix" or os.path.samestat(os.fstat(stream.fileno()), os.stat(path))


def _content(stream: BinaryIO, max_bytes: int) -> bytes | None:
    status = os.fstat(stream.fileno())  # of what is open: the path may name something else by now
    if not stat.S_ISREG(status.st_mode):
        return None
    # Files of /proc say that they are empty, whatever comes out of them.
    return stream.read(max_bytes + 1) if status.st_size else b""
