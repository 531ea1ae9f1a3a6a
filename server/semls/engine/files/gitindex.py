"""Which paths git tracks, read from a repository's index: git itself is never run.

The format is git's, versions 2 to 4 (https://git-scm.com/docs/index-format), also where the index is split.
"""

import logging
import os
import struct
from bisect import bisect_left
from collections import OrderedDict
from pathlib import Path

from semls.engine.files import gitconfig
from semls.reading import read_regular

log = logging.getLogger(__name__)

_MAX_BYTES = 256 << 20  # of an index, and of all paths in it
_MAX_PATH = 4096
_REPOSITORIES = 32  # whose paths are kept in memory

_HEADER = struct.Struct(">4sII")
_LENGTH = 0xFFF  # in an entry's flags: that of its path, or this where it is longer
_EXTENDED = 0x4000  # in an entry's flags: there are more of them


class Tracked:
    """The paths that git tracks in one repository; they are read when first asked for."""

    def __init__(self, git: Path) -> None:
        self._git = git
        self._start = len(git.parent.as_posix().rstrip("/")) + 1
        self._paths: list[bytes] | None = None

    def holds(self, path: str, is_folder: bool) -> bool:
        """Return whether git tracks a file, or anything in a folder, of this absolute path."""
        if self._paths is None:
            self._paths = _cached(self._git)
        wanted = os.fsencode(path[self._start :])
        at = bisect_left(self._paths, wanted)
        if self._paths[at : at + 1] == [wanted]:
            return True  # for a folder: a submodule
        below = wanted + b"/"
        at = bisect_left(self._paths, below, at)
        return is_folder and at < len(self._paths) and self._paths[at].startswith(below)


_Identity = tuple[int, int, int]
_cache: OrderedDict[Path, tuple[_Identity, list[bytes]]] = OrderedDict()  # the last used at the end


def _cached(git: Path) -> list[bytes]:
    """The sorted paths of an index, which is read again only when it has changed."""
    folder = gitconfig.git_folder(git)
    index = folder / "index"
    try:
        status = os.stat(index)
    except (OSError, ValueError):
        return []
    identity = status.st_mtime_ns, status.st_ino, status.st_size
    known, paths = _cache.pop(index, (None, []))
    if known != identity:
        paths = _paths(git, folder)
    _cache[index] = identity, paths
    while len(_cache) > _REPOSITORIES:
        _cache.popitem(last=False)
    return paths


def _paths(git: Path, folder: Path) -> list[bytes]:
    is_sha256 = gitconfig.read_own(git).get("extensions.objectformat", ["sha1"])[-1].lower() == "sha256"
    try:
        return sorted(Index(folder, 32 if is_sha256 else 20).paths("index"))
    except (OSError, ValueError, IndexError, struct.error) as error:
        log.warning("%s is damaged, so no ignored file counts as tracked: %s", folder / "index", error)
        return []


class Index:
    """Reads the files of an index; raises ValueError, IndexError and struct.error for a damaged one."""

    def __init__(self, folder: Path, hash_size: int) -> None:
        self._folder, self._hash_size = folder, hash_size

    def paths(self, name: str) -> list[bytes]:
        """Return the paths in one of the files, in no order."""
        data = read_regular(self._folder / name, _MAX_BYTES)
        if data is None or len(data) > _MAX_BYTES:
            raise ValueError("it is too large, or no file")
        signature, version, count = _HEADER.unpack_from(data)
        if signature != b"DIRC" or not 2 <= version <= 4:
            raise ValueError("its format is unknown")
        own, at = (self._compressed if version == 4 else self._plain)(data, count)
        if at > len(data) - self._hash_size:
            raise ValueError("it ends too early")
        link = _extension(data, at, len(data) - self._hash_size, b"link")
        return self._joined(own, link) if link and name == "index" else own

    def _plain(self, data: bytes, count: int) -> tuple[list[bytes], int]:
        """The paths of the entries, and where these end. An entry is filled up to a multiple of 8 bytes."""
        paths, at, flags_at = [], _HEADER.size, 40 + self._hash_size
        for _ in range(count):
            flags = data[at + flags_at] << 8 | data[at + flags_at + 1]
            start = at + flags_at + (4 if flags & _EXTENDED else 2)
            length = flags & _LENGTH
            end = data.index(b"\0", start) if length == _LENGTH else start + length
            paths.append(data[start:end])
            at += (end - at + 8) & ~7
        return paths, at

    def _compressed(self, data: bytes, count: int) -> tuple[list[bytes], int]:
        """The same for version 4, where a path says how much of the one before it ends differently."""
        paths, at, flags_at, path, total = [], _HEADER.size, 40 + self._hash_size, b"", 0
        for _ in range(count):
            start = at + flags_at + (4 if data[at + flags_at] << 8 & _EXTENDED else 2)
            removed = data[start] & 0x7F
            while data[start] & 0x80:
                start += 1
                removed = (removed + 1) << 7 | data[start] & 0x7F
            end = data.index(b"\0", start + 1)
            path = path[: max(len(path) - removed, 0)] + data[start + 1 : end]
            total += len(path)
            if len(path) > _MAX_PATH or total > _MAX_BYTES:
                raise ValueError("its paths are too long")
            paths.append(path)
            at = end + 1
        return paths, at

    def _joined(self, own: list[bytes], link: bytes) -> list[bytes]:
        """The paths of a split index: those of the shared one without the deleted, and its own.

        An entry that replaces one of the shared index has no path of its own.
        """
        name, rest = link[: self._hash_size], link[self._hash_size :]
        if not any(name):
            return own
        shared = self.paths(f"sharedindex.{name.hex()}")
        deleted = _bits(rest, len(shared)) if rest else frozenset()
        return [path for number, path in enumerate(shared) if number not in deleted] + list(filter(None, own))


def _extension(data: bytes, at: int, end: int, wanted: bytes) -> bytes:
    while at + 8 <= end:
        signature, size = struct.unpack_from(">4sI", data, at)
        if signature == wanted:
            return data[at + 8 : at + 8 + size]
        at += 8 + size
    return b""


def _bits(data: bytes, limit: int) -> frozenset[int]:
    """The first bitmap in some data, in Google's format EWAH: runs of equal words, and words as they are."""
    _, count = struct.unpack_from(">II", data)
    if count > limit // 32 + 2:
        raise ValueError("a bitmap in it is too long")
    words = struct.unpack_from(f">{count}Q", data, 8)
    found, at, bit = set[int](), 0, 0
    while at < count and bit < limit:
        word = words[at]
        run, literals = (word >> 1 & 0xFFFFFFFF) * 64, word >> 33
        if word & 1:
            found.update(range(bit, min(bit + run, limit)))
        bit += run
        for literal in words[at + 1 : at + 1 + literals]:
            found.update(bit + number for number in range(64) if literal >> number & 1)
            bit += 64
        at += 1 + literals
    return frozenset(found)
