"""The text of a file: byte offsets, rows and columns, and the size of chunks."""

import re
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from semls.decoding import normalize

# Non-whitespace characters: about 600 tokens, which embedding models read without truncation.
MAX_CHUNK_CHARACTERS = 2000

WHITESPACE = b" \t\r\n\f\v"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Whitespace and all but the first byte of each character.
_UNCOUNTED = WHITESPACE + bytes(range(0x80, 0xC0))
# Each text can match in one way only, so that matching takes linear time.
_CLOSING_PUNCTUATION = re.compile(
    rb"(?:\{%[-+~]?[ \t]*end\w+[^%\n]*%\}"
    rb"|\}[ \t;]*//[^\n]*$|[\s{}()\[\];,`]|\?>|</[\w:.-]+>|^---$|#endif\b[^\n]*$"
    rb"|\bend\b(?:[ \t]+(?:module|submodule|program|package|class|interface|architecture|entity|namespace)\b"
    rb"(?:[ \t]+body\b)?(?:[ \t]+\w+)?)?"  # end module shapes
    rb"|\bend(?:module|program|package|class|interface)\b(?:[ \t]*:[ \t]*\w+)?"  # endmodule : shapes
    rb"|\bend[ \t]+[\w.]+[ \t]*;|\bend\.|^contains\b"  # end Shapes;
    rb"|@end(?:section|component|push|prepend|slot)?\b)*",
    re.MULTILINE | re.IGNORECASE,
)
_LONE_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")
_NOT_BLANK = re.compile(rb"\S")
_NOT_WORD = re.compile(rb"\W")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


class Point(NamedTuple):
    """A position in a file: zero-based row, and column in bytes of UTF-8, without a byte order mark."""

    row: int
    column: int


class Span(NamedTuple):
    """An extent in a file. The end is exclusive. Offsets are in bytes of UTF-8, with a byte order mark."""

    start_byte: int
    end_byte: int
    start: Point
    end: Point


def split_rows(text: str) -> list[str]:
    """Split a text into the rows that `Source` counts, without their line breaks."""
    return _LINE_BREAK.split(text)


def normalized_text(text: str) -> str:
    """Replace each run of whitespace by one space. Texts with equal results count as exact copies.

    Indentation, line breaks, blank lines and the normalization form make no difference; names, comments and
    order do.
    """
    return " ".join(normalize(text).split())


class Source:
    """The content of a file as text, in UTF-8 (see `semls.decoding`).

    Offsets in `data` and in all methods count from the end of a byte order mark. In `data`, each lone
    carriage return is replaced by a line feed; apart from that it is the file's content.
    """

    def __init__(self, content: bytes) -> None:
        self._mark_size = len(_BYTE_ORDER_MARK) if content.startswith(_BYTE_ORDER_MARK) else 0
        self._original = content[self._mark_size :]
        self.data = _LONE_CARRIAGE_RETURN.sub(b"\n", self._original)
        lines = self.data.split(b"\n")
        self._row_starts = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))

    def for_parser(self, blanked: re.Pattern[bytes] | None = None) -> bytes:
        """Return `data` with bytes that parsers cannot handle replaced, at unchanged offsets.

        The groups of each match of `blanked` are replaced, too: `word` by a word, `call` by brackets.
        """
        text = self.data.replace(b"\0", b" ")
        return blanked.sub(_with_blank_groups, text) if blanked else text

    def text(self, start: int, end: int) -> str:
        """Return the original text between two offsets."""
        return self._original[start:end].decode()

    def text_of_span(self, start_byte: int, end_byte: int) -> str:
        """Return the original text between two offsets of the file itself."""
        return self.text(self.offset(start_byte), self.offset(end_byte))

    def offset(self, byte: int) -> int:
        """Return an offset of the file itself as one without a byte order mark."""
        return byte - self._mark_size

    def span(self, start: int, end: int) -> Span:
        """Return the span between two offsets, in offsets of the file itself."""
        return Span(start + self._mark_size, end + self._mark_size, self.point(start), self.point(end))

    def point(self, offset: int) -> Point:
        """Return the position of an offset in `data`."""
        row = bisect_right(self._row_starts, offset) - 1
        return Point(row, offset - self._row_starts[row])

    def rows(self) -> list[str]:
        """Return the rows of the file, without line ends."""
        return [line.removesuffix("\r") for line in self.data.decode().split("\n")]

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of `offset` starts."""
        return self.data.rfind(b"\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return the offset at which the line of `offset` ends, before its line break."""
        end = self.data.find(b"\n", offset)
        return len(self.data) if end < 0 else end

    def count_characters(self, start: int, end: int) -> int:
        """Return the number of characters between two offsets that are not whitespace."""
        return len(self.data[start:end].translate(None, _UNCOUNTED))

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


def _with_blank_groups(match: re.Match[bytes]) -> bytes:
    text = bytearray(match[0])
    named = {index: name for name, index in match.re.groupindex.items()}
    for group in range(1, len(match.groups()) + 1):
        start, end = (offset - match.start() for offset in match.span(group))
        if match[group] and named.get(group) == "call":
            text[start:end] = b"()"
        elif match[group] and named.get(group) == "word":
            text[start:end] = _NOT_WORD.sub(b"_", match[group])
        elif match[group]:
            text[start:end] = _NOT_BLANK.sub(b" ", match[group])
    return bytes(text)
