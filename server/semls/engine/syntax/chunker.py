"""Split a file into chunks: one or more per definition, and unnamed ones for the text between them."""

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

from semls.engine.syntax.definition import CELL, CLASS_LIKE, CONTAINERS, FUNCTION_LIKE, Definition
from semls.engine.syntax.headers import scan
from semls.engine.syntax.languages import Language, macros
from semls.engine.syntax.notebook import read_source
from semls.engine.syntax.outline import build_outline
from semls.engine.syntax.parse import Layer, parse
from semls.engine.syntax.source import MAX_CHUNK_CHARACTERS, Source, Span
from semls.engine.syntax.template_blocks import find_template_blocks
from semls.engine.syntax.templates import hide_tags

# The names of LSP's SymbolKind, in the order of their values.
KINDS = tuple(
    """
    File Module Namespace Package Class Method Property Field Constructor Enum Interface Function Variable
    Constant String Number Boolean Array Object Key Null EnumMember Struct Event Operator TypeParameter
    """.split()
)

_MAX_NODE_DEPTH = 40  # of nodes that are searched for a boundary
_LINE_BREAK = re.compile(rb"\n")
_BLANK_LINES = re.compile(rb"\n(?:[ \t\f\v\r]*\n)+")

# Sources of `fingerprint`, relative to the package `semls`. Those of `files` decide which contents are
# chunked, and `stems.py` and `unspaced.py` which words the full-text index adds to a chunk.
_CHUNKING_MODULES = (
    "decoding/__init__.py",
    "decoding/codec_names.py",
    "decoding/editorconfig.py",
    "decoding/guess.py",
    "engine/syntax/chunker.py",
    "engine/syntax/definition.py",
    "engine/syntax/headers.py",
    "engine/syntax/outline.py",
    "engine/syntax/leading_nodes.py",
    "engine/syntax/doc_text.py",
    "engine/syntax/injection.py",
    "engine/syntax/notebook.py",
    "engine/syntax/pages.py",
    "engine/syntax/parse.py",
    "engine/syntax/source.py",
    "engine/syntax/stems.py",
    "engine/syntax/template_blocks.py",
    "engine/syntax/templates.py",
    "engine/syntax/unspaced.py",
    "engine/files/auxiliary.py",
    "engine/files/sensitive.py",
    "engine/files/classify.py",
    "engine/files/generated.py",
    "engine/files/machine_written.py",
)


class Chunk(NamedTuple):
    """A definition, a part of a long one, or, without a name, a part of the text around definitions."""

    span: Span
    selection: Span  # the name, or the first line if there is no name
    kind: str  # one of KINDS
    name: str
    container: str
    signature: str
    doc: str
    text: str
    language: str  # of the text that is injected into the file, or "" if it is that of the file

    @property
    def qualified_name(self) -> str:
        """The names of container and definition, separated by a dot."""
        return _join_names(self.container, self.name)


@cache
def fingerprint() -> str:
    """Return a hash that changes whenever files may be chunked or indexed differently.

    It covers the code that chunks files or finds private keys, the queries, the table of languages, and the
    versions of tree-sitter and of its grammars. The catalog stores it, and files are chunked again when it
    differs.
    """
    package = resources.files("semls")
    files = [package / name for name in _CHUNKING_MODULES]
    files += sorted((package / "engine/syntax/languages").iterdir(), key=lambda file: file.name)
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        digest.update(file.read_bytes() if file.is_file() else b"")
    for library in ("tree-sitter", "tree-sitter-language-pack"):
        digest.update(version(library).encode())
    return digest.hexdigest()


def chunk(content: bytes, language: Language) -> list[Chunk]:
    """Return the chunks of a file in their order. They do not overlap and omit only closing punctuation."""
    source, regions = read_source(content, language)
    text = source.for_parser(macros.PATTERNS.get(language.name))
    layers = parse(regions, hide_tags(text, language.tags))
    headers = scan(source, language, layers[0].root if layers else None)
    blocks = find_template_blocks(source, language)
    outline = build_outline(source, layers, headers, blocks)
    return list(_ChunkBuilder(source, language, layers).chunks(outline))


# Yields, in order, the offsets between `start` and `end` at which a text may be split.
_Boundaries = Callable[[int, int], Iterator[int]]


class _Splitter:
    """Splits texts that are too long for one chunk, preferably at the boundaries of syntax nodes."""

    def __init__(self, source: Source, layers: Sequence[Layer]) -> None:
        self._source = source
        self._roots = [layer.root for layer in layers if layer.root and not layer.region.is_injected]
        self._injected = {
            layer.region.content.id: layer.root for layer in layers if layer.root and layer.region.content
        }

    def split(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the offsets of parts that fit in a chunk each, without whitespace at their ends."""
        if end - start <= MAX_CHUNK_CHARACTERS:
            start, end = self._source.strip(start, end)
            return [(start, end)] if start < end else []
        from_coarse_to_fine = (self._nodes, self._paragraphs, self._lines, self._characters)
        parts = (self._source.strip(*part) for part in self._parts(start, end, from_coarse_to_fine))
        return [(start, end) for start, end in parts if start < end]

    def _parts(self, start: int, end: int, kinds: Sequence[_Boundaries]) -> Iterator[tuple[int, int]]:
        """Split at boundaries of the first kind, and parts that are still too long at those of the next."""
        total = self._source.count_characters(start, end)
        if total <= MAX_CHUNK_CHARACTERS or not kinds:
            yield start, end
            return
        boundaries, *finer = kinds
        # The parts should be of similar size, so that the last one is not small.
        target = total / math.ceil(total / MAX_CHUNK_CHARACTERS)
        size = 0  # of the current part, which begins at `start`
        for boundary, next_boundary in pairwise([start, *boundaries(start, end), end]):
            added = self._source.count_characters(boundary, next_boundary)
            if size and (size >= target or size + added > MAX_CHUNK_CHARACTERS):
                yield start, boundary
                start, size = boundary, 0
            if added > MAX_CHUNK_CHARACTERS:
                yield from self._parts(start, next_boundary, finer)
                start, added = next_boundary, 0
            size += added
        yield start, end

    def _nodes(self, start: int, end: int) -> Iterator[int]:
        """Yield where nodes that fit in a chunk start, if they are the first on their lines."""
        row = -1
        for node in self._fitting_nodes(self._roots, start, end):
            if node.start_point.row == row:
                continue
            offset, row = node.start_byte, node.start_point.row
            if start < offset and not self._source.data[self._source.line_start(offset) : offset].strip():
                yield offset

    def _fitting_nodes(self, nodes: Sequence[Node], start: int, end: int, depth: int = 0) -> Iterator[Node]:
        """Yield the topmost nodes that fit in a chunk, except those right below a comment."""
        comment_row = -1  # where the comment before a node ends
        for node in nodes[bisect_right(nodes, start, key=_end_byte) :]:
            if node.start_byte >= end:
                break
            is_divisible = (node.child_count > 0 or node.id in self._injected) and depth < _MAX_NODE_DEPTH
            if is_divisible and not self._source.fits_in_chunk(node.start_byte, node.end_byte):
                children = self._injected.get(node.id, node).children
                yield from self._fitting_nodes(children, start, end, depth + 1)
            elif node.start_point.row - comment_row > 1 or comment_row < 0:
                yield node
            comment_row = node.end_point.row if node.is_extra else -1

    def _paragraphs(self, start: int, end: int) -> Iterator[int]:
        return (match.end() for match in _BLANK_LINES.finditer(self._source.data, start, end))

    def _lines(self, start: int, end: int) -> Iterator[int]:
        return (match.end() for match in _LINE_BREAK.finditer(self._source.data, start, end - 1))

    def _characters(self, start: int, end: int) -> Iterator[int]:
        for offset in range(start + MAX_CHUNK_CHARACTERS, end, MAX_CHUNK_CHARACTERS):
            while self._source.data[offset] & 0xC0 == 0x80:
                offset -= 1  # noqa: PLW2901 - back to the first byte of the character
            yield offset


def _end_byte(node: Node) -> int:
    return node.end_byte


class _ChunkBuilder:
    """Converts a tree of definitions into chunks."""

    def __init__(self, source: Source, language: Language, layers: Sequence[Layer]) -> None:
        self._source, self._splitter = source, _Splitter(source, layers)
        # By group. HTML in other files is markup of their own language.
        self._languages = {
            layer.group: layer.language.name
            for layer in layers
            if layer.language.name not in (language.name, "html")
        }

    def chunks(self, definition: Definition, container: str = "") -> Iterator[Chunk]:
        """Yield the chunks of a definition and of everything in it."""
        container = _join_names(container, definition.container)
        if not definition.children and definition.name:
            yield from self._named_chunks(definition, definition.start, definition.end, container)
            return
        start = definition.start
        for child in definition.children:
            yield from self._chunks_between(definition, start, child.start, container)
            inner_container = _join_names(container, definition.name)
            if child.kind == CELL:
                yield from self.chunks(child, inner_container)
            elif definition.kind == CELL or child.layer != definition.layer:
                yield from self.chunks(child)  # whose name has no container in another language
            else:
                _refine_kind(child, definition)
                yield from self.chunks(child, inner_container)
            start = child.end
        yield from self._chunks_between(definition, start, definition.end, container)

    def _chunks_between(
        self, definition: Definition, start: int, end: int, container: str
    ) -> Iterator[Chunk]:
        """Yield the chunks of the text before, between or after the children of a definition."""
        is_head = start == definition.start
        is_namespace = definition.kind in ("namespace", CELL)
        is_shell = is_namespace or _holds_other_language(definition)
        has_nothing_but_a_name = is_shell and is_head and start == definition.head
        ignored_until = min(definition.head_end, end) if has_nothing_but_a_name else start
        if self._source.is_closing_punctuation(ignored_until, end):
            return
        is_rest_of_container = definition.kind in CONTAINERS and not is_head
        if not definition.kind or is_namespace or is_rest_of_container:
            yield from self._unnamed_chunks(definition, start, end, _join_names(container, definition.name))
        else:
            yield from self._named_chunks(definition, start, end, container)

    def _named_chunks(self, definition: Definition, start: int, end: int, container: str) -> Iterator[Chunk]:
        kind = "".join(word.title() for word in definition.kind.split("_"))
        selection = self._source.span(*self._selection(definition))
        for part_start, part_end in self._splitter.split(start, end):
            is_first = part_start == definition.start
            yield Chunk(
                span=self._source.span(part_start, part_end),
                selection=selection,
                kind=kind,
                name=definition.name,
                container=container,
                signature=definition.signature if is_first else "",
                doc=definition.doc if is_first else "",
                text=self._source.text(part_start, part_end),
                language=self._languages.get(definition.layer, ""),
            )

    def _selection(self, definition: Definition) -> tuple[int, int]:
        """Return the offsets of the name, or of the head of a long definition with its name below the body.

        This is a `typedef struct { … } name`, which a reader wants to see from its start.
        """
        body = definition.body
        if not body or body[1] > definition.selection[0]:
            return definition.selection
        is_short = self._source.fits_in_chunk(definition.start, definition.end)
        return definition.selection if is_short else self._source.strip(definition.head, body[0])

    def _unnamed_chunks(self, parent: Definition, start: int, end: int, container: str) -> Iterator[Chunk]:
        for part_start, part_end in self._splitter.split(start, end):
            first_line_end = min(part_end, self._source.line_end(part_start))
            yield Chunk(
                span=self._source.span(part_start, part_end),
                selection=self._source.span(*self._source.strip(part_start, first_line_end)),
                kind="Module",
                name="",
                container=container,
                signature="",
                doc="",
                text=self._source.text(part_start, part_end),
                language=self._languages.get(parent.layer, ""),
            )


def _refine_kind(child: Definition, parent: Definition) -> None:
    """Turn a function that belongs to a class into a method or constructor."""
    if child.kind == "function" and (parent.kind in CLASS_LIKE or child.container):
        class_name = child.container.rpartition(".")[2] or parent.name
        child.kind = "constructor" if child.name == class_name else "method"


def _holds_other_language(definition: Definition) -> bool:
    """Return whether the body of a definition is a text in another language with definitions of its own."""
    if definition.kind in FUNCTION_LIKE or not definition.body or not definition.children:
        return False
    return definition.children[0].layer != definition.layer


def _join_names(*names: str) -> str:
    return ".".join(name for name in names if name)
