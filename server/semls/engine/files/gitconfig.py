"""Read git's configuration files. Git itself is never run.

In this package, `dot_git` is the path of a work tree's `.git`, which can be a folder or a file.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from semls import globs
from semls.reading import read_regular

_MAX_BYTES = 1 << 20  # of one file
_MAX_INCLUDED_FILES = 100  # by one configuration
_MAX_INCLUDE_DEPTH = 10  # as in git

# Each text can match these expressions in one way only, because a hostile file must not cause backtracking.
_SECTION = re.compile(r'\[[ \t]*([\w.-]+)(?:[ \t]+"((?:[^"\\\n]|\\.)*)")?[ \t]*\]')
_SETTING = re.compile(
    r'([A-Za-z][\w-]*)[ \t]*(=?)((?:"(?:[^"\\\n]|\\(?:\r\n|[^\r]))*"|[^"\\\n;#]|\\(?:\r\n|[^\r]))*)'
)
_QUOTE_OR_ESCAPE = re.compile(r'\\(\r?\n|.)|"', re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "b": "\b", "\n": "", "\r\n": ""}

# Full name of a setting, such as `core.excludesfile` → its values, of which the last one applies.
Values = dict[str, list[str]]


def read(dot_git: Path | None) -> Values:
    """Return the configuration of a repository, or the user's configuration for None.

    Files that cannot be read and lines that cannot be parsed are ignored.
    """
    reader = _Reader(dot_git)
    for file in _user_files():
        reader.read(file)
    if dot_git:
        reader.read(common_dir(dot_git) / "config")
        if reader.values.get("extensions.worktreeconfig", [""])[-1].lower() in ("true", "yes", "on", "1"):
            reader.read(git_dir(dot_git) / "config.worktree")
    return reader.values


def read_repository_file(dot_git: Path) -> Values:
    """Return the settings of a repository's own configuration file, without those of the user."""
    reader = _Reader(dot_git)
    reader.read(common_dir(dot_git) / "config")
    return reader.values


def git_dir(dot_git: Path) -> Path:
    """Return the git directory of a work tree (`git rev-parse --git-dir`)."""
    if not os.path.isfile(dot_git):
        return dot_git
    return dot_git.parent / _first_line(dot_git).removeprefix("gitdir:").strip()


def common_dir(dot_git: Path) -> Path:
    """Return the directory that all work trees of a repository share (`git rev-parse --git-common-dir`)."""
    directory = git_dir(dot_git)
    if directory == dot_git:
        return directory
    return directory / _first_line(directory / "commondir").strip()


def expand_path(value: str, base: Path) -> Path:
    """Return the path of a setting, which may begin with `~`; a relative one is relative to `base`."""
    return base / os.path.expanduser(value)


def user_config_dir() -> Path:
    """Return the directory of the user's git files, other than `~/.gitconfig`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "git")


def _user_files() -> Iterator[Path]:
    """Yield the configuration files of the machine and of the user; later ones take precedence."""
    if os.environ.get("GIT_CONFIG_NOSYSTEM", "0").lower() in ("", "0", "false", "no", "off"):
        yield Path(os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig")
    configured = os.environ.get("GIT_CONFIG_GLOBAL")
    if configured is not None:
        yield Path(configured)
    else:
        yield user_config_dir() / "config"
        yield Path(os.path.expanduser("~/.gitconfig"))


def _first_line(file: Path) -> str:
    return _read_text(file).partition("\n")[0].removesuffix("\r")


def _read_text(file: Path) -> str:
    """Return the text of a file, empty if it cannot be read.

    A NUL, for which functions of `os.path` raise ValueError, becomes a character that no path contains.
    """
    try:
        content = read_regular(file, _MAX_BYTES) or b""
    except (OSError, ValueError):
        return ""
    return content.decode("utf-8", "surrogateescape").removeprefix("\ufeff").replace("\0", "\ufffd")


class _Reader:
    """Collects the settings of files in the order in which they are read, with the files they include."""

    def __init__(self, dot_git: Path | None) -> None:
        self.values: Values = {}
        self._dot_git = dot_git
        self._includes_left = _MAX_INCLUDED_FILES

    def read(self, file: Path, depth: int = 0) -> None:
        for name, value in _parse(_read_text(file)):
            self.values.setdefault(name, []).append(value)
            if self._includes(name, file) and depth < _MAX_INCLUDE_DEPTH and self._includes_left:
                self._includes_left -= 1
                self.read(expand_path(value, file.parent), depth + 1)

    def _includes(self, name: str, file: Path) -> bool:
        """Return whether a setting includes another file, unless its `gitdir` condition is not met."""
        if name == "include.path":
            return True
        kind, _, condition = name.removeprefix("includeif.").removesuffix(".path").partition(":")
        if self._dot_git is None or not name.startswith("includeif.") or kind not in ("gitdir", "gitdir/i"):
            return False
        flags = re.DOTALL | (re.IGNORECASE if kind == "gitdir/i" else 0)
        regex = re.compile(_translate_condition(condition, file), flags)
        directory = git_dir(self._dot_git)
        paths = {os.path.abspath(directory), os.path.realpath(directory)}
        return any(regex.fullmatch(Path(path).as_posix()) for path in paths)


def _translate_condition(pattern: str, file: Path) -> str:
    """Translate the pattern of a `gitdir:` condition, which `file` contains, into a regular expression."""
    if pattern.startswith("./"):
        pattern = f"{Path(os.path.realpath(file.parent)).as_posix()}/{pattern[2:]}"
    elif pattern.startswith("~"):
        pattern = os.path.expanduser(pattern)
    elif not os.path.isabs(pattern):
        pattern = f"**/{pattern}"
    try:
        return globs.translate(f"{pattern}**" if pattern.endswith("/") else pattern)
    except ValueError:
        return "(?!)"


def _parse(text: str) -> Iterator[tuple[str, str]]:
    """Yield each setting's full name and value. Section and key are in lower case, the subsection is not."""
    section, offset = "", 0
    while offset < len(text):
        if text[offset].isspace():
            offset += 1
        elif match := _SECTION.match(text, offset):
            name, subsection = match[1].lower(), match[2]
            section = name if subsection is None else f"{name}.{_unescape(subsection)}"
            offset = match.end()
        elif section and (match := _SETTING.match(text, offset)):
            yield f"{section}.{match[1].lower()}", _unescape(match[3].strip()) if match[2] else "true"
            offset = _line_end(text, match.end())
        else:
            offset = _line_end(text, offset)


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


def _unescape(value: str) -> str:
    """Return a value without quotation marks, and with its escape sequences replaced."""
    return _QUOTE_OR_ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]) if match[1] else "", value)
