"""Which folders are too broad to be a workspace."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from semls.errors import BroadWorkspaceError


def refuse_broad(root: Path) -> None:
    """Raise BroadWorkspaceError for the root of a file system, the home folder, and a folder around it."""
    if root.parent == root:
        raise _error(root, "it is the root of a file system")
    for home in _homes():
        if _same(root, home):
            raise _error(root, "it is your home folder")
        if any(_same(root, folder) for folder in home.parents):
            raise _error(root, "it contains your home folder")


def _homes() -> Iterator[Path]:
    """The home folder as the environment names it, and as the system does."""
    names = {os.path.expanduser("~")}
    if sys.platform != "win32":
        import pwd  # which Windows does not have

        with contextlib.suppress(KeyError):  # a container may run for a user that it does not know
            names.add(pwd.getpwuid(os.getuid()).pw_dir)
    return (Path(os.path.realpath(name)) for name in names if os.path.isabs(name))


def _same(one: Path, other: Path) -> bool:
    """Whether two paths name one folder; their letters may differ in case."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _error(root: Path, why: str) -> BroadWorkspaceError:
    return BroadWorkspaceError(
        f"{root} is not indexed, because {why}: choose a project's folder, or pass --force in a terminal."
    )
