"""Which repository a workspace belongs to, read from git's own files: git itself is never run."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from semls.engine.files import gitconfig

_SHORT = re.compile(r"(?:[^@/\s]+@)?([^:/\s]{2,}):(?!//)(.+)$")  # git@example.org:team/project.git


def repository(root: Path) -> str:
    """What all clones have in common: a remote's address, `origin` before others; else the folder's name.

    An address has no user's name and no password in it.
    """
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            remotes = _remotes(folder / ".git")
            addresses = [remotes["origin"]] if "origin" in remotes else list(remotes.values())
            return _as_utf_8(_plain(addresses[0]) if addresses else folder.name)
    return _as_utf_8(root.name)


def _as_utf_8(name: str) -> str:
    """A name with a question mark for each byte that is not UTF-8."""
    return name.encode("utf-8", "replace").decode()


def _remotes(git: Path) -> dict[str, str]:
    """Addresses by the remotes' names."""
    return {
        name.removeprefix("remote.").removesuffix(".url"): values[0]
        for name, values in gitconfig.read_own(git).items()
        if name.startswith("remote.") and name.endswith(".url")
    }


def _plain(address: str) -> str:
    """`git@example.org:team/project.git` and `https://user:secret@example.org/team/project` are the same."""
    short = _SHORT.match(address)
    if short:
        host, path = short.groups()
    else:
        try:
            parts = urlsplit(address)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            host, path = "", address
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}".strip("/")
