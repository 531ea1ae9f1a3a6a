"""Identify the git repository of a workspace, by reading git's files. Git itself is never run."""

import os
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


def enclosing_common_dir(root: Path) -> str:
    """Return the real path of the common directory of the repository around a folder, or "".

    A bare repository, whose worktrees are all linked, does not count.
    """
    for folder in (root, *root.parents):
        dot_git = folder / ".git"
        if os.path.exists(dot_git):
            common = os.path.realpath(gitconfig.common_dir(dot_git))
            is_main = common == os.path.realpath(gitconfig.git_dir(dot_git))
            return "" if is_main and _is_bare(common) else common
    return ""


def is_linked_worktree(folder: Path, root: Path, common_dir: str) -> bool:
    """Return whether a folder below `root` is a linked worktree of a repository that `root` shows already.

    That is the repository around the root, whose common directory is given, or one with its main worktree
    below the root. A .git file that names no existing directory does not count.
    """
    dot_git = folder / ".git"
    if not os.path.isfile(dot_git):
        return False
    directory = os.path.realpath(gitconfig.git_dir(dot_git))
    worktrees, common = os.path.dirname(directory), os.path.dirname(os.path.dirname(directory))
    if os.path.basename(worktrees) != "worktrees" or not os.path.isdir(directory):
        return False
    if common == common_dir:
        return True
    main, name = os.path.split(common)
    return name == ".git" and Path(main).is_relative_to(os.path.realpath(root)) and not _is_bare(common)


def _is_bare(common_dir: str) -> bool:
    return gitconfig.read_repository_file(Path(common_dir)).get("core.bare", [""])[-1].lower() == "true"


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
