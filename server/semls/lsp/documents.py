"""The buffers that the client has open, and where in them stands what is on the disk."""

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lsprotocol import types

from semls.limits import MAX_FILE_BYTES
from semls.lsp import convert
from semls.lsp.alignment import Block, blocks
from semls.reading import read_inside

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")  # the specification knows no other line ends
_NEAR = 500  # rows from where a changed line is expected in which it is looked for


class Buffers:
    """What is open, as it was opened and changed; only what may be on the disk, too."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}  # by path, each line with its end
        self._snapshots: dict[str, Snapshot] = {}  # by path, until the buffer changes

    def open(self, uri: str, text: str) -> None:
        """Take up a buffer."""
        if path := convert.path(uri):
            self._lines[path] = _split(text)
            self._snapshots.pop(path, None)

    def close(self, uri: str) -> None:
        """Forget a buffer: what is on the disk counts again."""
        path = convert.path(uri) or ""
        self._lines.pop(path, None)
        self._snapshots.pop(path, None)

    def change(
        self,
        uri: str,
        changes: Iterable[types.TextDocumentContentChangeEvent],
        encoding: convert.Encoding,
    ) -> None:
        """Take up what was typed."""
        path = convert.path(uri) or ""
        self._snapshots.pop(path, None)
        for change in changes:
            if path not in self._lines:
                continue
            if isinstance(change, types.TextDocumentContentChangeWholeDocument):
                self._lines[path] = _split(change.text)
            else:
                _edit(self._lines[path], change.range, change.text, encoding)

    def snapshot(self, uri: str) -> "Snapshot | None":
        """Return a buffer as it is now; None if it is not open."""
        path = convert.path(uri) or ""
        if path in self._lines and path not in self._snapshots:
            self._snapshots[path] = Snapshot(list(self._lines[path]))
        return self._snapshots.get(path)


class Snapshot:
    """A version of a buffer. Other threads may use it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines  # each with its end
        self._aligned: tuple[bytes, Document] | None = None

    def beside(self, content: bytes) -> "Document":
        """Return the file with this content beside the buffer; aligned once, as that takes time."""
        if self._aligned is None or self._aligned[0] != content:
            texts = [line.rstrip("\r\n") for line in self.lines]
            self._aligned = content, Document(_lines(content), texts)
        return self._aligned[1]


def read(buffers: Mapping[str, Snapshot | None], folders: Sequence[str]) -> dict[str, "Document"]:
    """Read files by URI, as they are on the disk and in these buffers.

    A file that lies in none of the folders counts as empty, and so does one that is too large to be indexed.
    """
    return {uri: _document(convert.path(uri) or "", buffer, folders) for uri, buffer in buffers.items()}


def _document(path: str, buffer: Snapshot | None, folders: Sequence[str]) -> "Document":
    content = _content(path, folders)
    return buffer.beside(content) if buffer else Document(_lines(content))


def _content(path: str, folders: Sequence[str]) -> bytes:
    folder = convert.folder_of(path, folders)
    if folder is None:
        return b""
    try:
        root = Path(os.path.realpath(folder))
        inside = Path(os.path.realpath(path)).relative_to(root)
        content = read_inside(root, inside, MAX_FILE_BYTES) or b""
    except (OSError, ValueError):  # the latter for one outside, or with a NUL
        return b""
    return content if len(content) <= MAX_FILE_BYTES else b""


def _lines(source: bytes) -> list[bytes]:
    """Lines as the protocol counts them: LF, CRLF and CR end them. A byte order mark does not count."""
    text = source.removeprefix(b"\xef\xbb\xbf")
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _split(text: str) -> list[str]:
    """Lines with their ends; the last one has none, and may be empty."""
    lines = [found[0] for found in _LINE.finditer(text)]
    if len(lines) > 1 and not lines[-1] and lines[-2][-1:] not in ("\r", "\n"):
        lines.pop()  # the empty match behind a last line without an end
    return lines


def _edit(lines: list[str], where: types.Range, text: str, encoding: convert.Encoding) -> None:
    start, end = (
        (position.line, convert.index(lines[position.line].rstrip("\r\n"), position.character, encoding))
        if position.line < len(lines)
        else (len(lines) - 1, len(lines[-1]))
        for position in (where.start, where.end)
    )
    first, last = max(0, start[0] - 1), end[0] + 2  # with their neighbours: CR and LF may meet, or part
    before = "".join(lines[first : start[0]]) + lines[start[0]][: start[1]]
    behind = lines[end[0]][end[1] :] + "".join(lines[end[0] + 1 : last])
    edited = _split(before + text + behind)
    if last < len(lines):
        edited.pop()  # what follows is the line behind the last line end
    lines[first:last] = edited


class Document:
    """The lines of a file on the disk, and where they stand in a buffer that may differ."""

    def __init__(self, disk: Sequence[bytes], buffer: Sequence[str] | None = None) -> None:
        self._disk, self._buffer = disk, buffer or ()
        self._blocks: list[Block] | None = None  # None without a buffer that differs
        if buffer is not None:
            texts = list(map(_text, disk))
            self._blocks = blocks(texts, buffer) if texts != buffer else None
        self._disk_rows = [block[0] for block in self._blocks or ()]
        self._buffer_rows = [block[1] for block in self._blocks or ()]

    def place(self, row: int, column: int) -> tuple[int, str]:
        """The row in the buffer of a place on the disk, and what stands there before the column."""
        before = _text(self._disk[row][:column]) if row < len(self._disk) else ""
        if self._blocks is None:
            return row, before
        (disk, buffer, size), (_, high, _) = self._blocks_at(bisect_right(self._disk_rows, row))
        if row < disk + size:
            return buffer + row - disk, before
        # The line was changed: one that still begins like it is the same, else what stands there now.
        low = buffer + size
        expected = max(0, min(low + row - disk - size, max(low, high - 1), len(self._buffer) - 1))
        for changed in _outwards(expected, low, high) if before else ():
            if self._buffer[changed].startswith(before):
                return changed, before
        return expected, ""

    def on_disk(self, row: int) -> int:
        """The row on the disk of a row of the buffer, or where it would come."""
        if self._blocks is None:
            return row
        (disk, buffer, size), (high, _, _) = self._blocks_at(bisect_right(self._buffer_rows, row))
        return max(0, min(disk + row - buffer, (disk + size if row < buffer + size else high) - 1))

    def _blocks_at(self, number: int) -> tuple[Block, Block]:
        """The block before a number and the one of that number."""
        found = self._blocks or []
        before = found[number - 1] if number else (0, 0, 0)
        return before, found[number] if number < len(found) else (len(self._disk), len(self._buffer), 0)


def _outwards(middle: int, low: int, high: int) -> Iterator[int]:
    """Rows from the middle on, the nearest first."""
    for distance in range(_NEAR):
        if low <= middle + distance < high:
            yield middle + distance
        if distance and low <= middle - distance < high:
            yield middle - distance
