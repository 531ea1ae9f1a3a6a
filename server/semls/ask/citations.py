"""Finds the citations `path:line` in an answer, and verifies that the model has read these lines.

A path is one of those that were sent, or an end of it, or else a text that looks like the path of a source
file.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from semls.escaping import escape_line
from semls.locations import path_of_uri
from semls.service.messages import SectionMessage

# The extensions of source files, also of files that were not sent. Those that are top-level domains, such as
# `io` and `me`, are left out, except the common ones of source code.
_EXTENSIONS = frozenset(
    """
    adoc asm astro bash bat c cc cfg clj cljs cmake conf cpp cs css csv cts cu cxx dart ex exs elm erl
    f90 fs fsx go gql gradle graphql groovy h hcl hh hpp hrl hs htm html hxx ini ipynb java jl js json
    jsonc jsonl jsx kt kts less lisp lua m md mdx mjs ml mli mm mts nim nix php pl pm prisma properties
    proto ps1 purs py pyi pyx r rake rb rkt rs rst sass scala scm scss sh sol sql svelte swift tcl tex
    tf toml ts tsx txt v vb vhd vue xml yaml yml zig
    """.split()
)
_FILE_NAMES = frozenset(
    "AUTHORS BUILD Brewfile CHANGELOG CODEOWNERS Caddyfile Containerfile Dockerfile Gemfile Jenkinsfile"
    " Justfile LICENSE Makefile NOTICE Procfile README Rakefile Vagrantfile WORKSPACE justfile makefile"
    " .dockerignore .editorconfig .env .gitattributes .gitignore .gitmodules".split()
)

_PART = r"[\w.@+~-]+"  # of a path that was not sent
_OTHER_PATH = rf"(?!_)(?:file://)?(?:[A-Za-z]:(?=[/\\]))?[/\\]?(?:{_PART}[/\\])*{_PART}"
# A path does not begin in the middle of a word, of a URL or of another path. Underscores may emphasise it.
_INSIDE = r"[\w.:/\\@+~-]"
_BEGINNING = rf"(?:(?<!{_INSIDE})|(?<=_)(?<!{_INSIDE}_)|(?<=__)(?<!{_INSIDE}__))"
_UPWARDS = r"(?:\.\.?[/\\])+"
_NUMBERS = r"[0-9]+(?:[-\u2013]L?[0-9]+)?"
_LINES = (
    rf"[:#]L?(?P<lines>{_NUMBERS}(?:,L?{_NUMBERS})*)(?::[0-9]+)?"  # a.py:1-2,5 and a.py:1:2 and a.py#L1-L2
    # `a.py`, line 1 and a.py (lines 1-2
    r"|[`*_\"']{0,3}(?:,? |: ?| ?\()(?:(?:at|on) )?[Ll]ines? "
    r"(?P<words>[0-9]+(?:(?:[-\u2013]| to | and )[0-9]+)?)"
)
_END = r"(?!(?!_{1,3}(?!\w))\w|[.:,\u2013-][0-9])"  # `a.py:1_` may be emphasised
_RANGE = re.compile(r"([0-9]+)(?:(?:[-\u2013]L?| to )([0-9]+))?")
_WORDS_OF_LINES = 5  # " at lines 1 to 2"
_MAX_HELD = 500  # characters
_MAX_DIGITS = 9


@dataclass(frozen=True)
class Place:
    """Lines of a file that the model has read; they count from 1, and `last` is one of them."""

    path: str  # escaped
    uri: str
    first: int
    last: int
    code: str  # the first line


@dataclass(frozen=True)
class Citation:
    """A citation in an answer. `place` is None if the model has not read the lines."""

    text: str  # as in the answer
    place: Place | None

    @property
    def marked(self) -> str:
        """The text, with a mark if it could not be verified."""
        return self.text if self.place else f"{self.text} [unverified]"


class CitationScanner:
    """Splits an answer, which arrives in parts, into texts and citations."""

    def __init__(self, sections: Sequence[SectionMessage]) -> None:
        self._files = [_File(section) for section in sections]
        self._extensions = _EXTENSIONS | {_extension(file.name) for file in self._files} - {""}
        self._folders = {part for file in self._files for part in file.name.split("/")[:-1]}
        path = "|".join([*(file.pattern for file in self._files if file.is_unusual), _OTHER_PATH])
        self._path = re.compile(rf"{_BEGINNING}(?:{path})")
        self._pattern = re.compile(rf"{_BEGINNING}(?P<path>{path})(?:{_LINES}){_END}")
        self._held_words = 1 + max((file.absolute.count(" ") for file in self._files), default=0)
        self._pending = ""

    def feed(self, part: str) -> list[str | Citation]:
        """Return what the next part adds to the answer. The last words are held: they may be incomplete."""
        self._pending += part
        end = len(self._pending)
        for _ in range(self._held_words):
            end = max(self._pending.rfind(" ", 0, end), self._pending.rfind("\n", 0, end))
            if end < 0:
                return []
        complete = self._pending[: self._before_citation(end)].rstrip()
        self._pending = self._pending[len(complete) :]
        return self._split(complete)

    def end(self) -> list[str | Citation]:
        """Return the rest of the answer, without white space at its end."""
        pending, self._pending = self._pending.rstrip(), ""
        return self._split(pending)

    def _before_citation(self, end: int) -> int:
        """Return the end of the text before a citation that may go on after `end`."""
        complete_until = 0
        for match in self._path.finditer(self._pending, max(0, len(self._pending) - _MAX_HELD)):
            if match.start() >= end:
                break
            if match.start() < complete_until:  # in the numbers of a citation
                continue
            citation = self._pattern.match(self._pending, match.start())
            is_complete = citation and citation["lines"] and citation.end() <= end
            is_followed = self._pending.count(" ", match.end(), end) >= _WORDS_OF_LINES
            if not is_complete and not is_followed and self._is_path(match[0]):
                return match.start()
            if citation and self._is_path(match[0]):
                complete_until = citation.end()
        return end

    def _split(self, text: str) -> list[str | Citation]:
        pieces: list[str | Citation] = []
        start = position = 0
        while match := self._pattern.search(text, position):
            citation = self._citation(match)
            position = match.end() if citation else match.end("path")
            if citation:
                pieces += [text[start : match.start()], citation]
                start = match.end()
        return [piece for piece in [*pieces, text[start:]] if piece]

    def _citation(self, match: "re.Match[str]") -> Citation | None:
        """Return a citation, None if the path is none."""
        ranges = _ranges(match["lines"] or match["words"])
        files = self._cited(match["path"])
        if not files and not self._is_path(match["path"]):
            return None
        places = [place for place in (file.place(ranges) for file in files) if place]
        return Citation(match[0], places[0] if len(places) == 1 else None)

    def _cited(self, text: str) -> "list[_File]":
        """Return the files that were sent with a path, or else those whose path ends with it."""
        path = _resolved(_with_slashes(text.removeprefix("file://")).removeprefix("./"))
        exact = [file for file in self._files if path in (file.name, file.absolute)]
        ending = f"/{path.removeprefix('/')}"
        return exact or [file for file in self._files if file.absolute.endswith(ending)]

    def _is_path(self, text: str) -> bool:
        """Return whether a text looks like the path of a source file of a workspace."""
        parts = [part for part in _with_slashes(text).split("/") if part.strip(".")] or [""]
        is_in_folder = len(parts) > 1 and parts[0] in self._folders
        is_source = _extension(parts[-1]) in self._extensions or parts[-1] in _FILE_NAMES
        is_from_root = len(parts) > 1 and text.startswith(("/", "../", "~/"))
        return is_in_folder or is_source or is_from_root or bool(self._cited(text))


class _File:
    """A file that the model has read parts of."""

    def __init__(self, section: SectionMessage) -> None:
        self._section = section
        self._path = escape_line(Path(path_of_uri(section["uri"])).as_posix())
        self.name = _with_slashes(escape_line(section["name"]))
        self.absolute = _with_slashes(self._path)

    @property
    def is_unusual(self) -> bool:
        """Whether `_OTHER_PATH` does not match all ends of the absolute path."""
        return bool(re.search(r"[^\w.@+~/-]|/_", self._path))

    @property
    def pattern(self) -> str:
        """A pattern of the ends of the absolute path, which consist of whole names."""
        first, *parts = map(re.escape, self._path.split("/"))
        pattern = rf"(?:file://)?{first}[/\\]"
        for part in parts[:-1]:
            pattern = rf"(?:{pattern}|{_UPWARDS})?{part}[/\\]"
        return rf"(?:{pattern}|{_UPWARDS})?{parts[-1]}"

    def place(self, ranges: Sequence[range]) -> Place | None:
        """Return the place of the first range if all lines of all ranges were sent."""
        lines = self._lines
        if not all(0 < len(range_) <= len(lines) and lines.keys() >= set(range_) for range_ in ranges):
            return None
        first, path = ranges[0], escape_line(self._section["path"])
        return Place(path, self._section["uri"], first[0], first[-1], lines[first[0]].strip())

    @cached_property
    def _lines(self) -> dict[int, str]:
        return {
            number: text
            for part in self._section["parts"]
            for number, text in enumerate(part["text"].split("\n"), part["range"]["start"]["line"] + 1)
        }


def _extension(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()


def _ranges(numbers: str) -> list[range]:
    """Return the ranges of lines of a citation; an empty one if a number is too large for a line."""
    return [
        range(int(first), int(last or first) + 1) if max(len(first), len(last)) <= _MAX_DIGITS else range(0)
        for first, last in _RANGE.findall(numbers)
    ]


def _resolved(path: str) -> str:
    """Return a path that begins with `..` or `~` as an absolute path, and any other as it is."""
    if not path.startswith(("../", "~/")):
        return path
    try:
        return _with_slashes(escape_line(os.path.abspath(os.path.expanduser(path))))
    except FileNotFoundError:  # the current folder was deleted
        return path


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")
