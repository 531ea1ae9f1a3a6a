"""Reject folders that are too broad to be a workspace."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from semls.errors import BroadWorkspaceError


def refuse_broad(root: Path) -> None:
    """Raise BroadWorkspaceError for a home folder, a folder that contains one, or a file system's root."""
    if root.parent == root:
        raise _error(root, "it is the root of a file system")
    for home in _home_folders():
        if _is_same_folder(root, home):
            raise _error(root, "it is your home folder")
        if any(_is_same_folder(root, folder) for folder in home.parents):
            raise _error(root, "it contains your home folder")


def _home_folders() -> Iterator[Path]:
    """Yield the user's home folder according to the environment, and according to the system."""
    names = {os.path.expanduser("~")}
    if sys.platform != "win32":
        import pwd  # does not exist on Windows

        with contextlib.suppress(KeyError):  # a container can run as a user that it does not know
            names.add(pwd.getpwuid(os.getuid()).pw_dir)
    return (Path(os.path.realpath(name)) for name in names if os.path.isabs(name))


def _is_same_folder(one: Path, other: Path) -> bool:
    """Return whether two paths name the same folder, even if they differ in upper and lower case."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _error(root: Path, reason: str) -> BroadWorkspaceError:
    return BroadWorkspaceError(f"{root} is not indexed, because {reason}: choose a project's folder.")
