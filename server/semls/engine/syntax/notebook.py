"""Read the cells of a Jupyter notebook, which is a JSON file.

The text of a notebook consists of the sources of its cells, without the JSON around them and without outputs.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from tree_sitter import Range

from semls.engine.syntax import languages
from semls.engine.syntax.injection import Region
from semls.engine.syntax.languages import TEXT, Language
from semls.engine.syntax.pages import regions_of_page
from semls.engine.syntax.source import Source, Span

_MAX_TEXT = 1 << 20  # bytes; further cells are left out
_MAX_PATH = 8  # keys and arrays from the root to a text that matters
_CELLS = ["cells", ""], ["worksheets", "", "cells", ""]  # in version 4, and before
# The most reliable name first.
_KERNEL_KEYS = ("language_info", "name"), ("kernelspec", "language"), ("kernelspec", "name")
_PYTHON, _MARKDOWN = languages.detect("x.py", b""), languages.detect("x.md", b"")

# A string, which may lack its end in a truncated file, and the colon after a key; or a bracket. Each text can
# match in one way only.
_TOKEN = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)(\s*:)?|[\[\]{}]', re.DOTALL)
_PIECE = re.compile(
    rb"[^\\]+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
# Only for where to split the text: headings themselves are found by the grammar.
_HEADING = re.compile(rb"^ {0,3}#{1,6}[ \t]", re.MULTILINE)

# In Python notebooks: the language of a whole cell, and lines that are not Python.
_CELL_MAGIC = re.compile(rb"\s*%%(?:script[ \t]+)?([\w+#]+)[^\n]*")
_LINE_MAGIC = re.compile(rb"^[ \t]*(?:%{1,2}[A-Za-z]|[!?])[^\n]*", re.MULTILINE)


@dataclass(slots=True)
class _Cell:
    kind: str = "code"
    language: str = ""
    strings: list[tuple[int, int]] = field(default_factory=list)  # the extents of its source, with escapes


def read_source(content: bytes, language: Language) -> tuple[Source, Sequence[Region]]:
    """Return the text of a file, and its regions: the file itself, or the cells if it is a notebook.

    Without a grammar, a notebook is one region, too: it is chunked by lines where its cells cannot be parsed.
    """
    source = NotebookSource(content) if language.name == "jupyter" else Source(content)
    if isinstance(source, NotebookSource) and language.grammar:
        return source, source.regions
    if language.name == "html":
        return source, regions_of_page(source, language)
    return source, [Region.file(language, len(source.data))]


class NotebookSource(Source):
    """The text of the cells of a notebook. Offsets are those in the text, spans those in the file."""

    def __init__(self, content: bytes) -> None:
        self._file = Source(content)
        cells, kernel = _read_cells(self._file.data)
        self._runs = _Runs(self._file.data)
        extents = [self._runs.append_cell(cell) for cell in cells]
        super().__init__(bytes(self._runs.text))
        self._magics: list[tuple[int, int]] = []  # lines of Python cells that are not Python
        self.regions = [
            self._region(cell, start, end, kernel)
            for cell, (start, end) in zip(cells, extents, strict=True)
            if start < end
        ]

    def for_parser(self, blanked: re.Pattern[bytes] | None = None) -> bytes:
        """Return `data` with what is no code replaced, at unchanged offsets."""
        text = bytearray(super().for_parser(blanked))
        for start, end in self._magics:
            text[start:end] = b" " * (end - start)
        return bytes(text)

    def span(self, start: int, end: int) -> Span:
        """Return the span in the file between two offsets in the text."""
        file_start = self._runs.file_start(start)
        return self._file.span(file_start, max(file_start, self._runs.file_end(end)))

    def text_of_span(self, start_byte: int, end_byte: int) -> str:
        """Return the text between two offsets of the file."""
        start, end = (self._runs.offset(self._file.offset(byte)) for byte in (start_byte, end_byte))
        return self.text(start, end)

    def rows(self) -> list[str]:
        """Return the text in each row of the file; in one row, there may be none or several lines."""
        rows = [list[str]() for _ in self._file.rows()]
        start = 0
        for line in super().rows():
            position = self._runs.file_start(start)
            rows[self._file.span(position, position).start.row].append(line)
            start = self.line_end(start) + 1
        return ["\n".join(lines).rstrip("\n") for lines in rows]

    def _region(self, cell: _Cell, start: int, end: int, kernel: Language) -> Region:
        if cell.kind != "code":
            heading = _HEADING.search(self.data, start, end)
            before = start, heading.start() if heading else end
            return Region(_MARKDOWN, [self._range(start, end)], len(self.data), cell=before)
        language = _language(cell.language, kernel)
        code_start = start
        if language is _PYTHON:
            magic = _CELL_MAGIC.match(self.data, start, end)
            if magic and (other := languages.by_name(magic[1].decode())):
                language, code_start = other, magic.end()
            else:
                self._magics += (match.span() for match in _LINE_MAGIC.finditer(self.data, start, end))
        return Region(language, [self._range(code_start, end)], len(self.data), cell=(start, end))

    def _range(self, start: int, end: int) -> Range:
        """Return the range between two offsets with the line break after it."""
        return Range(self.point(start), self.point(end + 1), start, end + 1)


class _Runs:
    """The text of cells, as runs of bytes that are copied from a file or that an escape stands for."""

    def __init__(self, data: bytes) -> None:
        self.text = bytearray(b"\n")  # so that nothing in a cell counts as the byte order mark of the text
        self._data = data
        self._starts, self._file_starts, self._file_ends = [0], [0], [0]

    def append_cell(self, cell: _Cell) -> tuple[int, int]:
        """Append the text of a cell. Return its extent, which is empty if there is only whitespace."""
        if not cell.strings or len(self.text) > _MAX_TEXT:
            return 0, 0
        start = len(self.text)
        if cell.kind == "heading":
            self._append(b"# ", cell.strings[0][0], cell.strings[0][0])
        for string_start, string_end in cell.strings:
            for piece in _PIECE.finditer(self._data, string_start, string_end):
                self._append(_decoded(piece[0]), piece.start(), piece.end())
        end = start + len(self.text[start:].rstrip())
        self._append(b"\n\n", self._file_ends[-1], self._file_ends[-1])
        return start, end

    def _append(self, text: bytes, file_start: int, file_end: int) -> None:
        self._starts.append(len(self.text))
        self._file_starts.append(file_start)
        self._file_ends.append(file_end)
        self.text += text

    def offset(self, position: int) -> int:
        """Return the offset of the character at a position in the file."""
        index = bisect_right(self._file_starts, position) - 1
        end = self._starts[index + 1] if index + 1 < len(self._starts) else len(self.text)
        return min(self._starts[index] + position - self._file_starts[index], end)

    def file_start(self, offset: int) -> int:
        """Return where the character at an offset starts in the file."""
        index = bisect_right(self._starts, offset) - 1
        return min(self._file_starts[index] + offset - self._starts[index], self._file_ends[index])

    def file_end(self, offset: int) -> int:
        """Return where the character before an offset ends in the file."""
        index = max(0, bisect_left(self._starts, offset) - 1)
        following = self._starts[index + 1] if index + 1 < len(self._starts) else len(self.text)
        if offset == following:
            return self._file_ends[index]
        return min(self._file_starts[index] + offset - self._starts[index], self._file_ends[index])


def _decoded(piece: bytes) -> bytes:
    """Return the text of a part of a JSON string: of an escape, or of what needs none."""
    if not piece.startswith(b"\\"):
        return piece
    if len(piece) == 2:
        return _ESCAPES.get(piece[1:], piece[1:])
    units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in piece[2:].split(b"\\u"))
    return units.decode("utf-16-be", errors="replace").encode()


def _read_cells(data: bytes) -> tuple[list[_Cell], Language]:
    """Return the cells of a notebook of any version, and the language of its kernel."""
    cells: list[_Cell] = []
    kernel: dict[tuple[str, ...], str] = {}
    path: list[str] = []  # keys of the open objects, and "" for open arrays
    for token in _TOKEN.finditer(data):
        bracket = token[0]
        if bracket in (b"[", b"{"):
            if bracket == b"{" and path in _CELLS:
                cells.append(_Cell())
            path.append("")
        elif bracket in (b"]", b"}"):
            del path[-1:]
        elif token[2] and path:
            path[-1] = token[1].decode(errors="replace")
        elif cells and path[:2] == _CELLS[0] and len(path) <= _MAX_PATH:
            _set_property(cells[-1], path[2:], token)
        elif cells and path[:4] == _CELLS[1] and len(path) <= _MAX_PATH:
            _set_property(cells[-1], path[4:], token)
        elif path[:1] == ["metadata"] and len(path) <= _MAX_PATH:
            kernel[tuple(path[1:])] = token[1].decode(errors="replace")
    name = next((kernel[keys] for keys in _KERNEL_KEYS if kernel.get(keys)), "")
    return cells, _language(name, _PYTHON)


def _set_property(cell: _Cell, path: list[str], token: re.Match[bytes]) -> None:
    match path:
        case ["source" | "input"] | ["source" | "input", ""]:
            cell.strings.append(token.span(1))
        case ["cell_type"]:
            cell.kind = token[1].decode(errors="replace")
        case ["metadata", "vscode", "languageId"]:
            cell.language = token[1].decode(errors="replace")


def _language(name: str, default: Language) -> Language:
    """Return the language with a name that may have a version: python3, C++17, julia-1.9."""
    if not name:
        return default
    return languages.by_name(name) or languages.by_name(name.rstrip("0123456789.-")) or TEXT
