"""The text of a file: offsets, rows and columns, and how much of it fits into a chunk."""

import re
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

MAX_CHUNK_CHARACTERS = (
    2000  # characters that are not white: about 600 tokens, which embedding models still see whole
)

_BOM = b"\xef\xbb\xbf"
WHITE = b" \t\r\n\f\v"
_INSIDE = bytes(range(0x80, 0xC0))  # a UTF-8 character
_ASCII = bytes(byte if 0 < byte < 0x80 else ord("x" if byte else " ") for byte in range(256))
# Each place matches in one way only: the gaps of a file must not cost more than linear time.
_CLOSING = re.compile(
    rb"(?:\}[ \t;]*//[^\n]*$|[\s{}()\[\];,]|\bend\b|\?>|</[\w:.-]+>|#endif\b[^\n]*$)*", re.MULTILINE
)
_LONE_CR = re.compile(rb"\r(?!\n)")
_LINE_END = re.compile(r"\r\n|\n|\r")


class Point(NamedTuple):
    """A place in a file: zero-based row, and column in bytes, a byte order mark not counted."""

    row: int
    column: int


class Span(NamedTuple):
    """A stretch of a file; the end is exclusive, a byte order mark counts in the offsets."""

    start_byte: int
    end_byte: int
    start: Point
    end: Point


def split_rows(text: str) -> list[str]:
    """Return the lines of a text of `Source`, one for each row that it counts, without their ends."""
    return _LINE_END.split(text)


class Source:
    """Bytes without byte order mark and lone carriage returns; offsets here count from after the mark."""

    def __init__(self, source: bytes) -> None:
        self.encoding = _encoding(source)
        self._skipped = len(_BOM) if source.startswith(_BOM) else 0
        self._original = source[self._skipped :]
        self._weightless = WHITE + _INSIDE if self.encoding == "utf-8" else WHITE
        self.data = _LONE_CR.sub(b"\n", self._original)
        lines = self.data.split(b"\n")
        self._rows = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))

    def readable(self) -> bytes:
        """What a parser can make sense of, at the same offsets."""
        if self.encoding == "utf-8":
            return self.data.replace(b"\0", b" ")
        return self.data.translate(_ASCII)

    def text(self, start: int, end: int) -> str:
        """The text of a stretch."""
        return self._original[start:end].decode(self.encoding)

    def span(self, start: int, end: int) -> Span:
        """A stretch in the offsets of the file itself, with rows and columns."""
        return Span(start + self._skipped, end + self._skipped, self._point(start), self._point(end))

    def _point(self, offset: int) -> Point:
        row = bisect_right(self._rows, offset) - 1
        return Point(row, offset - self._rows[row])

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return self.data.rfind(b"\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Where the line of an offset ends, the line break not counted."""
        end = self.data.find(b"\n", offset)
        return len(self.data) if end < 0 else end

    def weight(self, start: int, end: int) -> int:
        """How many characters of a stretch are not white."""
        return len(self.data[start:end].translate(None, self._weightless))

    def fits(self, start: int, end: int) -> bool:
        """Whether a stretch is short enough for a chunk."""
        return end - start <= MAX_CHUNK_CHARACTERS or self.weight(start, end) <= MAX_CHUNK_CHARACTERS

    def strip(self, start: int, end: int) -> tuple[int, int]:
        """A stretch without the white space around it."""
        text = self.data[start:end]
        return end - len(text.lstrip()), start + len(text.rstrip())

    def is_bare(self, start: int, end: int) -> bool:
        """Whether a stretch holds only closing punctuation."""
        return _CLOSING.fullmatch(self.data, start, end) is not None


def normalized_text(text: str) -> str:
    """A text with every run of white space as one space. What has the same essence is an exact copy.

    So indentation, line breaks and blank lines do not count; names, comments and the order of things do.
    """
    return " ".join(text.split())


def _encoding(source: bytes) -> str:
    try:
        source.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
