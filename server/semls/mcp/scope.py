"""Which folders a request searches: that of its argument `path`, of the environment, or the current one."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from semls.errors import UsageError
from semls.escaping import escape_line
from semls.locations import path_of_uri

_VARIABLES = ("SEMLS_PATH", "CLAUDE_PROJECT_DIR")  # Claude Code sets the second one
_GLOB_CHARACTERS = re.compile(r"[*{}]")


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder that a request names, and the workspace that contains it."""

    path: str
    workspace: str
    name: str  # as the request writes it

    @property
    def folder(self) -> str:
        """The folder, or that of the file, by absolute path."""
        return self.path if os.path.isdir(self.path) else os.path.dirname(self.path)

    @property
    def glob(self) -> str:
        """A filter that exactly its files pass, except that filters cannot escape some characters."""
        return _GLOB_CHARACTERS.sub("?", self.path)


@dataclass(frozen=True, slots=True)
class Scope:
    """The places that a request searches; at least one."""

    places: tuple[Place, ...]

    @property
    def workspaces(self) -> list[str]:
        """The workspaces of the places, without duplicates."""
        return list(dict.fromkeys(place.workspace for place in self.places))

    def contains(self, path: str) -> bool:
        """Return whether an absolute path is one of the places, or below one."""
        return any(Path(path).is_relative_to(place.path) for place in self.places)

    @property
    def globs(self) -> list[str]:
        """Filters that only the files of the places pass; none if whole workspaces are searched."""
        if all(place.path == place.workspace for place in self.places):
            return []
        return [place.glob for place in self.places]

    def relative(self, path: str) -> str:
        """Return a path for an agent: relative to the place, which precedes it if there are several."""
        for place in self.places:
            if Path(path).is_relative_to(place.folder):
                relative = os.path.relpath(path, place.folder)
                joined = os.path.join(place.name, relative) if len(self.places) > 1 else relative
                return escape_line(Path(joined).as_posix())
        return escape_line(path)


def parse_scope(path: str, file: str = "") -> Scope:
    """Return the scope of an argument `path`; "" stands for the folder that semls was started for.

    Several paths are separated as in the variable PATH. If no folder is known, that of the repository of an
    absolute `file` is used. Raises UsageError.
    """
    start = _start_paths()
    base = start[0] if start and path.strip() else os.curdir
    paths = _split(path, base) if path.strip() else start
    if not paths and os.path.isabs(file):
        paths = [str(repository(Path(file).parent))]
    if not paths:
        here = _current_folder()
        problem = f"{here}, which is too broad to search" if here else "a folder that was deleted"
        raise UsageError(
            f"semls was started in {problem}: pass the project's folder as `path`, or set SEMLS_PATH to it."
        )
    return Scope(tuple(_place(name, base) for name in paths))


def resolve_file(file: str, scope: Scope) -> tuple[str, str]:
    """Return the absolute path of a file, which may be relative to a place, and its workspace.

    Raises UsageError.
    """
    for place in scope.places:
        for folder in (place.folder, place.workspace):
            path = _absolute(file, folder)
            if os.path.isfile(path):
                inside = Path(path).is_relative_to(place.workspace)
                return path, place.workspace if inside else _repository_of(path)
    raise UsageError(f"There is no file {_absolute(file, scope.places[0].folder)}: pass an existing one.")


def _repository_of(file: str) -> str:
    """Return the repository of a file that is outside of the scope, such as another worktree.

    Raises UsageError if there is none: its folder, such as /etc, was not meant to be indexed.
    """
    root = repository(Path(file).parent)
    if not (root / ".git").exists():
        raise UsageError(f"{file} is outside of the project and in no repository: pass its folder as `path`.")
    return str(root)


def repository(path: Path) -> Path:
    """Return the repository or linked worktree that contains a folder, or the folder itself.

    A repository of the home folder, as some users have for their settings, does not count.
    """
    home = _home()
    for folder in (path, *path.parents):
        if home.is_relative_to(folder):
            break
        if (folder / ".git").exists():
            return folder
    return path


def _start_paths() -> list[str]:
    """Return the folders of the environment, or else the working directory unless it is too broad."""
    for variable in _VARIABLES:
        if value := os.environ.get(variable):
            return _split(value, os.curdir)
    here = _current_folder()
    return [str(here)] if here and not _home().is_relative_to(here) else []


def _current_folder() -> Path | None:
    """Return the working directory, None if it was deleted, as a worktree may be."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _home() -> Path:
    """Return the home folder; a relative path if it is unknown."""
    return Path(os.path.expanduser("~"))


def _split(paths: str, base: str) -> list[str]:
    paths = paths.strip()
    if os.path.exists(_absolute(paths, base)):
        return [paths]
    return [path for path in paths.split(os.pathsep) if path.strip()]


def _place(name: str, base: str) -> Place:
    path = _absolute(name, base)
    if not os.path.exists(path):
        raise UsageError(f"There is no folder {path}: pass an existing one as `path`.")
    folder = Path(path if os.path.isdir(path) else os.path.dirname(path))
    return Place(path, str(repository(folder)), name)


def _absolute(path: str, base: str) -> str:
    """Return the absolute path of a path or a file URI as the engine spells it: decoded from UTF-8.

    Raises UsageError.
    """
    named = path_of_uri(path) if path.startswith("file:///") else os.path.expanduser(path)
    try:
        absolute = os.path.abspath(os.path.join(base, named))
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} is relative to the folder in which semls was started, which was deleted: pass an "
            "absolute path."
        ) from error
    try:
        return os.fsencode(absolute).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError(f"The path {path!r} is not valid Unicode: pass another one.") from error
