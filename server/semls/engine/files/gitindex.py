"""Read the paths that git tracks from a repository's index. Git itself is never run.

Versions 2 to 4 of the format are supported (https://git-scm.com/docs/index-format), and split indexes.
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

_MAX_BYTES = 256 << 20  # of an index file, and of all paths in it together
_MAX_PATH_BYTES = 4096
_CACHED_REPOSITORIES = 32

_HEADER = struct.Struct(">4sII")  # signature, version, number of entries
_STAT_SIZE = 40  # bytes of an entry before its object name
_PATH_LENGTH = 0xFFF  # in an entry's flags: the length of its path, or this value if the path is longer
_HAS_EXTENDED_FLAGS = 0x4000  # in an entry's flags


class TrackedPaths:
    """The paths that git tracks in one work tree. The index is read when it is first needed."""

    def __init__(self, dot_git: Path) -> None:
        self._dot_git = dot_git
        self._relative_start = len(dot_git.parent.as_posix().rstrip("/")) + 1
        self._paths: list[bytes] | None = None  # sorted

    def contains(self, path: str, is_folder: bool) -> bool:
        """Return whether git tracks a file, or any file in a folder; `path` is absolute."""
        if self._paths is None:
            self._paths = _cached_paths(self._dot_git)
        wanted = os.fsencode(path[self._relative_start :])
        position = bisect_left(self._paths, wanted)
        if self._paths[position : position + 1] == [wanted]:
            return True  # a folder that has an entry is a submodule
        prefix = wanted + b"/"
        position = bisect_left(self._paths, prefix, position)
        return is_folder and position < len(self._paths) and self._paths[position].startswith(prefix)


_FileIdentity = tuple[int, int, int]  # modification time in nanoseconds, inode, size
_cache: OrderedDict[Path, tuple[_FileIdentity, list[bytes]]] = OrderedDict()  # least recently used first


def _cached_paths(dot_git: Path) -> list[bytes]:
    """Return the sorted paths in an index, and read it again only if it has changed."""
    git_dir = gitconfig.git_dir(dot_git)
    index = git_dir / "index"
    try:
        status = os.stat(index)
    except (OSError, ValueError):
        return []
    identity = status.st_mtime_ns, status.st_ino, status.st_size
    cached_identity, paths = _cache.pop(index, (None, []))
    if cached_identity != identity:
        paths = _read_paths(dot_git, git_dir)
    _cache[index] = identity, paths
    while len(_cache) > _CACHED_REPOSITORIES:
        _cache.popitem(last=False)
    return paths


def _read_paths(dot_git: Path, git_dir: Path) -> list[bytes]:
    settings = gitconfig.read_repository_file(dot_git)
    is_sha256 = settings.get("extensions.objectformat", ["sha1"])[-1].lower() == "sha256"
    try:
        return sorted(IndexReader(git_dir, 32 if is_sha256 else 20).paths("index"))
    except (OSError, ValueError, IndexError, struct.error) as error:
        log.warning(
            "Cannot read %s (%s); files that it lists are not exempt from git's ignore rules",
            git_dir / "index",
            error,
        )
        return []


class IndexReader:
    """Reads the index files in a git directory. `hash_size` is the number of bytes of an object name."""

    def __init__(self, git_dir: Path, hash_size: int) -> None:
        self._git_dir, self._hash_size = git_dir, hash_size

    def paths(self, name: str) -> list[bytes]:
        """Return the paths in an index file, unsorted.

        Raises OSError if the file cannot be read, and ValueError, IndexError or struct.error if it is
        corrupted.
        """
        data = read_regular(self._git_dir / name, _MAX_BYTES)
        if data is None or len(data) > _MAX_BYTES:
            raise ValueError("it is too large or not a regular file")
        signature, version, count = _HEADER.unpack_from(data)
        if signature != b"DIRC" or not 2 <= version <= 4:
            raise ValueError("its format is unknown")
        read_entries = self._read_compressed_entries if version == 4 else self._read_entries
        paths, offset = read_entries(data, count)
        checksum_start = len(data) - self._hash_size
        if offset > checksum_start:
            raise ValueError("it is truncated")
        link = _find_extension(data, offset, checksum_start, b"link")
        return self._merge_shared_index(paths, link) if link and name == "index" else paths

    def _read_entries(self, data: bytes, count: int) -> tuple[list[bytes], int]:
        """Return the paths of the entries of versions 2 and 3, and the offset after them."""
        paths, offset = [], _HEADER.size
        for _ in range(count):
            flags, path_start = self._read_flags(data, offset)
            length = flags & _PATH_LENGTH
            path_end = data.index(b"\0", path_start) if length == _PATH_LENGTH else path_start + length
            paths.append(data[path_start:path_end])
            offset += (path_end - offset + 8) & ~7  # padded with 1 to 8 NULs to a multiple of 8 bytes
        return paths, offset

    def _read_compressed_entries(self, data: bytes, count: int) -> tuple[list[bytes], int]:
        """Return the paths of the entries of version 4, and the offset after them.

        Each path is stored as the number of bytes to remove from the end of the previous one, and a suffix.
        """
        paths, offset, path, total_bytes = [], _HEADER.size, b"", 0
        for _ in range(count):
            _, start = self._read_flags(data, offset)
            removed = data[start] & 0x7F
            while data[start] & 0x80:
                start += 1
                removed = (removed + 1) << 7 | data[start] & 0x7F
            end = data.index(b"\0", start + 1)
            path = path[: max(len(path) - removed, 0)] + data[start + 1 : end]
            total_bytes += len(path)
            if len(path) > _MAX_PATH_BYTES or total_bytes > _MAX_BYTES:
                raise ValueError("its paths are too long")
            paths.append(path)
            offset = end + 1
        return paths, offset

    def _read_flags(self, data: bytes, offset: int) -> tuple[int, int]:
        """Return the flags of the entry at an offset, and the offset after all its flags."""
        start = offset + _STAT_SIZE + self._hash_size
        flags = data[start] << 8 | data[start + 1]
        return flags, start + (4 if flags & _HAS_EXTENDED_FLAGS else 2)

    def _merge_shared_index(self, own: list[bytes], link: bytes) -> list[bytes]:
        """Return the paths of a split index: its own, and those of the shared index that it does not delete.

        `link` is the content of the link extension. An own entry that replaces a shared one has an empty
        path.
        """
        shared_name, bitmaps = link[: self._hash_size], link[self._hash_size :]
        if not any(shared_name):
            return own
        shared = self.paths(f"sharedindex.{shared_name.hex()}")
        deleted = _decode_bitmap(bitmaps, len(shared)) if bitmaps else frozenset()
        kept = [path for number, path in enumerate(shared) if number not in deleted]
        return kept + [path for path in own if path]


def _find_extension(data: bytes, offset: int, end: int, wanted: bytes) -> bytes:
    """Return the content of an extension, empty if there is none with this signature."""
    while offset + 8 <= end:
        signature, size = struct.unpack_from(">4sI", data, offset)
        if signature == wanted:
            return data[offset + 8 : offset + 8 + size]
        offset += 8 + size
    return b""


def _decode_bitmap(data: bytes, limit: int) -> frozenset[int]:
    """Return the positions below `limit` of the bits that are set in the first bitmap of `data`.

    The bitmap is EWAH-compressed: each marker word describes a run of equal bits and counts the literal words
    that follow it.
    """
    _, count = struct.unpack_from(">II", data)
    if count > limit // 32 + 2:
        raise ValueError("one of its bitmaps is too long")
    words = struct.unpack_from(f">{count}Q", data, 8)
    positions, index, bit = set[int](), 0, 0
    while index < count and bit < limit:
        marker = words[index]
        run_bit, run_length, literals = marker & 1, (marker >> 1 & 0xFFFFFFFF) * 64, marker >> 33
        if run_bit:
            positions.update(range(bit, min(bit + run_length, limit)))
        bit += run_length
        for literal in words[index + 1 : index + 1 + literals]:
            positions.update(bit + number for number in range(64) if literal >> number & 1)
            bit += 64
        index += 1 + literals
    return frozenset(positions)
