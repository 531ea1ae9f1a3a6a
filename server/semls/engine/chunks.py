"""The bytes of a file → chunks, along the definitions that a language's query names.

What a query may capture:

- `@definition.<kind>`: a definition; the kind is an LSP SymbolKind in snake_case;
- `@name`: its name, or `@qualified`: its name with what contains it (`A::b`), or with `@container` beside it;
- `@body`: what its signature leaves out, where that is not the node's field `body`;
- `@level.<n>`: beside a definition, a heading: it reaches as far as the next of this or a lower level;
- `@outer` and `@inner`: a definition that is an inner node begins and ends with the outer one;
- `@scope`: a function without a name, whose definitions are its own business while it is short;
- `@comment` and `@attribute`: what belongs to the definition below it;
- `@doc`: a string at the beginning of a body that documents it.
"""

import inspect
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, pairwise

from tree_sitter import Node, Parser, Query, QueryCursor
from tree_sitter_language_pack import get_language

from semls.engine import languages
from semls.engine.languages import Language

KINDS = tuple(
    """
    File Module Namespace Package Class Method Property Field Constructor Enum Interface Function Variable
    Constant String Number Boolean Array Object Key Null EnumMember Struct Event Operator TypeParameter
    """.split()
)

LIMIT = 2000  # characters that are not white: about 600 tokens, which embedding models still see whole

_DEFINITION = "definition."
_DEPTH = 40  # of definitions in definitions, and of nodes that are looked into for a place to cut
_BESIDE = 120  # bytes on a definition's lines that may be counted in with it
_SIGNATURE = 300  # characters

_BOM = b"\xef\xbb\xbf"
_WHITE = b" \t\r\n\f\v"
_INSIDE = bytes(range(0x80, 0xC0))  # a UTF-8 character
_ASCII = bytes(byte if 0 < byte < 0x80 else ord("x" if byte else " ") for byte in range(256))

_CLASS_LIKE = frozenset("class interface struct enum object".split())
_CONTAINERS = _CLASS_LIKE | {"module", "namespace"}

_PUNCTUATION = _WHITE + b"{}()[];,"
_LINE_BREAK = re.compile(rb"\n")
_BLANK_LINES = re.compile(rb"\n(?:[ \t\f\v\r]*\n)+")
# Each place matches in one way only: the gaps of a file must not cost more than linear time.
_CLOSING = re.compile(rb"(?:\}[ \t;]*//[^\n]*$|[\s{}()\[\];,]|\bend\b|\?>|#endif\b[^\n]*$)*", re.MULTILINE)
_LONE_CR = re.compile(rb"\r(?!\n)")
_SEPARATOR = re.compile(r"::|[.:\\]")
_TYPE_ARGUMENTS = re.compile(r"<.*>|\[.*\]", re.DOTALL)
_HEAD_END = re.compile(r"(?:\s|[{:=;]|=>|\bdo\b)+$")
_MARKER = re.compile(r"/\*+!?|//+!?|\*+/?|#+!?|--+ ?\|?|;+|%+|\(\*+|\{-+ ?\|?")
_QUOTES = re.compile(r"^[A-Za-z]*(\"\"\"|'''|\"|')(.*)\1$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a file: zero-based row, and column in bytes, a byte order mark not counted."""

    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file; the end is exclusive, a byte order mark counts in the offsets."""

    start_byte: int
    end_byte: int
    start: Point
    end: Point


@dataclass(frozen=True, slots=True)
class Chunk:
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


def decode(source: bytes) -> str:
    """UTF-8, with or without a byte order mark, else Latin-1."""
    return source.removeprefix(_BOM).decode(_encoding(source))


def chunk(source: bytes, language: Language) -> list[Chunk]:
    """The chunks of a file in their order; they do not overlap and leave out only bare punctuation."""
    file = _File(source)
    if not language.grammar:
        return list(_Chunker(file, None).run(_Definition("", 0, len(file.data))))
    tree = Parser(get_language(language.grammar)).parse(file.readable())
    outline = _Outline(file, _matches(language, tree.root_node)).build()
    return list(_Chunker(file, tree.root_node).run(outline))


def _encoding(source: bytes) -> str:
    try:
        source.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


@cache
def _query(language: Language) -> Query | None:
    source = languages.definitions(language)
    return Query(get_language(language.grammar), source) if source else None


_Match = tuple[int, dict[str, list[Node]]]


def _matches(language: Language, root: Node) -> list[_Match]:
    query = _query(language)
    return QueryCursor(query).matches(root) if query else []


class _File:
    """Bytes without byte order mark and lone carriage returns; offsets here count from after the mark."""

    def __init__(self, source: bytes) -> None:
        self.encoding = _encoding(source)
        self._skipped = len(_BOM) if source.startswith(_BOM) else 0
        self._original = source[self._skipped :]
        self._weightless = _WHITE + _INSIDE if self.encoding == "utf-8" else _WHITE
        self.data = _LONE_CR.sub(b"\n", self._original)
        lines = self.data.split(b"\n")
        self._rows = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))

    def readable(self) -> bytes:
        """What a parser can make sense of, at the same offsets."""
        if self.encoding == "utf-8":
            return self.data.replace(b"\0", b" ")
        return self.data.translate(_ASCII)

    def text(self, start: int, end: int) -> str:
        return self._original[start:end].decode(self.encoding)

    def span(self, start: int, end: int) -> Span:
        return Span(start + self._skipped, end + self._skipped, self._point(start), self._point(end))

    def _point(self, offset: int) -> Point:
        row = bisect_right(self._rows, offset) - 1
        return Point(row, offset - self._rows[row])

    def line_start(self, offset: int) -> int:
        return self.data.rfind(b"\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        end = self.data.find(b"\n", offset)
        return len(self.data) if end < 0 else end

    def weight(self, start: int, end: int) -> int:
        return len(self.data[start:end].translate(None, self._weightless))

    def fits(self, start: int, end: int) -> bool:
        return end - start <= LIMIT or self.weight(start, end) <= LIMIT

    def strip(self, start: int, end: int) -> tuple[int, int]:
        text = self.data[start:end]
        return end - len(text.lstrip()), start + len(text.rstrip())

    def is_bare(self, start: int, end: int) -> bool:
        return _CLOSING.fullmatch(self.data, start, end) is not None


@dataclass(slots=True)
class _Definition:
    kind: str
    start: int
    end: int
    name: str = ""
    container: str = ""  # as far as the definition itself names it
    selection: tuple[int, int] = (0, 0)
    body: tuple[int, int] | None = None
    level: int = 0
    head: int = 0  # where it starts without what stands above it
    signature: str = ""
    doc: str = ""
    children: "list[_Definition]" = field(default_factory=list)

    @property
    def head_end(self) -> int:
        return self.body[0] if self.body else self.selection[1]


class _Outline:
    """The definitions of a file as a tree, with what belongs to each before and behind it."""

    def __init__(self, file: _File, matches: Sequence[_Match]) -> None:
        self._file = file
        self._found: dict[int, _Match] = {}
        self._outer: dict[int, Node] = {}
        self._docs: dict[int, Node] = {}  # by where they start
        self._scopes: list[_Definition] = []
        self._above: dict[
            int, tuple[int, bool]
        ] = {}  # start of a comment or attribute → end, is it a comment
        for match in matches:
            self._sort(match)
        self._above_starts = sorted(self._above)

    def _sort(self, match: _Match) -> None:
        pattern, captures = match
        for capture, (node, *_) in captures.items():
            if capture.startswith(_DEFINITION):
                known = self._found.get(node.id, match)
                self._found[node.id] = match if pattern <= known[0] else known
            elif capture in ("comment", "attribute"):
                start, end = self._file.strip(node.start_byte, node.end_byte)
                self._above[start] = end, capture == "comment"
            elif capture == "inner":
                self._outer[node.id] = captures["outer"][0]
            elif capture == "scope":
                self._scopes.append(_Definition("", node.start_byte, node.end_byte))
            elif capture == "doc":
                self._docs[node.start_byte] = node

    def build(self) -> _Definition:
        root = _Definition("", 0, len(self._file.data))
        stack, closed = [root], 0
        for definition in self._ordered():
            if definition.start < closed:
                continue
            while len(stack) > 1 and stack[-1].end <= definition.start:
                stack.pop()
            if definition.body and definition.body == stack[-1].body:  # typedef struct a { … } b;
                continue
            definition.end = min(definition.end, stack[-1].end)
            if definition.kind not in _CONTAINERS and self._file.fits(definition.start, definition.end):
                closed = definition.end
            if definition.kind and len(stack) <= _DEPTH:
                stack[-1].children.append(definition)
                stack.append(definition)
        self._settle(root)
        return root

    def _ordered(self) -> list[_Definition]:
        found = [self._definition(captures) for _, captures in self._found.values()]
        # Where a scope is all of a definition, the definition comes first.
        ordered = sorted(found + self._scopes, key=lambda one: (one.start, -one.end, not one.kind))
        _stretch([one for one in ordered if one.level], len(self._file.data))
        return ordered

    def _definition(self, captures: dict[str, list[Node]]) -> _Definition:
        kind, node = next(
            (capture.removeprefix(_DEFINITION), nodes[0])
            for capture, nodes in captures.items()
            if capture.startswith(_DEFINITION)
        )
        bodies = captures.get("body")
        body = bodies[0] if bodies else node.child_by_field_name("body")
        level = next((int(capture[-1]) for capture in captures if capture.startswith("level.")), 0)
        outer = node
        while outer.id in self._outer:
            outer = self._outer[outer.id]
        # In Dart's grammar the body follows the definition.
        end = max(outer.end_byte, body.end_byte if body else 0)
        start, end = self._file.strip(outer.start_byte, end)
        definition = _Definition(kind, start, end, level=level)
        definition.selection = node.start_byte, node.start_byte
        definition.body = (body.start_byte, body.end_byte) if body else None
        self._name(definition, captures)
        return definition

    def _name(self, definition: _Definition, captures: dict[str, list[Node]]) -> None:
        for node in captures.get("container", ()):
            definition.container = _without_type_arguments(self._text(node))
        for node in captures.get("name", ()):
            definition.selection = node.start_byte, node.end_byte
            definition.name = self._text(node).strip("\"'")
        for node in captures.get("qualified", ()):
            *containers, name = _SEPARATOR.split(_without_type_arguments(self._text(node)))
            definition.selection = node.end_byte - len(name.encode(self._file.encoding)), node.end_byte
            definition.name, definition.container = name, ".".join(filter(None, containers))

    def _text(self, node: Node) -> str:
        return self._file.text(node.start_byte, node.end_byte).strip()

    def _settle(self, root: _Definition) -> None:
        parents = [root]
        while parents:
            parent = parents.pop()
            floor, limits = parent.selection[1], [*(child.start for child in parent.children[1:]), parent.end]
            for child, limit in zip(parent.children, limits, strict=False):
                beside = max(floor, parent.head_end)
                child.start = self._beginning(child.start, beside)
                self._describe(child, floor)
                child.end = floor = self._ending(child.end, limit)
            parents.extend(parent.children)

    def _beginning(self, start: int, floor: int) -> int:
        """Count in what stands before a definition on its line."""
        line = max(floor, self._file.line_start(start))
        before = self._file.data[line:start].lstrip(_PUNCTUATION)
        return start - len(before) if before.strip() and len(before) <= _BESIDE else start

    def _ending(self, end: int, limit: int) -> int:
        """Count in what stands behind a definition on its line."""
        line = self._file.data[end : min(limit, self._file.line_end(end))]
        if line.strip(_PUNCTUATION) and len(line) <= _BESIDE and end + len(line) < limit:
            return end + len(line.rstrip())
        return end + len(line) - len(line.lstrip(b" \t;,"))

    def _describe(self, definition: _Definition, floor: int) -> None:
        first = definition.start
        definition.start = self._top(first, floor)
        comments = []
        definition.head = definition.start
        while definition.head in self._above:
            end, is_comment = self._above[definition.head]
            comments += [self._file.text(definition.head, end)] if is_comment else []
            definition.head = self._file.strip(end, definition.end)[0]
        definition.signature = self._signature(definition.head, definition)
        docstring = self._docs.get(definition.body[0]) if definition.body else None
        definition.doc = _docstring(self._text(docstring)) if docstring else _comment("\n".join(comments))

    def _top(self, start: int, floor: int) -> int:
        """Where the comments and attributes begin that stand above with no blank line between."""
        top, index = start, bisect_left(self._above_starts, start) - 1
        while index >= 0 and self._above_starts[index] >= floor:
            above = self._above_starts[index]
            between = self._file.data[self._above[above][0] : start]
            if between.strip() or between.count(b"\n") > 1:
                break
            start = above
            if not self._file.data[max(floor, self._file.line_start(above)) : above].strip():
                top = above
            index -= 1
        return top

    def _signature(self, start: int, definition: _Definition) -> str:
        if not definition.body or definition.body[0] < start:
            return _one_line(self._file.text(start, min(definition.end, self._file.line_end(start))))
        head = self._uncommented(start, definition.body[0])
        if definition.body[1] <= definition.selection[0]:  # as in C: typedef struct { … } name;
            head += " " + self._file.text(definition.body[1], definition.end)
        return _one_line(head)

    def _uncommented(self, start: int, end: int) -> str:
        text = ""
        first, last = (bisect_left(self._above_starts, offset) for offset in (start, end))
        for above in self._above_starts[first:last]:
            if above >= start and self._above[above][1]:
                text += self._file.text(start, above)
                start = min(self._above[above][0], end)
        return text + self._file.text(start, end)


def _stretch(headings: list[_Definition], end: int) -> None:
    pending: list[_Definition] = []
    for heading in headings:
        while pending and pending[-1].level >= heading.level:
            pending.pop().end = heading.start
        pending.append(heading)
    for heading in pending:
        heading.end = end


def _without_type_arguments(name: str) -> str:
    return _TYPE_ARGUMENTS.sub("", name).lstrip("*&")


def _one_line(text: str) -> str:
    return _HEAD_END.sub("", " ".join(text.split())[:_SIGNATURE])


def _docstring(literal: str) -> str:
    match = _QUOTES.match(literal)
    return inspect.cleandoc(match[2]).strip() if match else literal


def _comment(text: str) -> str:
    lines = (_uncomment(line.strip()) for line in text.splitlines())
    return inspect.cleandoc("\n".join(lines)).strip()


def _uncomment(line: str) -> str:
    marker = _MARKER.match(line)
    text = line[marker.end() :] if marker else line
    for end in ("*/", "-}", "*)"):
        text = text.removesuffix(end)
    return text.removeprefix(" ").rstrip()


_Borders = Callable[[int, int], Iterator[int]]


class _Cutter:
    """Cuts stretches of a file that are too long, at the borders of syntax nodes where there are any."""

    def __init__(self, file: _File, root: Node | None) -> None:
        self._file, self._root = file, root

    def cut(self, start: int, end: int) -> list[tuple[int, int]]:
        """Parts within the limit, without white space around them."""
        if end - start <= LIMIT:
            start, end = self._file.strip(start, end)
            return [(start, end)] if start < end else []
        parts = self._parts(start, end, (self._nodes, self._paragraphs, self._lines, self._characters))
        stripped = (self._file.strip(*part) for part in parts)
        return [(start, end) for start, end in stripped if start < end]

    def _parts(self, start: int, end: int, ways: Sequence[_Borders]) -> Iterator[tuple[int, int]]:
        weight = self._file.weight(start, end)
        if weight <= LIMIT or not ways:
            yield start, end
            return
        borders, *finer = ways
        goal = weight / math.ceil(weight / LIMIT)  # parts of like size, no small rest
        filled = 0
        for border, following in pairwise([start, *borders(start, end), end]):
            weight = self._file.weight(border, following)
            if filled and (filled >= goal or filled + weight > LIMIT):
                yield start, border
                start, filled = border, 0
            if weight > LIMIT:
                yield from self._parts(start, following, finer)
                start, weight = following, 0
            filled += weight
        yield start, end

    def _nodes(self, start: int, end: int) -> Iterator[int]:
        """Where nodes that fit begin a line."""
        for node in self._fitting(self._root, start, end) if self._root else ():
            offset = node.start_byte
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
        for offset in range(start + LIMIT, end, LIMIT):
            while self._file.encoding == "utf-8" and self._file.data[offset] & 0xC0 == 0x80:
                offset -= 1  # noqa: PLW2901 - back to where the character begins
            yield offset


def _end_byte(node: Node) -> int:
    return node.end_byte


class _Chunker:
    """Writes out an outline: definitions, and what lies between them."""

    def __init__(self, file: _File, root: Node | None) -> None:
        self._file, self._cutter = file, _Cutter(file, root)

    def run(self, definition: _Definition, container: str = "") -> Iterator[Chunk]:
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

    def _specify(self, child: _Definition, parent: _Definition) -> None:
        if child.kind == "function" and (parent.kind in _CLASS_LIKE or child.container):
            owner = child.container.rpartition(".")[2] or parent.name
            child.kind = "constructor" if child.name == owner else "method"

    def _between(self, definition: _Definition, start: int, end: int, container: str) -> Iterator[Chunk]:
        is_head = start == definition.start
        is_namespace = definition.kind == "namespace"
        says_only_its_name = is_namespace and is_head and start == definition.head
        if self._file.is_bare(definition.head_end if says_only_its_name else start, end):
            return
        if not definition.kind or is_namespace or (definition.kind in _CONTAINERS and not is_head):
            yield from self._pieces(start, end, _joined(container, definition.name))
        else:
            yield from self._whole(definition, start, end, container)

    def _whole(self, definition: _Definition, start: int, end: int, container: str) -> Iterator[Chunk]:
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
