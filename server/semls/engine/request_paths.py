"""Check the paths of requests, follow links and make paths relative to their workspace."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from semls.engine.files.roots import refuse_broad
from semls.engine.files.scan import escape_non_utf8
from semls.engine.lookups import LOOKUP_TIMEOUT, Lookups
from semls.engine.models.presets import Model, resolve
from semls.errors import UsageError
from semls.settings import DEFAULT_MODEL, Settings

_SAME_REQUEST = 0.1  # seconds for which a root that was checked is not looked up again


class RequestPaths:
    """Resolves paths in threads, with a timeout.

    Each method raises UsageError if a path is not what the request needs, and SemlsError if the file system
    does not answer in time.
    """

    def __init__(self) -> None:
        self._lookups = Lookups()
        self._roots: dict[str, tuple[Path, float]] = {}  # path → its root, and when that was looked up

    async def refuse_broad(self, path: str, timeout: float = LOOKUP_TIMEOUT) -> None:
        """Raise BroadWorkspaceError for a folder that is too broad to be a workspace."""
        root = await self._lookups.run(_narrow_root, path, timeout=timeout)
        self._roots[path] = root, time.monotonic()

    async def root(self, path: str, timeout: float = LOOKUP_TIMEOUT) -> Path:
        """Return the real path of a workspace."""
        root, found_at = self._roots.pop(path, (None, 0.0))
        if root is None or time.monotonic() - found_at > _SAME_REQUEST:
            return await self._lookups.run(_root, path, timeout=timeout)
        return root

    async def file(self, root: Path, file: str) -> str:
        """Return the path of a file relative to its workspace, with links followed, as the catalog has it."""
        return escape_non_utf8(await self._lookups.run(_file, root, file))

    async def files(self, root: Path, files: Sequence[str]) -> list[str]:
        """Return the paths of files relative to their workspace, with links followed."""
        return await self._lookups.run(_files, tuple(files), root)

    async def entry(self, root: Path, path: str) -> str:
        """Return the path of a file, folder or link relative to its workspace. A link is not followed."""
        return await self._lookups.run(_entry, root, path)

    async def model(self, settings: Settings, timeout: float = LOOKUP_TIMEOUT) -> Model:
        """Return the model that the settings name, perhaps by a folder. Raises ModelError, too."""
        name = settings.model or DEFAULT_MODEL
        return await self._lookups.run(_model, settings.revision, name, timeout=timeout)

    def close(self) -> None:
        """Shut the threads down."""
        self._lookups.close()


def absolute(file: str) -> Path:
    """Return a path, or raise UsageError if it is not absolute."""
    if not os.path.isabs(file):
        raise UsageError(f"The file {file!r} is not an absolute path: name it by its absolute path.")
    return Path(file)


# Lookups


def _model(revision: str | None, name: str) -> Model:
    return resolve(name, revision)


def _narrow_root(path: str) -> Path:
    root = _root(path)
    refuse_broad(root)
    return root


def _root(path: str) -> Path:
    root = Path(os.path.realpath(path))
    if not os.path.isabs(path):
        raise UsageError(f"The workspace {path!r} is not an absolute path: name it by its absolute path.")
    if not root.exists():
        raise UsageError(f"There is no folder {path}: name an existing one.")
    if not root.is_dir():
        raise UsageError(f"{path} is a file: name the folder that contains it.")
    return root


def _file(root: Path, file: str) -> str:
    _check_exists(file)
    path = _relative(root, Path(os.path.realpath(file)), file)
    if os.path.isdir(file):
        raise UsageError(f"{file} is a folder: name a file in it.")
    if not os.path.isfile(file):
        raise UsageError(f"{file} is not a regular file, or is a broken link: name another file.")
    return path


def _files(files: Sequence[str], root: Path) -> list[str]:
    return [_file(root, file) for file in files]


def _entry(root: Path, path: str) -> str:
    _check_exists(path)
    folder, name = os.path.split(path)
    return _relative(root, Path(os.path.realpath(folder), name), path)


def _check_exists(file: str) -> None:
    if not os.path.lexists(absolute(file)):
        raise UsageError(f"There is no file {file}: name an existing one.")


def _relative(root: Path, path: Path, file: str) -> str:
    if not path.is_relative_to(root):
        raise UsageError(f"{file} is outside the workspace {root}: name a file in it, or another workspace.")
    return path.relative_to(root).as_posix()
