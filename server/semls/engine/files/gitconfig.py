"""Git's configuration, read from its files: git itself is never run."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from semls.engine.files import globs
from semls.reading import read_regular

_MAX_BYTES = 1 << 20
_MAX_FILES = 100  # that one configuration may include
_MAX_DEPTH = 10  # as in git

# Each place matches in one way only: a file may be long, and hostile.
_SECTION = re.compile(r'\[[ \t]*([\w.-]+)(?:[ \t]+"((?:[^"\\\n]|\\.)*)")?[ \t]*\]')
_SETTING = re.compile(
    r'([A-Za-z][\w-]*)[ \t]*(=?)((?:"(?:[^"\\\n]|\\(?:\r\n|[^\r]))*"|[^"\\\n;#]|\\(?:\r\n|[^\r]))*)'
)
_ESCAPE = re.compile(r'\\(\r?\n|.)|"', re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "b": "\b", "\n": "", "\r\n": ""}

Values = dict[str, list[str]]  # `core.excludesfile`, `remote.origin.url` → what it is set to, the last counts


def read(git: Path | None) -> Values:
    """Return what is set for a repository, from its `.git`, or for no repository.

    Files that cannot be read, and lines that make no sense, set nothing.
    """
    reader = _Reader(git)
    for file in _user_files():
        reader.read(file)
    if git:
        reader.read(common_folder(git) / "config")
        if reader.values.get("extensions.worktreeconfig", [""])[-1].lower() in ("true", "yes", "on", "1"):
            reader.read(git_folder(git) / "config.worktree")
    return reader.values


def read_own(git: Path) -> Values:
    """Return what a repository's own file sets."""
    reader = _Reader(git)
    reader.read(common_folder(git) / "config")
    return reader.values


def git_folder(git: Path) -> Path:
    """Return what `.git` stands for: a folder, or a file that names one."""
    return git.parent / _first_line(git).removeprefix("gitdir:").strip() if os.path.isfile(git) else git


def common_folder(git: Path) -> Path:
    """Return where a repository keeps what its worktrees share."""
    folder = git_folder(git)
    return folder / _first_line(folder / "commondir").strip() if folder != git else folder


def expanded(value: str, base: Path) -> Path:
    """Return the path that a value names, which may begin with `~`; a relative one lies in `base`."""
    return base / os.path.expanduser(value)


def _user_files() -> Iterator[Path]:
    """The files of the machine and of the user, those that count less first."""
    if os.environ.get("GIT_CONFIG_NOSYSTEM", "0").lower() in ("", "0", "false", "no", "off"):
        yield Path(os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig")
    if (chosen := os.environ.get("GIT_CONFIG_GLOBAL")) is not None:
        yield Path(chosen)
    else:
        yield user_folder() / "config"
        yield Path(os.path.expanduser("~/.gitconfig"))


def user_folder() -> Path:
    """Return where git looks for a user's files beside `~/.gitconfig`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "git")


def _first_line(file: Path) -> str:
    return _text(file).partition("\n")[0].removesuffix("\r")


def _text(file: Path) -> str:
    """A file's text. A NUL, at which functions of `os.path` fail, becomes a character that no path has."""
    try:
        content = read_regular(file, _MAX_BYTES) or b""
    except (OSError, ValueError):
        return ""
    return content.decode("utf-8", "surrogateescape").removeprefix("\ufeff").replace("\0", "\ufffd")


class _Reader:
    """Reads files one after another, each with those that it includes."""

    def __init__(self, git: Path | None) -> None:
        self.values: Values = {}
        self._git = git
        self._left = _MAX_FILES

    def read(self, file: Path, depth: int = 0) -> None:
        for name, value in _settings(_text(file)):
            self.values.setdefault(name, []).append(value)
            if self._includes(name, file) and depth < _MAX_DEPTH and self._left:
                self._left -= 1
                self.read(expanded(value, file.parent), depth + 1)

    def _includes(self, name: str, file: Path) -> bool:
        if name == "include.path":
            return True
        kind, _, condition = name.removeprefix("includeif.").removesuffix(".path").partition(":")
        if self._git is None or not name.startswith("includeif.") or kind not in ("gitdir", "gitdir/i"):
            return False
        regex = re.compile(_place(condition, file), re.DOTALL | (re.IGNORECASE if kind == "gitdir/i" else 0))
        places = {os.path.abspath(git_folder(self._git)), os.path.realpath(git_folder(self._git))}
        return any(regex.fullmatch(Path(place).as_posix()) for place in places)


def _place(pattern: str, file: Path) -> str:
    """A pattern for a repository's folder as a regular expression; relative to the file that has it."""
    if pattern.startswith("./"):
        pattern = f"{Path(os.path.realpath(file.parent)).as_posix()}/{pattern[2:]}"
    elif pattern.startswith("~"):
        pattern = os.path.expanduser(pattern)
    elif not os.path.isabs(pattern):
        pattern = f"**/{pattern}"
    try:
        return globs.regex(f"{pattern}**" if pattern.endswith("/") else pattern)
    except ValueError:
        return "(?!)"


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """Each setting of a file by its full name: section and key in lower case, the subsection as it is."""
    section, at = "", 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif match := _SECTION.match(text, at):
            name, quoted = match[1].lower(), match[2]
            section = name if quoted is None else f"{name}.{_unescaped(quoted)}"
            at = match.end()
        elif section and (match := _SETTING.match(text, at)):
            yield f"{section}.{match[1].lower()}", _unescaped(match[3].strip()) if match[2] else "true"
            at = _end_of_line(text, match.end())
        else:
            at = _end_of_line(text, at)


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _unescaped(value: str) -> str:
    """A value without its quotation marks and backslashes."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]) if match[1] else "", value)
