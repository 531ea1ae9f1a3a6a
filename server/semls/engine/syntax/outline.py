"""The definitions of a file as a tree, along what a language's query names.

What a query may capture:

- `@definition.<kind>`: a definition; the kind is an LSP SymbolKind in snake_case;
- `@name`: its name, or `@qualified`: its name with what contains it (`A::b`), or with `@container` beside it;
  several nodes are a name from the first to the last;
- `@title`: instead of its name, a node whose text without tags is the name;
- `@body`: what its signature leaves out, where that is not the node's field `body`;
- `@entry`: beside a definition, an entry of data: of very many, the short ones are not told apart;
- `@clause`: beside a definition, one of several in a row that are one if they have the same name: equations,
  overloads; alone, what belongs to the definition right before it, a comment only if none follows right away;
- `@level.<n>`: beside a definition, a heading: it reaches as far as the next of this or a lower level;
- `@outer` and `@inner`: a definition that is an inner node begins and ends with the outer one;
- `@scope`: what keeps its definitions to itself while it is short, such as a function without a name;
- `@comment` and `@attribute`: what belongs to the definition below it;
- `@doc`: a string at the beginning of a body that documents it; with `@body` beside it, anywhere in it;
- `@inline`: what a macro has between its brackets and compiles as if they were not there.
"""

import inspect
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from itertools import pairwise

from tree_sitter import Node, Parser, Query, QueryCursor, Range
from tree_sitter_language_pack import get_language

from semls.engine.syntax import languages
from semls.engine.syntax.languages import Language
from semls.engine.syntax.source import MAX_CHUNK_CHARACTERS, WHITE, Source

_DEFINITION = "definition."
_DEPTH = 40  # of definitions in definitions
_BESIDE = 120  # bytes on a definition's lines that may be counted in with it
_ENTRIES = 100  # in a file that are told apart however short they are
_SIGNATURE = 300  # characters
_TITLE = 100  # characters

CLASS_LIKE = frozenset("class interface struct enum object".split())
CONTAINERS = CLASS_LIKE | {"module", "namespace"}

_PUNCTUATION = WHITE + b"{}()[];,"
_SEPARATOR = re.compile(r"::|[.:\\]")
_TYPE_ARGUMENTS = re.compile(r"<.*>|\[.*\]", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_HEAD_END = re.compile(r"(?:\s|[{:=;]|=>|<-|\bdo\b)+$")
_MARKER = re.compile(r"/\*+!?|//+!?|\*+/?|#+['!]?|--+ ?[|^]?|;+|%+|\(\*+|\{-+ ?[|^]?|<!--+")
_QUOTES = re.compile(r"^[@A-Za-z ~]*(\"\"\"|'''|\"|')(.*)\1$", re.DOTALL)

_Match = tuple[int, dict[str, list[Node]]]


@dataclass(slots=True)
class Definition:
    """A definition, and where its name, its body and what belongs to it lie; the root has no kind."""

    kind: str
    start: int
    end: int
    name: str = ""
    container: str = ""  # as far as the definition itself names it
    selection: tuple[int, int] = (0, 0)
    body: tuple[int, int] | None = None
    level: int = 0
    is_entry: bool = False
    is_clause: bool = False
    head: int = 0  # where it starts without what stands above it
    signature: str = ""
    doc: str = ""
    children: "list[Definition]" = field(default_factory=list)

    @property
    def head_end(self) -> int:
        """Where what comes before the body ends."""
        return self.body[0] if self.body else self.selection[1]


class Outline:
    """The definitions of a file as a tree, with what belongs to each before and behind it."""

    def __init__(self, file: Source, matches: Sequence[_Match]) -> None:
        self._file = file
        self._found: dict[int, _Match] = {}
        self._outer: dict[int, Node] = {}
        self._docs: dict[int, Node] = {}  # by where they start
        self._scopes: list[Definition] = []
        self._tails: list[Definition] = []
        # Start of a comment or attribute → its end, and whether it is a comment
        self._above: dict[int, tuple[int, bool]] = {}
        for match in matches:
            self._sort(match)
        self._above_starts: list[int] = []

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
                self._scopes.append(Definition("", *self._file.strip(node.start_byte, node.end_byte)))
            elif capture == "clause" and node.id not in self._found:
                self._tails.append(Definition("", *self._file.strip(node.start_byte, node.end_byte)))
            elif capture == "doc":
                self._docs[captures.get("body", [node])[0].start_byte] = node

    def build(self) -> Definition:
        """The root of the tree: the whole file."""
        root = Definition("", 0, len(self._file.data))
        stack, closed = [root], 0
        ordered = self._ordered()
        self._above_starts = sorted(self._above)
        for definition in ordered:
            if definition.start < closed:
                continue
            while len(stack) > 1 and stack[-1].end <= definition.start:
                stack.pop()
            if definition.body and definition.body == stack[-1].body:  # typedef struct a { … } b;
                continue
            definition.end = min(definition.end, stack[-1].end)
            if definition.kind not in CONTAINERS and self._file.fits(definition.start, definition.end):
                closed = definition.end
            if definition.kind and len(stack) <= _DEPTH:
                stack[-1].children.append(definition)
                stack.append(definition)
        self._settle(root)
        return root

    def _ordered(self) -> list[Definition]:
        found = _worth([self._definition(captures) for _, captures in self._found.values()])
        found = self._joined(sorted(found + self._tails, key=lambda one: (one.start, -one.end)))
        # Where a scope is all of a definition, the definition comes first.
        ordered = sorted(found + self._scopes, key=lambda one: (one.start, -one.end, not one.kind))
        _stretch([one for one in ordered if one.level], len(self._file.data))
        return ordered

    def _joined(self, found: list[Definition]) -> list[Definition]:
        """Make one of the clauses of each definition."""
        joined: list[Definition] = []
        around: list[Definition] = []
        for one, after in pairwise([*found, Definition("", len(self._file.data), 0)]):
            last = None
            while around and around[-1].end <= one.start:
                last = around.pop()
            if last and self._belongs(one, last, after):
                last.body = (last.body or (one.start,))[0], one.end
                last.end = one.end
                if not one.kind:
                    self._above.pop(one.start, None)
            elif one.kind:
                joined.append(one)
                last = one
            around += [last] if last else []
        return joined

    def _belongs(self, one: Definition, last: Definition, after: Definition) -> bool:
        if one.kind:
            return one.is_clause and last.is_clause and one.name == last.name
        _, is_comment = self._above.get(one.start, (0, False))
        return self._are_close(last, one) and not (is_comment and after.kind and self._are_close(one, after))

    def _are_close(self, one: Definition, other: Definition) -> bool:
        between = self._file.data[one.end : other.start]
        return not between.strip() and between.count(b"\n") <= 1

    def _definition(self, captures: dict[str, list[Node]]) -> Definition:
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
        end = max(node.end_byte, outer.end_byte, body.end_byte if body else 0)
        start, end = self._file.strip(outer.start_byte, end)
        definition = Definition(kind, start, end, level=level, is_entry="entry" in captures)
        definition.is_clause = "clause" in captures
        definition.selection = node.start_byte, node.start_byte
        definition.body = (body.start_byte, body.end_byte) if body else None
        self._name(definition, captures)
        return definition

    def _name(self, definition: Definition, captures: dict[str, list[Node]]) -> None:
        for node in captures.get("container", ()):
            definition.container = _without_type_arguments(self._text(node))
        if names := captures.get("name"):
            definition.selection = names[0].start_byte, names[-1].end_byte
            definition.name = _without_quotes(" ".join(self._file.text(*definition.selection).split()))
        for node in captures.get("title", ()):
            definition.selection = node.start_byte, node.end_byte
            definition.name = _without_tags(self._text(node))
        for node in captures.get("qualified", ()):
            *containers, name = _SEPARATOR.split(_without_type_arguments(self._text(node)))
            definition.selection = node.end_byte - len(name.encode(self._file.encoding)), node.end_byte
            definition.name = _without_quotes(name)
            definition.container = ".".join(filter(None, map(_without_quotes, containers)))

    def _text(self, node: Node) -> str:
        return self._file.text(node.start_byte, node.end_byte).strip()

    def _settle(self, root: Definition) -> None:
        parents = [root]
        while parents:
            parent = parents.pop()
            # What stands above a definition may lie in the node of the one before it.
            tops = (self._top(after.start, child.selection[1]) for child, after in pairwise(parent.children))
            floor, limits = parent.selection[1], [*tops, parent.end]
            for child, limit in zip(parent.children, limits, strict=False):
                child.end = self._file.strip(child.start, min(child.end, limit))[1]
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

    def _describe(self, definition: Definition, floor: int) -> None:
        first = definition.start
        definition.start = self._top(first, floor)
        comments = []
        definition.head = definition.start
        while definition.head in self._above:
            end, is_comment = self._above[definition.head]
            comments += [_unquoted(self._file.text(definition.head, end))] if is_comment else []
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

    def _signature(self, start: int, definition: Definition) -> str:
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


def _worth(found: list[Definition]) -> list[Definition]:
    if sum(one.is_entry for one in found) <= _ENTRIES:
        return found
    return [one for one in found if not one.is_entry or one.end - one.start > MAX_CHUNK_CHARACTERS // 2]


def _stretch(headings: list[Definition], end: int) -> None:
    pending: list[Definition] = []
    for heading in headings:
        while pending and pending[-1].level >= heading.level:
            pending.pop().end = heading.start
        pending.append(heading)
    for heading in pending:
        heading.end = end


def _without_type_arguments(name: str) -> str:
    return _TYPE_ARGUMENTS.sub("", name).lstrip("*&")


def _without_quotes(name: str) -> str:
    return name.strip("\"'`") if name.startswith(("'", '"', "`")) else name  # x' is a name


def _without_tags(text: str) -> str:
    return " ".join(unescape(_TAG.sub("", text)).split())[:_TITLE]


def _one_line(text: str) -> str:
    return _HEAD_END.sub("", " ".join(text.split())[:_SIGNATURE])


def _docstring(literal: str) -> str:
    text = _unquoted(literal)
    return _comment(literal) if text == literal else text


def _unquoted(literal: str) -> str:
    match = _QUOTES.match(literal)
    return inspect.cleandoc(match[2]).strip() if match else literal


def _comment(text: str) -> str:
    lines = (_uncomment(line.strip()) for line in text.splitlines())
    return inspect.cleandoc("\n".join(lines)).strip()


def _uncomment(line: str) -> str:
    marker = _MARKER.match(line)
    text = line[marker.end() :] if marker else line
    for end in ("*/", "-}", "*)", "-->"):
        text = text.removesuffix(end)
    return text.removeprefix(" ").rstrip()


@cache
def _query(language: Language) -> Query | None:
    source = languages.definition_query(language)
    return Query(get_language(language.grammar), source) if source else None


def parse(language: Language, text: bytes) -> tuple[Node, list[_Match]]:
    """The root of a text's syntax tree, and what the language's query finds; nothing where it has none."""
    parser = Parser(get_language(language.grammar))
    root = parser.parse(text).root_node
    found = latest = _matches(language, root)
    while ranges := [_inside(node) for _, captures in latest for node in captures.get("inline", ())]:
        parser.included_ranges = ranges
        latest = _matches(language, parser.parse(text).root_node)
        found = found + latest
    return root, found


def _matches(language: Language, root: Node) -> list[_Match]:
    query = _query(language)
    return QueryCursor(query).matches(root) if query else []


def _inside(brackets: Node) -> Range:
    (row, column), (last, end) = brackets.start_point, brackets.end_point
    return Range((row, column + 1), (last, end - 1), brackets.start_byte + 1, brackets.end_byte - 1)
