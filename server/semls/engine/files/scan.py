"""Walk a workspace: report which files to index, which to skip and why, and read them."""

import logging
import os
import stat
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from semls import decoding
from semls.decoding.editorconfig import EDITORCONFIG
from semls.engine.files import classify
from semls.engine.files.git import enclosing_common_dir, is_linked_worktree
from semls.engine.files.ignore import (
    IGNORE_FILES,
    IGNORED_BY_DEFAULT,
    IgnoreRules,
    is_kept_by_semlsignore,
    with_slash,
    workspace_rules,
)
from semls.engine.files.sensitive import MAY_HOLD_SECRETS, contains_private_key
from semls.errors import UsageError
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_inside

log = logging.getLogger(__name__)

_PYTHON_ENVIRONMENT = "pyvenv.cfg"
_METADATA_FOLDERS = frozenset({".git", ".hg", ".svn", ".jj"})  # of version control

# Files whose change can affect whether the other files of their folder are indexed.
_FOLDER_WIDE = frozenset({*IGNORE_FILES, _PYTHON_ENVIRONMENT})
# The same for the files of a .git folder, and for the folder itself.
_REPOSITORY_WIDE: tuple[list[str], ...] = ([], ["HEAD"], ["config"], ["info", "exclude"])
_MAX_MTIME_NS = (1 << 63) - 1  # SQLite's largest integer: a time in the year 2262


@dataclass(frozen=True, slots=True)
class Found:
    """A file to index. Its path is relative to the workspace and has "/" between its parts."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not indexed, and the reason. The path of a folder ends with "/"."""

    path: str
    reason: str


def scan(
    root: Path, paths: Collection[str] = ("",), max_bytes: int = MAX_FILE_BYTES
) -> Iterator[Found | Skipped]:
    """Return a lazy iterator over the files at and below some paths, sorted by path.

    Paths are relative to the root and do not end with "/"; "" is the root itself. A path that does not exist
    yields nothing. If a folder above a path is skipped, or is a file, the iterator yields that folder or
    file. Folders that cannot be listed are yielded as skipped. Raises UsageError if the root is not a folder.
    """
    if not os.path.isdir(root):
        raise UsageError(f"There is no folder {root}: name one that exists.")
    ancestors = {folder for path in paths for folder in parent_folders(path)}
    walk = _Walk(
        root=Path(os.path.abspath(root)),
        max_bytes=max_bytes,
        paths=frozenset(paths),
        ancestors=frozenset(ancestors),
        common_dir=enclosing_common_dir(Path(os.path.abspath(root))),
    )
    return walk.run()


def path_to_rescan(path: str) -> str | None:
    """Return the path to scan after a file or folder has changed, or None if the change has no effect.

    A change to an ignore file requires a scan of its folder, a change to git's metadata one of the
    repository.
    """
    parts = path.split("/")
    if ".git" in parts:
        position = parts.index(".git")
        return "/".join(parts[:position]) if parts[position + 1 :] in _REPOSITORY_WIDE else None
    if not _METADATA_FOLDERS.isdisjoint(parts):
        return None
    *folders, name = parts
    return "/".join(folders) if name in _FOLDER_WIDE else path


def decides_encodings(path: str) -> bool:
    """Return whether a file can decide how the other files in its folder and below are decoded."""
    return path.rpartition("/")[2] == EDITORCONFIG


def is_folder(root: Path, path: str) -> bool:
    """Return whether a path names a folder and not a symbolic link to one."""
    try:
        return stat.S_ISDIR(os.lstat(root / path).st_mode)
    except (OSError, ValueError):
        return False


def stat_file(root: Path, path: str) -> Found | None:
    """Return the current size and modification time of a file, or None if it no longer exists."""
    try:
        status = os.lstat(root / path)
    except (OSError, ValueError):
        return None
    return Found(path, status.st_size, _mtime_ns(status)) if stat.S_ISREG(status.st_mode) else None


def read_file(root: Path, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes | Skipped:
    """Return the content of a file in UTF-8 (see `semls.decoding`).

    Returns Skipped if the file's name, its content or its current state rules it out.
    """
    try:
        content = _content_or_reason(root, path, max_bytes)
    except OSError as error:
        content = classify.reason_for_os_error(error)
    except ValueError:
        content = classify.NOT_UTF8
    return Skipped(escape_non_utf8(path), content) if isinstance(content, str) else content


def escape_non_utf8(path: str) -> str:
    """Return the path with an escape sequence for each byte that is not UTF-8, as the catalog stores it."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def parent_folders(path: str) -> Iterator[str]:
    """Yield the folders that contain a path, the nearest first. The last one is the workspace, ""."""
    while path:
        path = path.rpartition("/")[0]
        yield path


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to visit: `path` ends with "/", except for the root, whose path is empty."""

    path: str
    rules: IgnoreRules  # of the folder above, adapted to this one
    kept_explicitly: bool  # by a rule that starts with "!"
    is_requested: bool  # it lies at or below one of the paths to scan


@dataclass(frozen=True, slots=True)
class _Walk:
    root: Path
    max_bytes: int
    paths: frozenset[str]
    ancestors: frozenset[str]  # folders above these paths
    common_dir: str  # of the repository around the root, "" if there is none

    def run(self) -> Iterator[Found | Skipped]:
        # An explicit stack of iterators, because trees can be deeper than Python's recursion limit.
        start = _Folder("", workspace_rules(self.root), kept_explicitly=True, is_requested="" in self.paths)
        stack = [self._visit(start)]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
            elif isinstance(item, _Folder):
                stack.append(self._visit(item))
            else:
                yield item

    def _visit(self, folder: _Folder) -> Iterator[Found | Skipped | _Folder]:
        """Yield the entries of a folder, and the folders in it in place of their contents."""
        location = self.root / folder.path
        try:
            with os.scandir(location) as listing:
                entries = sorted(listing, key=_sort_key)
        except OSError as error:
            yield Skipped(folder.path or "./", classify.reason_for_os_error(error))
            return
        names = {entry.name for entry in entries}
        if _PYTHON_ENVIRONMENT in names and not folder.kept_explicitly:
            yield Skipped(folder.path, IGNORED_BY_DEFAULT)
            return
        if ".git" in names and self._is_left_out(folder, location):
            yield Skipped(folder.path, classify.LINKED_WORKTREE)
            return
        rules = folder.rules.with_files_in(location, names)
        absolute_prefix = with_slash(location)
        for entry in entries:
            is_requested = folder.is_requested or folder.path + entry.name in self.paths
            if not is_requested and folder.path + entry.name not in self.ancestors:
                continue
            path = folder.path + _sort_key(entry)
            try:
                yield self._classify(path, absolute_prefix + entry.name, entry, rules, is_requested)
            except OSError as error:
                yield Skipped(path, classify.reason_for_os_error(error))
            except Exception as error:
                log.exception("Cannot classify %s in %s", ascii(path), self.root)
                yield Skipped(escape_non_utf8(path), classify.reason_for_internal_error(error))

    def _is_left_out(self, folder: _Folder, location: Path) -> bool:
        return not folder.kept_explicitly and is_linked_worktree(location, self.root, self.common_dir)

    def _classify(
        self, path: str, absolute: str, entry: os.DirEntry[str], rules: IgnoreRules, is_requested: bool
    ) -> Found | Skipped | _Folder:
        escaped = escape_non_utf8(path)
        if escaped != path:
            return Skipped(escaped, classify.NOT_UTF8)
        if entry.name in _METADATA_FOLDERS:
            return Skipped(path, IGNORED_BY_DEFAULT)
        is_folder = path.endswith("/")
        kept, reason = rules.verdict(absolute, entry.name, is_folder)
        if kept is False:
            return Skipped(path, reason)
        if entry.is_symlink() or _is_junction(entry):
            return Skipped(path, classify.reason_for_link(self.root, entry.path))
        if is_folder:
            return _Folder(
                path,
                rules.below(kept, reason),
                kept_explicitly=kept is True,
                is_requested=is_requested,
            )
        reason_by_name = classify.reason_by_name(entry.name)
        if reason_by_name:
            return Skipped(path, reason_by_name)
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return Skipped(path, classify.NOT_REGULAR)
        max_bytes = classify.max_bytes(entry.name, self.max_bytes)
        if status.st_size > max_bytes:
            return Skipped(path, classify.reason_for_size(max_bytes))
        return Found(path, status.st_size, _mtime_ns(status))


def _sort_key(entry: os.DirEntry[str]) -> str:
    """Return an entry's name, with "/" if it is a folder: in this order the walk yields sorted paths."""
    return entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a Windows junction, a link to a folder that `is_symlink` does not report.

    This compares the reparse tag, because `DirEntry.is_junction` exists only since Python 3.12.
    """
    if sys.platform == "win32":
        return entry.stat(follow_symlinks=False).st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return False


def _mtime_ns(status: os.stat_result) -> int:
    return min(status.st_mtime_ns, _MAX_MTIME_NS)


def _content_or_reason(root: Path, path: str, max_bytes: int) -> bytes | str:
    """Return the content of a file, or the reason to skip it. Raises OSError and ValueError."""
    parts = PurePath(path)
    file = root / parts
    if parts.anchor or ".." in parts.parts:
        return classify.OUTSIDE
    if os.path.islink(file):
        return classify.reason_for_link(root, file)
    reason_by_name = classify.reason_by_name(file.name)
    if reason_by_name:
        return reason_by_name
    max_bytes = classify.max_bytes(file.name, max_bytes)
    try:
        content = read_inside(root, parts, max_bytes)
    except OSError:
        if Path(os.path.realpath(file.parent)).is_relative_to(os.path.realpath(root)):
            raise
        return classify.LINK_OUTSIDE
    if content is None:
        return classify.NOT_REGULAR
    if len(content) > max_bytes:
        return classify.reason_for_size(max_bytes)
    content = decoding.to_utf8(Path(os.path.abspath(file)), content)
    is_secret = contains_private_key(file.name, content)
    if is_secret and not is_kept_by_semlsignore(Path(os.path.abspath(root)), path):
        return MAY_HOLD_SECRETS
    return classify.reason_by_content(file.name, content) or content
