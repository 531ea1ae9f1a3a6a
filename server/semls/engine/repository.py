"""Which repository a workspace belongs to, read from git's own files: git itself is never run."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from semls.engine.ignores import common_folder, lines

_REMOTE = re.compile(r'\s*\[remote "(.+)"\]\s*$')
_SECTION = re.compile(r"\s*\[")
_ADDRESS = re.compile(r"\s*url\s*=\s*(.+?)\s*$")
_SHORT = re.compile(r"(?:[^@/\s]+@)?([^:/\s]{2,}):(?!//)(.+)$")  # git@example.org:team/project.git


def repository(root: Path) -> str:
    """What all clones have in common: a remote's address, `origin` before others; else the folder's name.

    An address has no user's name and no password in it.
    """
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            remotes = _remotes(common_folder(folder / ".git") / "config")
            addresses = [remotes["origin"]] if "origin" in remotes else list(remotes.values())
            return _plain(addresses[0]) if addresses else _sayable(folder.name)
    return _sayable(root.name)


def _sayable(name: str) -> str:
    """A name whose bytes are no text, as text."""
    return name.encode("utf-8", "replace").decode()


def _remotes(config: Path) -> dict[str, str]:
    """Addresses by the remotes' names."""
    remotes: dict[str, str] = {}
    name = None
    for line in lines(config):
        if _SECTION.match(line):
            found = _REMOTE.match(line)
            name = found[1] if found else None
        elif name and (found := _ADDRESS.match(line)):
            remotes.setdefault(name, found[1].strip('"'))
    return remotes


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
