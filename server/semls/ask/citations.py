"""Finds the citations `path:line` in an answer, and verifies that the model has read these lines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from semls.escaping import escape_line
from semls.service.messages import SectionMessage

# A path that was not sent: with an extension or a folder, so that neither a time nor a port looks like one.
_OTHER_PATH = r"(?:[\w.@+~-]+/)+[\w.@+~-]+|[\w@+~-][\w.@+~-]*\.[A-Za-z]\w*"
_LINES = r"(?::|\#)L?(?P<first>[0-9]{1,9})(?:[-\u2013]L?(?P<last>[0-9]{1,9}))?"


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
        self._sections = [(escape_line(section["path"]), section) for section in sections]
        paths = sorted((path for path, _ in self._sections), key=len, reverse=True)
        path = "|".join([*map(re.escape, paths), _OTHER_PATH])
        self._pattern = re.compile(rf"(?<![\w.:/\\@+~-])(?P<path>{path}){_LINES}")
        self._held_words = 1 + max((path.count(" ") for path in paths), default=0)
        self._pending = ""

    def feed(self, part: str) -> list[str | Citation]:
        """Return what the next part adds to the answer. The last words are held: they may be incomplete."""
        self._pending += part
        end = len(self._pending)
        for _ in range(self._held_words):
            end = max(self._pending.rfind(" ", 0, end), self._pending.rfind("\n", 0, end))
            if end < 0:
                return []
        for match in self._pattern.finditer(self._pending):
            if match.start() < end < match.end():  # a path with spaces
                end = match.start()
        complete = self._pending[:end].rstrip()
        self._pending = self._pending[len(complete) :]
        return self._split(complete)

    def end(self) -> list[str | Citation]:
        """Return the rest of the answer, without white space at its end."""
        pending, self._pending = self._pending.rstrip(), ""
        return self._split(pending)

    def _split(self, text: str) -> list[str | Citation]:
        pieces: list[str | Citation] = []
        start = 0
        for match in self._pattern.finditer(text):
            pieces += [text[start : match.start()], self._citation(match)]
            start = match.end()
        return [piece for piece in [*pieces, text[start:]] if piece]

    def _citation(self, match: "re.Match[str]") -> Citation:
        first = int(match["first"])
        last = int(match["last"] or first)
        places = (_place(path, section, first, last) for path, section in self._cited(match["path"]))
        return Citation(match[0], next(filter(None, places), None))

    def _cited(self, path: str) -> list[tuple[str, SectionMessage]]:
        """Return the sections with a path, or else those whose path ends with it, if that is one path."""
        path = path.removeprefix("./")
        exact = [(known, section) for known, section in self._sections if known == path]
        ending = [(known, section) for known, section in self._sections if known.endswith(f"/{path}")]
        return exact or (ending if len({known for known, _ in ending}) == 1 else [])


def _place(path: str, section: SectionMessage, first: int, last: int) -> Place | None:
    """Return the place of lines if the section has the first and the last one."""
    lines = {
        number: text
        for part in section["parts"]
        for number, text in enumerate(part["text"].split("\n"), part["range"]["start"]["line"] + 1)
    }
    if not (first <= last and first in lines and last in lines):
        return None
    return Place(path, section["uri"], first, last, lines[first].strip())
