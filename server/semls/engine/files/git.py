"""Identify the git repository of a workspace, by reading git's files. Git itself is never run."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from semls.engine.files import gitconfig

_SCP_LIKE_URL = re.compile(r"(?:[^@/\s]+@)?([^:/\s]{2,}):(?!//)(.+)$")  # git@example.org:team/project.git


def repository_id(root: Path) -> str:
    """Return an identifier that all clones of a repository share.

    It is the host and path of a remote's URL, `origin` if there is one, without user name and password.
    Without a remote, or outside a repository, it is the name of the folder. The identifier can be encoded as
    UTF-8.
    """
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            urls = _remote_urls(folder / ".git")
            if not urls:
                return _replace_undecodable(folder.name)
            url = urls["origin"] if "origin" in urls else next(iter(urls.values()))
            return _replace_undecodable(_normalized_url(url))
    return _replace_undecodable(root.name)


def _replace_undecodable(name: str) -> str:
    """Replace each byte that is not UTF-8 by a question mark."""
    return name.encode("utf-8", "replace").decode()


def _remote_urls(dot_git: Path) -> dict[str, str]:
    """Return the URL of each remote, by the remote's name."""
    return {
        name.removeprefix("remote.").removesuffix(".url"): values[0]
        for name, values in gitconfig.read_repository_file(dot_git).items()
        if name.startswith("remote.") and name.endswith(".url")
    }


def _normalized_url(url: str) -> str:
    """Return host and path of a URL, the same for all protocols and users.

    `git@example.org:team/project.git` and `https://user:secret@example.org/team/project` are the same.
    """
    scp_like = _SCP_LIKE_URL.match(url)
    if scp_like:
        host, path = scp_like.groups()
    else:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            host, path = "", url
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}".strip("/")
