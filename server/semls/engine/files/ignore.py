"""Which paths git would ignore, and semls: the rules of ignore files.

Rules are asked from the strongest to the weakest, and the first that has an opinion decides:
.semlsignore files (the nearest first), the names of files that may hold secrets, .gitignore files (the
nearest first), the repository's info/exclude, the user's core.excludesFile, and a short list of our own.
Inside one file the last line wins. Git ignores nothing that it tracks, so its rules do not count for that.

Patterns are matched here and not by pathspec, since a workspace may be hostile: there one line of eight
stars takes minutes for one path, and 49 of 500 random layouts came out differently from git (1.1.1).
"""

import codecs
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from semls.engine.files import gitconfig, globs
from semls.engine.files.gitconfig import common_folder
from semls.engine.files.gitindex import Tracked
from semls.engine.files.sensitive import MAY_HOLD_SECRETS, name_suggests_secrets
from semls.reading import NO_LINKS, read_regular

BY_DEFAULT = "ignored by default"

# So many bytes of rules compile in some tenths of a second, and a step should not last longer.
_MAX_RULES = 1 << 16

RULES = (".gitignore", ".semlsignore")
_TELLING = (".git", *RULES)

_DEFAULTS = """
node_modules/ bower_components/ .pnpm-store/ .next/ .nuxt/ .svelte-kit/ .parcel-cache/ .turbo/ elm-stuff/
__pycache__/ .venv/ .tox/ .nox/ .eggs/ *.egg-info/ .mypy_cache/ .pytest_cache/ .ruff_cache/ .hypothesis/
.ipynb_checkpoints/ .direnv/ .idea/ .vs/ .gradle/ .bloop/ .metals/ .terraform/ .dart_tool/ .stack-work/
""".split()


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of an ignore file; `order` is its place, `keeps` is "!"."""

    order: int
    keeps: bool
    anchored: bool
    regex: str


_order = attrgetter("order")


class _Joined:
    """Rules joined into one expression, the last line first: the first alternative that matches counts.

    So a text costs one match, however many lines there are. A folder is written with a NUL behind
    it, which no name contains.
    """

    def __init__(self, rules: list[_Rule]) -> None:
        self._rules = {f"r{rule.order}": rule for rule in rules[::-1]}
        alternatives = "|".join(f"(?P<{name}>{rule.regex})" for name, rule in self._rules.items())
        self._regex = re.compile(alternatives or "(?!)", re.DOTALL)

    def last(self, text: str, start: int = 0) -> _Rule | None:
        """The last rule that matches a text from there on."""
        match = self._regex.fullmatch(text, start)
        return self._rules[match.lastgroup] if match and match.lastgroup else None


class _Rules:
    """One ignore file, with the reason to give for what it leaves out."""

    def __init__(self, reason: str, folder: Path, lines: list[str]) -> None:
        rules = [rule for order, line in enumerate(lines) if (rule := _rule(order, line))]
        self.reason = reason
        self._start = len(_bytewise(with_slash(folder)))
        self._names = _Joined([rule for rule in rules if not rule.anchored])
        self._paths = _Joined([rule for rule in rules if rule.anchored])

    def verdict(self, path: str, name: str) -> bool | None:
        """Whether a path is kept; None when no line says anything."""
        matching = self._names.last(name), self._paths.last(path, self._start)
        found = max(filter(None, matching), key=_order, default=None)
        return found.keeps if found else None


def _bytewise(text: str) -> str:
    """A text with a character for each byte, since git's "?" and "[...]" stand for one byte."""
    return text if text.isascii() else os.fsencode(text).decode("latin-1")


def with_slash(folder: Path) -> str:
    """A folder as the beginning of the paths in it."""
    return folder.as_posix().rstrip("/") + "/"


@dataclass(frozen=True, slots=True)
class Ignores:
    """The rules that hold in one folder, each group from the strongest to the weakest."""

    root: Path
    own: tuple[_Rules, ...]
    git: tuple[_Rules, ...]
    ours: tuple[_Rules, ...]
    tracked: Tracked | None = None
    excluded: str = ""  # why git ignores the folder itself; then only what is tracked in it is kept

    def verdict(self, path: str, name: str, is_folder: bool) -> tuple[bool | None, str]:
        """Whether an absolute path is kept (None: no rule says), and the reason when it is not.

        None with a reason stands for what git tracks although a rule matches it.
        """
        end = "\0" if is_folder else ""
        whole, last = _bytewise(path) + end, _bytewise(name) + end
        kept, reason = _first(self.own, whole, last)
        if kept is not None:
            return kept, reason
        if name_suggests_secrets(path, name, is_folder):
            return False, MAY_HOLD_SECRETS
        kept, reason = (False, self.excluded) if self.excluded else _first(self.git, whole, last)
        if kept or (kept is False and not (self.tracked and self.tracked.holds(path, is_folder))):
            return kept, reason
        by_default = _first(self.ours, whole, last)
        return (None, reason) if by_default[0] is None else by_default

    def below(self, kept: bool | None, reason: str) -> "Ignores":
        """The rules for what lies in a folder with this verdict."""
        excluded = "" if kept else reason
        return self if excluded == self.excluded else replace(self, excluded=excluded)

    def inside(self, folder: Path, names: Collection[str]) -> "Ignores":
        """The rules that hold in a folder below, which has entries of these names."""
        rules = self
        if ".git" in names:
            rules = rules._in_repository(folder)
        if ".gitignore" in names and not rules.excluded:
            rules = replace(rules, git=(self._load(folder, ".gitignore"), *rules.git))
        if ".semlsignore" in names:
            rules = replace(rules, own=(self._load(folder, ".semlsignore"), *rules.own))
        return rules

    def _in_repository(self, top: Path) -> "Ignores":
        """The rules that hold in a repository, which knows nothing of the one around it."""
        git = top / ".git"
        exclude = self._load(top, ".git/info/exclude", common_folder(git) / "info/exclude")
        return replace(self, git=(exclude, _global(top, git)), tracked=Tracked(git), excluded="")

    def _load(self, folder: Path, name: str, file: Path | None = None) -> _Rules:
        label = Path(os.path.relpath(folder / name, self.root)).as_posix()
        # Like git: a link is followed under .git, never in the work tree.
        content = lines(folder / name, NO_LINKS) if file is None else lines(file)
        return _Rules(f"ignored by {label}", folder, content)


def above(root: Path) -> Ignores:
    """The rules that a workspace finds: ours, and those of the repository that it is a part of."""
    plain = Ignores(root, (), (_global(root, None),), (_Rules(BY_DEFAULT, root, _DEFAULTS),))
    lineage = [root, *root.parents]
    depth = next((depth for depth, folder in enumerate(lineage) if os.path.exists(folder / ".git")), 0)
    ignores = plain
    for folder, child in pairwise(lineage[depth::-1]):
        ignores = ignores.inside(folder, [name for name in _TELLING if os.path.exists(folder / name)])
        kept, reason = ignores.verdict(child.as_posix(), child.name, is_folder=True)
        if reason and not kept:
            # A folder that the repository around it ignores is wanted when it is opened by itself.
            return replace(plain, tracked=ignores.tracked)
    return ignores


def takes_back(root: Path, path: str) -> bool:
    """Return whether a .semlsignore file keeps a file, whose path is relative to the workspace."""
    ignores, file = above(root), root / path
    lineage = [file, *file.parents]
    for folder in lineage[lineage.index(root) : 0 : -1]:
        ignores = ignores.inside(folder, [name for name in RULES if os.path.exists(folder / name)])
    return replace(ignores, git=(), ours=()).verdict(file.as_posix(), file.name, is_folder=False)[0] is True


def _first(group: Collection[_Rules], path: str, name: str) -> tuple[bool | None, str]:
    """The verdict of the first rules that say anything."""
    for rules in group:
        if (kept := rules.verdict(path, name)) is not None:
            return kept, rules.reason
    return None, ""


def _global(top: Path, git: Path | None) -> _Rules:
    """The user's own rules for every repository: those of core.excludesFile, or at git's default place."""
    chosen = gitconfig.read(git).get("core.excludesfile")
    if chosen is None:
        default = gitconfig.user_folder() / "ignore"
        return _Rules("ignored by git's global ignore file", top, lines(default))
    return _Rules("ignored by git's core.excludesFile", top, lines(gitconfig.expanded(chosen[-1], top)))


def lines(file: Path, flags: int = 0) -> list[str]:
    """The whole lines at the beginning of a file, bytewise; none when it cannot be read."""
    try:
        content = read_regular(file, _MAX_RULES, flags) or b""
    except (OSError, ValueError):
        return []
    if len(content) > _MAX_RULES:
        content = content[: content.rfind(b"\n") + 1]
    text = content.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _rule(order: int, line: str) -> _Rule | None:
    """A line of an ignore file; None for one that says nothing or, to git too, makes no sense."""
    if line.startswith("#"):
        return None
    glob = _without_spaces(line).removeprefix("!")
    body = glob.removesuffix("/")
    try:
        regex = globs.regex(body.removeprefix("/"), f"r{order}_")
    except ValueError:
        return None
    end = "\0" if body != glob else "\0?"
    return _Rule(order, line.startswith("!"), "/" in body, regex + end) if body else None


def _without_spaces(line: str) -> str:
    """A line without the spaces at its end, unless a backslash keeps the first of them."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return line[: len(kept) + backslashes % 2]
