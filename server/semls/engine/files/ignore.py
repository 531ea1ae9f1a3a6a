"""Decide which paths are ignored, by the rules of git, of ripgrep and of semls.

The sources of rules are consulted in this order, and the first one with a matching rule decides:

1. .semlsignore files, the nearest first;
2. names of files that may hold secrets;
3. .rgignore files, the nearest first;
4. .ignore files, the nearest first;
5. .gitignore files, the nearest first;
6. the repository's .git/info/exclude;
7. the user's core.excludesFile;
8. a short list of folders that semls ignores by default.

Within one file the last matching line wins. Files that git tracks are never ignored by git's rules (5 to 7).
.rgignore and .ignore files are those of ripgrep and similar tools: they need no repository, and those in the
folders above a repository apply too.

The patterns are matched here and not by pathspec, for two reasons: a workspace may be hostile, and pathspec
takes minutes to match one path against one line with eight stars; and pathspec 1.1.1 disagreed with git in 49
of 500 random layouts.
"""

import codecs
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from semls import globs
from semls.engine.files import gitconfig
from semls.engine.files.gitconfig import common_dir
from semls.engine.files.gitindex import TrackedPaths
from semls.engine.files.sensitive import MAY_HOLD_SECRETS, name_suggests_secrets
from semls.reading import NO_FOLLOW, read_regular

IGNORED_BY_DEFAULT = "ignored by default"
_SEARCH_IGNORE_FILES = (".rgignore", ".ignore")
IGNORE_FILES = (".gitignore", ".semlsignore", *_SEARCH_IGNORE_FILES)

# Bytes of an ignore file that are read. More rules take longer to compile than one task should last.
_MAX_BYTES = 1 << 16

_DEFAULT_PATTERNS = """
node_modules/ bower_components/ .pnpm-store/ .next/ .nuxt/ .svelte-kit/ .parcel-cache/ .turbo/ elm-stuff/
__pycache__/ .venv/ .tox/ .nox/ .eggs/ *.egg-info/ .mypy_cache/ .pytest_cache/ .ruff_cache/ .hypothesis/
.ipynb_checkpoints/ .direnv/ .idea/ .vs/ .gradle/ .bloop/ .metals/ .terraform/ .dart_tool/ .stack-work/
""".split()


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of an ignore file."""

    line: int
    keeps: bool  # the line starts with "!"
    has_slash: bool  # so it matches whole paths, otherwise names
    regex: str


class _RuleMatcher:
    """Finds the last rule that matches a text.

    All rules are alternatives of one regular expression, the last line first, so that a single match finds
    the rule, however many lines the file has. In the text, a NUL follows the name of a folder; no name
    contains one.
    """

    def __init__(self, rules: list[_Rule]) -> None:
        self._rules = {f"r{rule.line}": rule for rule in rules[::-1]}
        alternatives = "|".join(f"(?P<{name}>{rule.regex})" for name, rule in self._rules.items())
        self._regex = re.compile(alternatives or "(?!)", re.DOTALL)

    def last_match(self, text: str, start: int = 0) -> _Rule | None:
        """Return the last rule that matches `text[start:]`."""
        match = self._regex.fullmatch(text, start)
        return self._rules[match.lastgroup] if match and match.lastgroup else None


class _IgnoreFile:
    """The rules of one ignore file, and the reason to report for what they ignore."""

    def __init__(self, reason: str, folder: Path, lines: list[str]) -> None:
        parsed = (_parse_rule(number, line) for number, line in enumerate(lines))
        rules = [rule for rule in parsed if rule]
        self.reason = reason
        self._path_start = len(_one_character_per_byte(with_slash(folder)))
        self._name_rules = _RuleMatcher([rule for rule in rules if not rule.has_slash])
        self._path_rules = _RuleMatcher([rule for rule in rules if rule.has_slash])

    def keeps(self, path: str, name: str) -> bool | None:
        """Return whether the rules keep or ignore a path, or None if no rule matches."""
        by_name = self._name_rules.last_match(name)
        by_path = self._path_rules.last_match(path, self._path_start)
        if by_name and by_path:
            return by_name.keeps if by_name.line > by_path.line else by_path.keeps
        rule = by_name or by_path
        return rule.keeps if rule else None


def _one_character_per_byte(text: str) -> str:
    """Decode a path so that each byte is one character, since git's "?" and "[...]" match one byte."""
    return text if text.isascii() else os.fsencode(text).decode("latin-1")


def with_slash(folder: Path) -> str:
    """Return the path of a folder with "/" between its parts and at its end."""
    return folder.as_posix().rstrip("/") + "/"


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules that apply in one folder. In each tuple, earlier files take precedence."""

    root: Path  # of the workspace
    semlsignore: tuple[_IgnoreFile, ...]
    rgignore: tuple[_IgnoreFile, ...]
    ignore: tuple[_IgnoreFile, ...]
    git: tuple[_IgnoreFile, ...]
    defaults: tuple[_IgnoreFile, ...]
    tracked: TrackedPaths | None = None
    folder_reason: str = ""  # why git ignores this folder; then only the tracked files in it are kept

    def verdict(self, path: str, name: str, is_folder: bool) -> tuple[bool | None, str]:
        """Return whether an absolute path is kept, and the reason if it is not.

        True means that a rule keeps the path, False that one ignores it, None that no rule applies. None with
        a reason means that git's rules match the path, but git tracks it.
        """
        end = "\0" if is_folder else ""
        byte_path, byte_name = _one_character_per_byte(path) + end, _one_character_per_byte(name) + end
        kept, reason = _first_verdict(self.semlsignore, byte_path, byte_name)
        if kept is not None:
            return kept, reason
        if name_suggests_secrets(path, name, is_folder):
            return False, MAY_HOLD_SECRETS
        kept, reason = _first_verdict((*self.rgignore, *self.ignore), byte_path, byte_name)
        if kept is not None:
            return kept, reason
        if self.folder_reason:
            kept, reason = False, self.folder_reason
        else:
            kept, reason = _first_verdict(self.git, byte_path, byte_name)
        is_tracked = kept is False and self.tracked and self.tracked.contains(path, is_folder)
        if kept is not None and not is_tracked:
            return kept, reason
        by_default = _first_verdict(self.defaults, byte_path, byte_name)
        return (None, reason) if by_default[0] is None else by_default

    def below(self, kept: bool | None, reason: str) -> "IgnoreRules":
        """Return the rules for the contents of a folder, given the verdict on the folder itself."""
        folder_reason = "" if kept else reason
        return self if folder_reason == self.folder_reason else replace(self, folder_reason=folder_reason)

    def with_files_in(self, folder: Path, names: Collection[str]) -> "IgnoreRules":
        """Return the rules extended by the ignore files in a folder, whose entries have these names."""
        rules = self
        if ".git" in names:
            rules = rules._for_repository(folder)
        if ".gitignore" in names and not rules.folder_reason:
            rules = replace(rules, git=(self._load(folder, ".gitignore"), *rules.git))
        if ".rgignore" in names:
            rules = replace(rules, rgignore=(self._load(folder, ".rgignore"), *rules.rgignore))
        if ".ignore" in names:
            rules = replace(rules, ignore=(self._load(folder, ".ignore"), *rules.ignore))
        if ".semlsignore" in names:
            rules = replace(rules, semlsignore=(self._load(folder, ".semlsignore"), *rules.semlsignore))
        return rules

    def _for_repository(self, top: Path) -> "IgnoreRules":
        """Return the rules for a repository, which does not inherit git's rules from an enclosing one."""
        dot_git = top / ".git"
        exclude = self._load(top, ".git/info/exclude", common_dir(dot_git) / "info/exclude")
        git = (exclude, _user_rules(top, dot_git))
        return replace(self, git=git, tracked=TrackedPaths(dot_git), folder_reason="")

    def _load(self, folder: Path, name: str, file: Path | None = None) -> _IgnoreFile:
        """Read an ignore file, from `file` if that differs from the path to report."""
        label = Path(os.path.relpath(folder / name, self.root)).as_posix()
        # Git follows symbolic links below .git, but not those of ignore files in the work tree.
        lines = read_lines(folder / name, NO_FOLLOW) if file is None else read_lines(file)
        return _IgnoreFile(f"ignored by {label}", folder, lines)


def workspace_rules(root: Path) -> IgnoreRules:
    """Return the rules for the top of a workspace, with those of the folders above it.

    In the folders above an enclosing repository, or above a workspace without one, only .rgignore and .ignore
    files count.
    """
    defaults = (_IgnoreFile(IGNORED_BY_DEFAULT, root, _DEFAULT_PATTERNS),)
    start = IgnoreRules(root, (), (), (), git=(_user_rules(root, None),), defaults=defaults)
    lineage = [root, *root.parents]
    depth = next((depth for depth, folder in enumerate(lineage) if os.path.exists(folder / ".git")), 0)
    rules = start
    for folder, child in pairwise(reversed(lineage)):
        is_in_repository = folder in lineage[: depth + 1]
        names = (".git", *IGNORE_FILES) if is_in_repository else _SEARCH_IGNORE_FILES
        rules = rules.with_files_in(folder, _existing(folder, names))
        kept, reason = rules.verdict(child.as_posix(), child.name, is_folder=True)
        if reason and not kept:
            # The user opened a folder that these rules ignore, so they do not apply to it.
            rules = replace(start, tracked=rules.tracked)
    return rules


def is_kept_by_semlsignore(root: Path, path: str) -> bool:
    """Return whether a rule of a .semlsignore file keeps a file; `path` is relative to the workspace."""
    rules, file = workspace_rules(root), root / path
    folders = list(file.parents)
    for folder in reversed(folders[: folders.index(root) + 1]):  # from the workspace to the file's folder
        rules = rules.with_files_in(folder, _existing(folder, IGNORE_FILES))
    only_semlsignore = replace(rules, rgignore=(), ignore=(), git=(), defaults=())
    return only_semlsignore.verdict(file.as_posix(), file.name, is_folder=False)[0] is True


def read_lines(file: Path, flags: int = 0) -> list[str]:
    """Return the complete lines within the first 64 KiB of a file, none if it cannot be read.

    Each byte becomes one character. `flags` are additional ones for `os.open`.
    """
    try:
        content = read_regular(file, _MAX_BYTES, flags) or b""
    except (OSError, ValueError):
        return []
    if len(content) > _MAX_BYTES:
        content = content[: content.rfind(b"\n") + 1]
    text = content.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _existing(folder: Path, names: Collection[str]) -> list[str]:
    return [name for name in names if os.path.exists(folder / name)]


def _first_verdict(files: Collection[_IgnoreFile], path: str, name: str) -> tuple[bool | None, str]:
    """Return the verdict of the first ignore file with a matching rule, and its reason."""
    for file in files:
        kept = file.keeps(path, name)
        if kept is not None:
            return kept, file.reason
    return None, ""


def _user_rules(top: Path, dot_git: Path | None) -> _IgnoreFile:
    """Return the user's rules for all repositories, from core.excludesFile or from its default path."""
    configured = gitconfig.read(dot_git).get("core.excludesfile")
    if configured is None:
        default = gitconfig.user_config_dir() / "ignore"
        return _IgnoreFile("ignored by git's global ignore file", top, read_lines(default))
    file = gitconfig.expand_path(configured[-1], top)
    return _IgnoreFile("ignored by git's core.excludesFile", top, read_lines(file))


def _parse_rule(number: int, line: str) -> _Rule | None:
    """Parse a line of an ignore file. Return None for a comment, an empty line or an invalid pattern."""
    if line.startswith("#"):
        return None
    pattern = _strip_trailing_spaces(line).removeprefix("!")
    without_slash = pattern.removesuffix("/")
    try:
        regex = globs.translate(without_slash.removeprefix("/"), f"r{number}_")
    except ValueError:
        return None
    if not without_slash:
        return None
    end = "\0" if pattern.endswith("/") else "\0?"
    return _Rule(
        line=number,
        keeps=line.startswith("!"),
        has_slash="/" in without_slash,
        regex=regex + end,
    )


def _strip_trailing_spaces(line: str) -> str:
    r"""Remove the spaces at the end of a line, but keep the first one if it is escaped ("\ ")."""
    stripped = line.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    is_escaped = backslashes % 2 == 1
    return line[: len(stripped) + 1] if is_escaped else stripped
