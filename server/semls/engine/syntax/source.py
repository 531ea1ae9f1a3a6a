"""The text of a file: byte offsets, rows and columns, and the size of chunks."""

import re
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

# Non-whitespace characters: about 600 tokens, which embedding models read without truncation.
MAX_CHUNK_CHARACTERS = 2000

WHITESPACE = b" \t\r\n\f\v"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF8_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
# Maps NUL to a space and other bytes outside ASCII to a letter.
_ASCII_TABLE = bytes(byte if 0 < byte < 0x80 else ord("x" if byte else " ") for byte in range(256))
# Each text can match in one way only, so that matching takes linear time.
_CLOSING_PUNCTUATION = re.compile(
    rb"(?:\}[ \t;]*//[^\n]*$|[\s{}()\[\];,]|\bend\b|\?>|</[\w:.-]+>|#endif\b[^\n]*$)*", re.MULTILINE
)
_LONE_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


class Point(NamedTuple):
    """A position in a file: zero-based row, and column in bytes, without a byte order mark."""

    row: int
    column: int


class Span(NamedTuple):
    """An extent in a file. The end is exclusive. A byte order mark counts in the byte offsets."""

    start_byte: int
    end_byte: int
    start: Point
    end: Point


def split_rows(text: str) -> list[str]:
    """Split a text into the rows that `Source` counts, without their line breaks."""
    return _LINE_BREAK.split(text)


def normalized_text(text: str) -> str:
    """Replace each run of whitespace by one space. Texts with equal results count as exact copies.

    Indentation, line breaks and blank lines make no difference; names, comments and order do.
    """
    return " ".join(text.split())


class Source:
    """The content of a file as text.

    Offsets in `data` and in all methods count from the end of a byte order mark. In `data`, each lone
    carriage return is replaced by a line feed; apart from that it is the file's content.
    """

    def __init__(self, content: bytes) -> None:
        self.encoding = _detect_encoding(content)
        self._mark_size = len(_BYTE_ORDER_MARK) if content.startswith(_BYTE_ORDER_MARK) else 0
        self._original = content[self._mark_size :]
        self._uncounted = WHITESPACE
        if self.encoding == "utf-8":
            self._uncounted += _UTF8_CONTINUATION_BYTES
        self.data = _LONE_CARRIAGE_RETURN.sub(b"\n", self._original)
        lines = self.data.split(b"\n")
        self._row_starts = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))

    def for_parser(self) -> bytes:
        """Return `data` with bytes that parsers cannot handle replaced, at unchanged offsets."""
        if self.encoding == "utf-8":
            return self.data.replace(b"\0", b" ")
        return self.data.translate(_ASCII_TABLE)

    def text(self, start: int, end: int) -> str:
        """Return the original text between two offsets."""
        return self._original[start:end].decode(self.encoding)

    def span(self, start: int, end: int) -> Span:
        """Return the span between two offsets, in offsets of the file itself."""
        return Span(start + self._mark_size, end + self._mark_size, self._point(start), self._point(end))

    def _point(self, offset: int) -> Point:
        row = bisect_right(self._row_starts, offset) - 1
        return Point(row, offset - self._row_starts[row])

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of `offset` starts."""
        return self.data.rfind(b"\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return the offset at which the line of `offset` ends, before its line break."""
        end = self.data.find(b"\n", offset)
        return len(self.data) if end < 0 else end

    def count_characters(self, start: int, end: int) -> int:
        """Return the number of characters between two offsets that are not whitespace."""
        return len(self.data[start:end].translate(None, self._uncounted))

    def fits_in_chunk(self, start: int, end: int) -> bool:
        """Return whether the text between two offsets is short enough for one chunk."""
        return (
            end - start <= MAX_CHUNK_CHARACTERS or self.count_characters(start, end) <= MAX_CHUNK_CHARACTERS
        )

    def strip(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets without the whitespace at both ends."""
        text = self.data[start:end]
        return end - len(text.lstrip()), start + len(text.rstrip())

    def is_closing_punctuation(self, start: int, end: int) -> bool:
        """Return whether there are only brackets, separators and end keywords between two offsets."""
        return _CLOSING_PUNCTUATION.fullmatch(self.data, start, end) is not None


def _detect_encoding(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
