"""The bytes of a file → chunks: its definitions, long ones in parts, and pieces of what lies between them."""

import hashlib
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from importlib.metadata import version
from itertools import pairwise
from typing import NamedTuple

from tree_sitter import Node

from semls.engine.syntax.languages import Language
from semls.engine.syntax.outline import CLASS_LIKE, CONTAINERS, Definition, Outline, parse
from semls.engine.syntax.source import MAX_CHUNK_CHARACTERS, Source, Span

KINDS = tuple(
    """
    File Module Namespace Package Class Method Property Field Constructor Enum Interface Function Variable
    Constant String Number Boolean Array Object Key Null EnumMember Struct Event Operator TypeParameter
    """.split()
)

_DEPTH = 40  # of nodes that are looked into for a place to cut
_LINE_BREAK = re.compile(rb"\n")
_BLANK_LINES = re.compile(rb"\n(?:[ \t\f\v\r]*\n)+")


class Chunk(NamedTuple):
    """A definition, a part of a long one, or, without a name, a piece of what lies around them."""

    span: Span
    selection: Span  # the name, or the first line of what has none
    kind: str
    name: str
    container: str
    signature: str
    doc: str
    text: str

    @property
    def qualified_name(self) -> str:
        """The name after its container's."""
        return ".".join(filter(None, (self.container, self.name)))


@cache
def fingerprint() -> str:
    """Another one whenever files may be cut otherwise: made of the code, the queries and the parsers."""
    code = resources.files("semls.engine")
    parts = [
        code / name
        for name in ("syntax/chunker.py", "syntax/outline.py", "syntax/source.py", "files/sensitive.py")
    ]
    parts += sorted((code / "syntax/languages").iterdir(), key=lambda part: part.name)
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part.read_bytes() if part.is_file() else b"")
    for library in ("tree-sitter", "tree-sitter-language-pack"):
        digest.update(version(library).encode())
    return digest.hexdigest()


def chunk(source: bytes, language: Language) -> list[Chunk]:
    """The chunks of a file in their order; they do not overlap and leave out only bare punctuation."""
    file = Source(source)
    if not language.grammar:
        return list(_Chunker(file, None).run(Definition("", 0, len(file.data))))
    root, matches = parse(language, file.readable())
    return list(_Chunker(file, root).run(Outline(file, matches).build()))


_Borders = Callable[[int, int], Iterator[int]]


class _Cutter:
    """Cuts stretches of a file that are too long, at the borders of syntax nodes where there are any."""

    def __init__(self, file: Source, root: Node | None) -> None:
        self._file, self._root = file, root

    def cut(self, start: int, end: int) -> list[tuple[int, int]]:
        """Parts within the limit, without white space around them."""
        if end - start <= MAX_CHUNK_CHARACTERS:
            start, end = self._file.strip(start, end)
            return [(start, end)] if start < end else []
        parts = self._parts(start, end, (self._nodes, self._paragraphs, self._lines, self._characters))
        stripped = (self._file.strip(*part) for part in parts)
        return [(start, end) for start, end in stripped if start < end]

    def _parts(self, start: int, end: int, ways: Sequence[_Borders]) -> Iterator[tuple[int, int]]:
        weight = self._file.weight(start, end)
        if weight <= MAX_CHUNK_CHARACTERS or not ways:
            yield start, end
            return
        borders, *finer = ways
        goal = weight / math.ceil(weight / MAX_CHUNK_CHARACTERS)  # parts of like size, no small rest
        filled = 0
        for border, following in pairwise([start, *borders(start, end), end]):
            weight = self._file.weight(border, following)
            if filled and (filled >= goal or filled + weight > MAX_CHUNK_CHARACTERS):
                yield start, border
                start, filled = border, 0
            if weight > MAX_CHUNK_CHARACTERS:
                yield from self._parts(start, following, finer)
                start, weight = following, 0
            filled += weight
        yield start, end

    def _nodes(self, start: int, end: int) -> Iterator[int]:
        """Where nodes that fit begin a line."""
        row = -1
        for node in self._fitting(self._root, start, end) if self._root else ():
            if row == node.start_point.row:  # beside another node
                continue
            offset, row = node.start_byte, node.start_point.row
            if start < offset and not self._file.data[self._file.line_start(offset) : offset].strip():
                yield offset

    def _fitting(self, parent: Node, start: int, end: int, depth: int = 0) -> Iterator[Node]:
        nodes = parent.children
        comment_row = -1
        for node in nodes[bisect_right(nodes, start, key=_end_byte) :]:
            if node.start_byte >= end:
                break
            if node.child_count and depth < _DEPTH and not self._file.fits(node.start_byte, node.end_byte):
                yield from self._fitting(node, start, end, depth + 1)
            elif node.start_point.row - comment_row > 1 or comment_row < 0:
                yield node
            comment_row = node.end_point.row if node.is_extra else -1

    def _paragraphs(self, start: int, end: int) -> Iterator[int]:
        return (blank.end() for blank in _BLANK_LINES.finditer(self._file.data, start, end))

    def _lines(self, start: int, end: int) -> Iterator[int]:
        return (line.end() for line in _LINE_BREAK.finditer(self._file.data, start, end - 1))

    def _characters(self, start: int, end: int) -> Iterator[int]:
        for offset in range(start + MAX_CHUNK_CHARACTERS, end, MAX_CHUNK_CHARACTERS):
            while self._file.encoding == "utf-8" and self._file.data[offset] & 0xC0 == 0x80:
                offset -= 1  # noqa: PLW2901 - back to where the character begins
            yield offset


def _end_byte(node: Node) -> int:
    return node.end_byte


class _Chunker:
    """Writes out an outline: definitions, and what lies between them."""

    def __init__(self, file: Source, root: Node | None) -> None:
        self._file, self._cutter = file, _Cutter(file, root)

    def run(self, definition: Definition, container: str = "") -> Iterator[Chunk]:
        """The chunks of a definition and of all in it."""
        container = _joined(container, definition.container)
        inner = _joined(container, definition.name)
        if not definition.children and definition.name:
            yield from self._whole(definition, definition.start, definition.end, container)
            return
        start = definition.start
        for child in definition.children:
            yield from self._between(definition, start, child.start, container)
            self._specify(child, definition)
            yield from self.run(child, inner)
            start = child.end
        yield from self._between(definition, start, definition.end, container)

    def _specify(self, child: Definition, parent: Definition) -> None:
        if child.kind == "function" and (parent.kind in CLASS_LIKE or child.container):
            owner = child.container.rpartition(".")[2] or parent.name
            child.kind = "constructor" if child.name == owner else "method"

    def _between(self, definition: Definition, start: int, end: int, container: str) -> Iterator[Chunk]:
        is_head = start == definition.start
        is_namespace = definition.kind == "namespace"
        says_only_its_name = is_namespace and is_head and start == definition.head
        if self._file.is_bare(min(definition.head_end, end) if says_only_its_name else start, end):
            return
        if not definition.kind or is_namespace or (definition.kind in CONTAINERS and not is_head):
            yield from self._pieces(start, end, _joined(container, definition.name))
        else:
            yield from self._whole(definition, start, end, container)

    def _whole(self, definition: Definition, start: int, end: int, container: str) -> Iterator[Chunk]:
        kind = "".join(word.title() for word in definition.kind.split("_"))
        for part_start, part_end in self._cutter.cut(start, end):
            is_first = part_start == definition.start
            yield Chunk(
                self._file.span(part_start, part_end),
                self._file.span(*definition.selection),
                kind,
                definition.name,
                container,
                definition.signature if is_first else "",
                definition.doc if is_first else "",
                self._file.text(part_start, part_end),
            )

    def _pieces(self, start: int, end: int, container: str) -> Iterator[Chunk]:
        for piece_start, piece_end in self._cutter.cut(start, end):
            line = self._file.strip(piece_start, min(piece_end, self._file.line_end(piece_start)))
            yield Chunk(
                self._file.span(piece_start, piece_end),
                self._file.span(*line),
                "Module",
                "",
                container,
                "",
                "",
                self._file.text(piece_start, piece_end),
            )


def _joined(*names: str) -> str:
    return ".".join(filter(None, names))
