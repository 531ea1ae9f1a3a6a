"""The client's open documents, and the mapping of positions between a file on disk and its open buffer."""

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lsprotocol import types

from semls.decoding import to_utf8
from semls.limits import MAX_FILE_BYTES
from semls.lsp import convert
from semls.lsp.alignment import Block, matching_blocks
from semls.reading import read_inside

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")  # LSP has no other line ends
_MAX_ROW_DISTANCE = 500  # between the expected and the actual row of a changed line


class Buffers:
    """The open documents with file URIs, as the client last changed them."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}  # path → lines with their ends
        self._snapshots: dict[str, Snapshot] = {}  # path → snapshot, deleted when the buffer changes

    def open(self, uri: str, text: str) -> None:
        """Add a document."""
        path = convert.uri_to_path(uri)
        if path:
            self._lines[path] = _split_lines(text)
            self._snapshots.pop(path, None)

    def close(self, uri: str) -> None:
        """Remove a document: from now on, the content of its file counts."""
        path = convert.uri_to_path(uri) or ""
        self._lines.pop(path, None)
        self._snapshots.pop(path, None)

    def change(
        self,
        uri: str,
        changes: Iterable[types.TextDocumentContentChangeEvent],
        encoding: convert.Encoding,
    ) -> None:
        """Apply the changes of a document, in their order."""
        path = convert.uri_to_path(uri) or ""
        self._snapshots.pop(path, None)
        for change in changes:
            if path not in self._lines:
                continue
            if isinstance(change, types.TextDocumentContentChangeWholeDocument):
                self._lines[path] = _split_lines(change.text)
            else:
                _replace_range(self._lines[path], change.range, change.text, encoding)

    def snapshot(self, uri: str) -> "Snapshot | None":
        """Return the current version of a document, or None if it is not open."""
        path = convert.uri_to_path(uri) or ""
        if path in self._lines and path not in self._snapshots:
            self._snapshots[path] = Snapshot(list(self._lines[path]))
        return self._snapshots.get(path)


class Snapshot:
    """An immutable version of a document, which other threads may use."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines  # with their ends
        self._alignment: tuple[bytes, Document] | None = None

    def align(self, content: bytes) -> "Document":
        """Return the document together with the content of its file; the last alignment is cached."""
        if self._alignment is None or self._alignment[0] != content:
            buffer = [line.rstrip("\r\n") for line in self.lines]
            self._alignment = content, Document(_disk_lines(content), buffer)
        return self._alignment[1]


def read_documents(snapshots: Mapping[str, Snapshot | None], folders: Sequence[str]) -> dict[str, "Document"]:
    """Read files by URI and align them with their snapshots.

    A file outside the folders, or one that is too large to be indexed, is empty.
    """
    return {uri: _read_document(uri, snapshot, folders) for uri, snapshot in snapshots.items()}


def _read_document(uri: str, snapshot: Snapshot | None, folders: Sequence[str]) -> "Document":
    content = _read(convert.uri_to_path(uri) or "", folders)
    return snapshot.align(content) if snapshot else Document(_disk_lines(content))


def _read(path: str, folders: Sequence[str]) -> bytes:
    """Return the content of a file in UTF-8, or b"" if it must not or cannot be read."""
    folder = convert.containing_folder(path, folders)
    if folder is None:
        return b""
    try:
        root = Path(os.path.realpath(folder))
        relative_path = Path(os.path.realpath(path)).relative_to(root)
        content = read_inside(root, relative_path, MAX_FILE_BYTES) or b""
    except (OSError, ValueError):  # ValueError: the path is outside the folder, or contains a NUL
        return b""
    return to_utf8(root / relative_path, content) if len(content) <= MAX_FILE_BYTES else b""


def _disk_lines(content: bytes) -> list[bytes]:
    """Split a file's content in UTF-8 as LSP does, at LF, CRLF and CR. A byte order mark is removed."""
    text = content.removeprefix(b"\xef\xbb\xbf")
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def _decode(line: bytes) -> str:
    return line.decode("utf-8", "replace")  # a binary file, or a stale column inside a character


def _split_lines(text: str) -> list[str]:
    """Split a text into lines with their ends; the last line has none, and may be empty."""
    lines = [match[0] for match in _LINE.finditer(text)]
    if len(lines) > 1 and not lines[-1] and lines[-2][-1:] not in ("\r", "\n"):
        lines.pop()  # the empty match after a last line without an end
    return lines


def _replace_range(lines: list[str], replaced: types.Range, text: str, encoding: convert.Encoding) -> None:
    """Replace a range of a document by a text, in place. Positions past the end mean the end."""
    start_row, start_index = _clamp(lines, replaced.start, encoding)
    end_row, end_index = _clamp(lines, replaced.end, encoding)
    # The neighbouring lines are split again, too: the change may join or separate a CR and a LF.
    first, last = max(0, start_row - 1), end_row + 2
    before = "".join(lines[first:start_row]) + lines[start_row][:start_index]
    after = lines[end_row][end_index:] + "".join(lines[end_row + 1 : last])
    new_lines = _split_lines(before + text + after)
    if last < len(lines):
        new_lines.pop()  # the empty line after the last line end, which is line `last`
    lines[first:last] = new_lines


def _clamp(lines: list[str], position: types.Position, encoding: convert.Encoding) -> tuple[int, int]:
    """Return the row and the index in its line of a position, or of the document's end."""
    if position.line >= len(lines):
        return len(lines) - 1, len(lines[-1])
    line = lines[position.line].rstrip("\r\n")
    return position.line, convert.to_index(line, position.character, encoding)


class Document:
    """A file on disk and its open buffer, which may differ; maps positions between the two."""

    def __init__(self, disk: Sequence[bytes], buffer: Sequence[str] | None = None) -> None:
        """Align the lines of a file with those of its buffer, without their ends; None if it is not open."""
        self._disk, self._buffer = disk, buffer or ()
        self._blocks: list[Block] | None = None  # equal lines; None if all lines are equal
        if buffer is not None:
            texts = [_decode(line) for line in disk]
            self._blocks = matching_blocks(texts, buffer) if texts != buffer else None
        self._disk_rows = [disk_row for disk_row, _, _ in self._blocks or ()]
        self._buffer_rows = [buffer_row for _, buffer_row, _ in self._blocks or ()]

    def to_buffer(self, row: int, column: int) -> tuple[int, str]:
        """Map a position on disk, in bytes of UTF-8, to a row of the buffer and the text before the position.

        If the line has changed, it is the nearest line that still starts with that text, or else the line at
        its expected row, with "".
        """
        text_before = _decode(self._disk[row][:column]) if row < len(self._disk) else ""
        if self._blocks is None:
            return row, text_before
        (disk_row, buffer_row, size), (_, gap_end, _) = self._blocks_around(
            bisect_right(self._disk_rows, row)
        )
        if row < disk_row + size:
            return buffer_row + row - disk_row, text_before
        gap_start = buffer_row + size
        last_row = min(max(gap_start, gap_end - 1), len(self._buffer) - 1)
        expected = max(0, min(gap_start + row - disk_row - size, last_row))
        if text_before:
            for candidate in _rows_by_distance(expected, gap_start, gap_end):
                if self._buffer[candidate].startswith(text_before):
                    return candidate, text_before
        return expected, ""

    def to_disk(self, row: int) -> int:
        """Map a row of the buffer to a row on disk; for an inserted line, the nearest one."""
        if self._blocks is None:
            return row
        index = bisect_right(self._buffer_rows, row)
        (disk_row, buffer_row, size), (gap_end, _, _) = self._blocks_around(index)
        end = disk_row + size if row < buffer_row + size else gap_end
        return max(0, min(disk_row + row - buffer_row, end - 1))

    def _blocks_around(self, index: int) -> tuple[Block, Block]:
        """Return the block before an index and the one at it; empty blocks at the ends of the document."""
        blocks = self._blocks or []
        before = blocks[index - 1] if index else (0, 0, 0)
        after = blocks[index] if index < len(blocks) else (len(self._disk), len(self._buffer), 0)
        return before, after


def _rows_by_distance(middle: int, start: int, end: int) -> Iterator[int]:
    """Yield the rows from `start` to `end`, nearest to `middle` first."""
    for distance in range(_MAX_ROW_DISTANCE):
        if start <= middle + distance < end:
            yield middle + distance
        if distance and start <= middle - distance < end:
            yield middle - distance
