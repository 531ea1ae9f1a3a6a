r"""Find the headers of definitions by line, where the grammar fails or there is none.

A language uses this with a file `languages/<query>.headers` beside its row and its query: one regular
expression in verbose form (white space and comments do not count). It is tried at the start of each line,
after the indentation. A named group in each of its alternatives says what it matches:

- `(?P<KIND>…)`: a header. KIND is an LSP SymbolKind in snake_case. The last unnamed group that takes part is
  the name, those before it are the names of its containers. Quotes and brackets around names do not count.
- `(?P<end>…)`: the last line of the innermost definition, if that is indented as far as this line: `}`.
- `(?P<begin>…)`: the first line of a block in the innermost definition, if that is indented as far. If it
  is not the only one, an `end` ends it before the definition: `BEGIN`.
- `(?P<separator>…)`: a line that ends all definitions that are indented as far or further, and belongs to the
  definition right before it: `GO`.
- `(?P<outside>…)`: any other line that ends them and is not a part of them, as every line does in Python.
- `(?P<comment>…)`: a comment. Only for a language without a grammar, and first among the alternatives, so
  that no header is found in it. It belongs to the definition below it, up to the first blank line.
- `(?P<level>…)`, in a header: the marker of a heading, as long as its level. A heading extends to the next
  one of the same or a lower level.

A definition starts with its header. It ends with the match, if that ends with a semicolon, or with the line,
if that closes its braces, else with one of the lines above, or before the next header that is not indented
further. A header that is indented further is nested. A `method` is also nested in the class or module right
above it that has the same indentation.

    # languages/zork.headers: `Sub name` … `End Sub`, and one-line constants
    (?i:
        (?P<comment> ' [^\n]* )
      | (?P<function> (?: public | private )? [ \t]* (?: sub | function ) [ \t]+ (\w+) )
      | (?P<constant> const [ \t]+ (\w+) [^\n]* ; )
      | (?P<end> end [ \t]+ (?: sub | function ) )
    )

If there is a grammar and a query, only those headers count that are on a line with a syntax error, not in a
comment or a string, and not found by the query.

The contents of files are hostile, so an expression must take linear time: whatever repeats is bounded, stops
at a line break or is followed by nothing that can fail. A look-ahead comes before what repeats, not after it.
Bytes are matched: letters outside ASCII are `\x80-\xff`.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter

from tree_sitter import Node

from semls.engine.syntax import languages
from semls.engine.syntax.definition import CONTAINERS, Definition
from semls.engine.syntax.languages import Language
from semls.engine.syntax.leading_nodes import LeadingNode
from semls.engine.syntax.source import Source

_MAX_DEPTH = 40  # of nested definitions
_MAX_NODE_DEPTH = 200  # of the innermost node at a header
_QUOTES = b"\"'`[]"


@dataclass(slots=True)
class Headers:
    """The definitions whose headers a scan has found, and the lines that belong to definitions."""

    definitions: list[Definition] = field(default_factory=list)
    in_error: set[int] = field(default_factory=set)  # starts of those on lines that could not be parsed
    closed: set[int] = field(default_factory=set)  # starts of those whose last line was found
    parents: dict[int, Definition] = field(default_factory=dict)  # by the starts of the definitions in them
    separators: list[Definition] = field(default_factory=list)  # without a kind
    comments: dict[int, LeadingNode] = field(default_factory=dict)

    def besides(
        self, found: Sequence[Definition], scopes: Sequence[Definition], source: Source
    ) -> list[Definition]:
        """Return the definitions that are not among those that the query has found, and correct the extents.

        A container that the query has found extends to the last definition that is indented further below its
        header. Any other definition or scope ends before a header that is indented like its own, even if the
        query has found that, too: a function without a closing brace contains those that follow it.
        """
        known = self._known(found)
        self._correct(known)
        by_start = sorted(found, key=attrgetter("start"))
        starts = [one.start for one in by_start]
        enclosing = sorted([*found, *scopes], key=attrgetter("start"))
        enclosing_starts = [one.start for one in enclosing]
        others = []
        for definition in self.definitions:
            if definition.start not in self.in_error:
                continue
            same = known.get(definition.start)
            if not same:
                others.append(definition)
                parent = self.parents.get(definition.start)
                container = known.get(parent.start) if parent else None
                if container and container.kind in CONTAINERS:
                    container.end = max(container.end, definition.end)
                first, last = (bisect_left(starts, offset) for offset in (definition.start, definition.end))
                crossing = (one.start for one in by_start[first:last] if one.end > definition.end)
                definition.end = next(crossing, definition.end)
            index = bisect_left(enclosing_starts, (same or definition).start)
            _end_siblings(enclosing[max(index - _MAX_DEPTH, 0) : index], same or definition, source)
        return others

    def _known(self, found: Sequence[Definition]) -> dict[int, Definition]:
        """Return the definitions that the query has found for headers, by the starts of the headers."""
        by_name = {one.selection[0]: one for one in found}
        by_start = {one.start: one for one in found}
        names = {header.selection[0] for header in self.definitions}
        known = {}
        for header in self.definitions:
            one = by_name.get(header.selection[0]) or by_start.get(header.start)
            if one and (one.selection[0] == header.selection[0] or one.selection[0] not in names):
                known[header.start] = one
        return known

    def _correct(self, known: Mapping[int, Definition]) -> None:
        """Correct the extents of definitions in which there is a syntax error.

        None begins before the header of another one that is before its own, and none ends before its last
        line.
        """
        previous = -1
        for header in self.definitions:
            one = known.get(header.start)
            if one and one.start <= previous < header.start:
                one.start = header.start
            if one and header.start in self.closed and one.end < header.end:
                one.end = header.end
                one.body = (one.body[0], header.end) if one.body else None
            previous = header.start


def _end_siblings(found: Sequence[Definition], definition: Definition, source: Source) -> None:
    """End those definitions before another one that contain it although they are indented as far."""
    indentation = _indentation(definition, source)
    for one in found:
        is_indented_as_far = _indentation(one, source) >= indentation
        may_contain = one.kind in (CONTAINERS if definition.kind == "method" else ("module", "namespace"))
        if one.end > definition.start and is_indented_as_far and not may_contain:
            one.end = source.strip(one.start, definition.start)[1]
            one.body = (min(one.body[0], one.end), one.end) if one.body else None


def _indentation(definition: Definition, source: Source) -> int:
    line = source.data[source.line_start(definition.start) : source.line_end(definition.start)]
    return len(line) - len(line.lstrip())


def scan(source: Source, language: Language, root: Node | None) -> Headers:
    """Return the definitions in the parts of a file that could not be parsed, or in all of it.

    `root` is the root of its syntax tree, None if there is no grammar.
    """
    pattern = _pattern(language)
    if not pattern:
        return Headers()
    if root is None or not languages.definition_query(language):
        return _Scan(source, pattern).run()
    return _Scan(source, pattern, root).run() if root.has_error else Headers()


class _Scan:
    def __init__(self, source: Source, pattern: re.Pattern[bytes], root: Node | None = None) -> None:
        self._source, self._pattern, self._root = source, pattern, root
        self._errors = _errors(root) if root else []
        named = pattern.groupindex
        self._groups = [name for name in named if name not in ("indentation", "level")]
        self._name_groups = [index for index in range(1, pattern.groups + 1) if index not in named.values()]
        self._children: dict[int, list[Node]] = {}  # by the ids of nodes
        self._headers = Headers()
        self._blocks: Counter[int] = Counter()  # that have not ended, by the starts of their definitions
        self._open: list[
            tuple[int, Definition]
        ] = []  # definitions that have not ended, with their indentation

    def run(self) -> Headers:
        for match in self._pattern.finditer(self._source.data):
            self._add(match, len(match["indentation"].expandtabs(4)))
        self._close(-1, len(self._source.data))
        return self._headers

    def _add(self, match: re.Match[bytes], indentation: int) -> None:
        line, start, end = match.start(), match.end("indentation"), match.end()
        group = next(name for name in self._groups if match.start(name) >= 0)
        if group == "comment":
            self._headers.comments[start] = LeadingNode(end, is_comment=True)
        elif not self._is_code(start):
            return
        elif group == "begin":
            if self._open and self._open[-1][0] == indentation:
                self._blocks[self._open[-1][1].start] += 1
        elif group == "end":
            self._close(indentation + 1, line)
            if self._open and self._open[-1][0] == indentation:
                self._end_block(self._source.line_end(end))
        elif group == "separator":
            self._close(indentation, line)
            self._headers.separators.append(Definition("", *self._source.strip(start, end)))
        elif group == "outside":
            self._close(indentation, line)
        else:
            self._add_header(self._definition(match, group), indentation, line, end)

    def _end_block(self, offset: int) -> None:
        """End the innermost block of the innermost definition, and the definition if it is the only one."""
        definition = self._open[-1][1]
        self._blocks[definition.start] -= 1
        if self._blocks[definition.start] <= 0:
            self._open.pop()
            self._headers.closed.add(definition.start)
            self._end(definition, offset)

    def _definition(self, match: re.Match[bytes], kind: str) -> Definition:
        """Return the definition of a header, which extends to the end of the match for now."""
        spans = (match.span(index) for index in self._name_groups if match.start(index) >= 0)
        *containers, name = (_without_quotes(self._source, *span) for span in spans)
        return Definition(
            kind,
            *self._source.strip(match.end("indentation"), match.end()),
            name=self._source.text(*name),
            container=".".join(self._source.text(*container) for container in containers),
            selection=name,
            level=len(match["level"]) if "level" in match.re.groupindex else 0,
        )

    def _add_header(self, definition: Definition, indentation: int, line: int, end: int) -> None:
        self._close(indentation + 1, line)
        while self._open and self._open[-1][0] == indentation:
            if definition.kind == "method" and self._open[-1][1].kind in CONTAINERS:
                break
            self._end(self._open.pop()[1], line)
        self._headers.definitions.append(definition)
        if self._is_in_error(line, end):
            self._headers.in_error.add(definition.start)
            if self._open:
                self._headers.parents[definition.start] = self._open[-1][1]
        text = self._source.data[definition.start : self._source.line_end(end)].rstrip()
        if text.endswith(b"}") and text.count(b"{") == text.count(b"}"):
            self._end(definition, definition.start + len(text))
        elif self._source.data[end - 1 : end] != b";" and len(self._open) < _MAX_DEPTH:
            self._open.append((indentation, definition))

    def _close(self, indentation: int, offset: int) -> None:
        """End all definitions with at least this indentation at an offset."""
        while self._open and self._open[-1][0] >= indentation:
            self._end(self._open.pop()[1], offset)

    def _end(self, definition: Definition, offset: int) -> None:
        body_start = self._source.line_end(definition.selection[1])
        definition.end = self._source.strip(definition.start, offset)[1]
        definition.body = min(body_start, definition.end), definition.end

    def _is_in_error(self, start: int, end: int) -> bool:
        """Return whether there is a syntax error on the lines from `start` to `end`."""
        if not self._root:
            return True
        index = bisect_right(self._errors, (self._source.line_end(end), 0)) - 1
        return index >= 0 and self._errors[index][1] > start

    def _is_code(self, offset: int) -> bool:
        """Return whether the innermost node at an offset is neither a comment nor a string."""
        node = self._root
        if not node:
            return True
        for _ in range(_MAX_NODE_DEPTH):
            # `Node.descendant_for_byte_range` takes linear time, as it does not search among the children.
            if node.id not in self._children:
                self._children[node.id] = node.children
            children = self._children[node.id]
            index = bisect_right(children, offset, key=_start_byte) - 1
            if index < 0 or children[index].end_byte <= offset:
                break
            node = children[index]
        return node.is_error or not (node.is_extra or "comment" in node.type or "string" in node.type)


def _start_byte(node: Node) -> int:
    return node.start_byte


def _errors(root: Node) -> list[tuple[int, int]]:
    """Return the extents of the errors in a tree, in their order and disjoint.

    A block without its closing brace is an error as a whole, because it may contain what follows it.
    """
    errors = []
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            first = node.parent if node.is_missing and node.type == "}" and node.parent else node
            errors.append((first.start_byte, max(node.end_byte, node.start_byte + 1)))
        else:
            pending.extend(child for child in node.children if child.has_error)
    disjoint: list[tuple[int, int]] = []
    for start, end in sorted(errors):
        if disjoint and start < disjoint[-1][1]:
            disjoint[-1] = disjoint[-1][0], max(end, disjoint[-1][1])
        else:
            disjoint.append((start, end))
    return disjoint


def _without_quotes(source: Source, start: int, end: int) -> tuple[int, int]:
    text = source.data[start:end]
    return end - len(text.lstrip(_QUOTES)), start + len(text.rstrip(_QUOTES))


@cache
def _pattern(language: Language) -> re.Pattern[bytes] | None:
    expression = languages.header_pattern(language)
    if not expression:
        return None
    return re.compile(
        rb"^(?P<indentation>[ \t]*)(?:" + expression.encode() + b"\n)", re.MULTILINE | re.VERBOSE
    )
