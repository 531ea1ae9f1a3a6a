"""The buffers that the client has open, and where in them stands what is on the disk."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TypeAlias

from lsprotocol import types

from semls.limits import MAX_FILE_BYTES
from semls.lsp import convert
from semls.reading import read_inside

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")  # the specification knows no other line ends
_Block: TypeAlias = tuple[int, int, int]  # rows on the disk, in the buffer, and how many they are

_MOST = 2000  # changed lines that are compared one by one; more of them are another text


class Buffers:
    """What is open, as it was opened and changed; only what may be on the disk, too."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}  # by path, each line with its end

    def open(self, uri: str, text: str) -> None:
        """Take up a buffer."""
        if path := convert.path(uri):
            self._lines[path] = _split(text)

    def close(self, uri: str) -> None:
        """Forget a buffer: what is on the disk counts again."""
        self._lines.pop(convert.path(uri) or "", None)

    def change(
        self,
        uri: str,
        changes: Iterable[types.TextDocumentContentChangeEvent],
        encoding: convert.Encoding,
    ) -> None:
        """Take up what was typed."""
        path = convert.path(uri) or ""
        for change in changes:
            if path not in self._lines:
                continue
            if isinstance(change, types.TextDocumentContentChangeWholeDocument):
                self._lines[path] = _split(change.text)
            else:
                _edit(self._lines[path], change.range, change.text, encoding)

    def lines(self, uri: str) -> list[str] | None:
        """Those of a buffer, each with its end; None if it is not open."""
        lines = self._lines.get(convert.path(uri) or "")
        return lines and list(lines)


def read(buffers: Mapping[str, Sequence[str] | None], folders: Sequence[str]) -> dict[str, "Document"]:
    """Read files by URI, as they are on the disk and in these buffers.

    A file that lies in none of the folders counts as empty, and so does one that is too large to be indexed.
    """
    return {uri: _document(convert.path(uri) or "", buffer, folders) for uri, buffer in buffers.items()}


def _document(path: str, buffer: Sequence[str] | None, folders: Sequence[str]) -> "Document":
    return Document(_lines(_content(path, folders)), buffer and [line.rstrip("\r\n") for line in buffer])


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
        self._blocks: list[_Block] = []
        if buffer is not None:
            texts = list(map(_text, disk))
            self._blocks = _blocks(texts, buffer) if texts != buffer else []

    def place(self, row: int, column: int) -> tuple[int, str]:
        """The row in the buffer of a place on the disk, and what stands there before the column."""
        before = _text(self._disk[row][:column]) if row < len(self._disk) else ""
        if not self._blocks:
            return row, before
        now, low, high = self._around(row)
        if now is not None:
            return now, before
        # The line was changed: one that still begins like it is the same, else what stands there now.
        for changed in range(low, high):
            if before and self._buffer[changed].startswith(before):
                return changed, before
        return min(low, max(0, len(self._buffer) - 1)), ""

    def on_disk(self, row: int) -> int:
        """The row on the disk of a row of the buffer, or where it would come."""
        for disk, buffer, size in reversed(self._blocks):
            if row >= buffer:
                return disk + min(row - buffer, max(0, size - 1))
        return row

    def _around(self, row: int) -> tuple[int | None, int, int]:
        """The row in the buffer if it is unchanged; else the changed rows there."""
        low = 0
        for disk, buffer, size in self._blocks:
            if row < disk:
                return None, low, buffer
            if row < disk + size:
                return buffer + row - disk, 0, 0
            low = buffer + size
        return None, low, len(self._buffer)


def _blocks(one: Sequence[str], other: Sequence[str]) -> list[_Block]:
    """Stretches that both have, in their order: where in the one, where in the other, how long."""
    shorter = min(len(one), len(other))
    head = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    tail = next((at for at in range(shorter - head) if one[-1 - at] != other[-1 - at]), shorter - head)
    middle, changed = one[head : len(one) - tail], other[head : len(other) - tail]
    found = [(0, 0, head)]
    if max(len(middle), len(changed)) <= _MOST:
        matched = SequenceMatcher(None, middle, changed, autojunk=False).get_matching_blocks()
        found += [(head + block.a, head + block.b, block.size) for block in matched]
    return [*found, (len(one) - tail, len(other) - tail, tail)]
