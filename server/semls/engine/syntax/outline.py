"""Build the tree of definitions in a file from the matches of its language's query.

Queries use these capture names:

- `@definition.<kind>`: a definition. The kind is an LSP SymbolKind in snake_case.
- `@name`: the name of the definition, which extends from the first to the last of the captured nodes.
- `@qualified`: instead of `@name`, a name that includes its containers (`A::b`).
- `@container`: the name of the container, if another node has it.
- `@title`: instead of `@name`, a node of markup, whose text without tags is the name.
- `@body`: the part that the signature omits, if it is not the node's field `body`.
- `@entry`: marks a definition as an entry of a data file. If there are very many, short ones do not count.
- `@clause`: marks a definition as one of several adjacent clauses, such as equations or overloads, which are
  merged if they have the same name. Without a definition: a node that belongs to the definition right before
  it. A comment does so only if no other definition follows right after it.
- `@level.<n>`: marks a definition as a heading, which extends to the next one of the same or a lower level.
- `@outer` and `@inner`: a definition that is an inner node has the extent of the outer node.
- `@scope`: an unnamed node, such as an anonymous function. If it is short, definitions in it do not count.
- `@comment` and `@attribute`: nodes that belong to the definition below them, up to the first blank line.
- `@documentation`: marks a comment as one that documents the definition below it also across blank lines, as
  the tools of its language see it.
- `@doc`: a string at the start of a body that documents the definition; with `@body`, anywhere in that body.
- `@inline`: the arguments of a macro, in brackets. They are parsed as if they stood there without the macro.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise

from tree_sitter import Node

from semls.engine.syntax.doc_text import comment_text, docstring_text
from semls.engine.syntax.leading_nodes import LeadingNode, LeadingNodes
from semls.engine.syntax.parse import Match
from semls.engine.syntax.source import MAX_CHUNK_CHARACTERS, WHITESPACE, Source

_DEFINITION = "definition."
_MAX_DEPTH = 40  # of nested definitions
_MAX_SAME_LINE_BYTES = 120  # before or after a definition on its line that become part of it
_MAX_SHORT_ENTRIES = 100  # in a file with more entries, short ones are not separate definitions
_MAX_SIGNATURE = 300  # characters
_MAX_TITLE = 100  # characters

CLASS_LIKE = frozenset("class interface struct enum object".split())
CONTAINERS = CLASS_LIKE | {"module", "namespace"}

_SPACE_AND_PUNCTUATION = WHITESPACE + b"{}()[];,"
_NAME_SEPARATOR = re.compile(r"::|[.:\\]")
_TYPE_ARGUMENTS = re.compile(r"<.*>|\[.*\]", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_SIGNATURE_END = re.compile(r"(?:\s|[{:=;]|=>|<-|\bdo\b)+$")


@dataclass(slots=True)
class Definition:
    """A definition, with the offsets of its parts. The root of the tree is the file and has no kind."""

    kind: str
    start: int
    end: int
    name: str = ""
    container: str = ""  # only the containers that the definition itself names
    selection: tuple[int, int] = (0, 0)  # the name
    body: tuple[int, int] | None = None
    level: int = 0  # of a heading
    is_entry: bool = False
    is_clause: bool = False
    head: int = 0  # where the definition starts after its comments and attributes
    signature: str = ""
    doc: str = ""
    children: "list[Definition]" = field(default_factory=list)

    @property
    def head_end(self) -> int:
        """Where the part before the body ends."""
        return self.body[0] if self.body else self.selection[1]


def build_outline(source: Source, matches: Sequence[Match]) -> Definition:
    """Return the root of the tree of definitions that a query's matches describe."""
    return _OutlineBuilder(source, matches).build()


class _OutlineBuilder:
    def __init__(self, source: Source, matches: Sequence[Match]) -> None:
        self._source = source
        self._matches: dict[int, Match] = {}  # definitions by node id
        self._outer: dict[int, Node] = {}  # by the id of the inner node
        self._docs: dict[int, Node] = {}  # by the start of the body
        self._scopes: list[Definition] = []
        self._trailing: list[Definition] = []  # nodes that may belong to the definition before them
        self._comments_and_attributes: dict[int, LeadingNode] = {}  # by start
        self._documentation: set[int] = set()  # starts of comments that are marked as documentation
        for match in matches:
            self._add(match)
        self._ordered = self._ordered_definitions()
        # After merging, which removes some of them.
        self._leading = LeadingNodes(source, self._comments_and_attributes, self._documentation)

    def _add(self, match: Match) -> None:
        pattern, captures = match
        for capture, (node, *_) in captures.items():
            if capture.startswith(_DEFINITION):
                known = self._matches.get(node.id, match)
                self._matches[node.id] = match if pattern <= known[0] else known
            elif capture in ("comment", "attribute"):
                start, end = self._strip(node)
                self._comments_and_attributes[start] = LeadingNode(end, capture == "comment")
            elif capture == "documentation":
                self._documentation.add(self._strip(node)[0])
            elif capture == "inner":
                self._outer[node.id] = captures["outer"][0]
            elif capture == "scope":
                self._scopes.append(Definition("", *self._strip(node)))
            elif capture == "clause" and node.id not in self._matches:
                self._trailing.append(Definition("", *self._strip(node)))
            elif capture == "doc":
                self._docs[captures.get("body", [node])[0].start_byte] = node

    def build(self) -> Definition:
        root = Definition("", 0, len(self._source.data))
        stack, closed_until = [root], 0
        for definition in self._ordered:
            if definition.start < closed_until:
                continue
            while len(stack) > 1 and stack[-1].end <= definition.start:
                stack.pop()
            parent = stack[-1]
            if definition.body and definition.body == parent.body:  # typedef struct a { … } b;
                continue
            definition.end = min(definition.end, parent.end)
            can_contain = definition.kind in CONTAINERS
            if not can_contain and self._source.fits_in_chunk(definition.start, definition.end):
                closed_until = definition.end
            if definition.kind and len(stack) <= _MAX_DEPTH:
                parent.children.append(definition)
                stack.append(definition)
        self._finish(root)
        return root

    def _ordered_definitions(self) -> list[Definition]:
        """Return definitions and scopes, sorted so that each one comes before those that it contains."""
        found = _without_short_entries([self._definition(captures) for _, captures in self._matches.values()])
        found = self._merge_clauses(sorted(found + self._trailing, key=lambda one: (one.start, -one.end)))
        # If a scope has the same extent as a definition, the definition comes first.
        ordered = sorted(found + self._scopes, key=lambda one: (one.start, -one.end, not one.kind))
        _extend_headings([one for one in ordered if one.level], len(self._source.data))
        return ordered

    def _merge_clauses(self, found: list[Definition]) -> list[Definition]:
        """Return the definitions, each merged with the clauses and trailing nodes that belong to it."""
        merged: list[Definition] = []
        enclosing: list[Definition] = []
        sentinel = Definition("", len(self._source.data), 0)
        for definition, following in pairwise([*found, sentinel]):
            previous = None
            while enclosing and enclosing[-1].end <= definition.start:
                previous = enclosing.pop()
            if previous and self._continues(definition, previous, following):
                body_start = previous.body[0] if previous.body else definition.start
                previous.body = body_start, definition.end
                previous.end = definition.end
                if not definition.kind:
                    self._comments_and_attributes.pop(definition.start, None)
            elif definition.kind:
                merged.append(definition)
                previous = definition
            if previous:
                enclosing.append(previous)
        return merged

    def _continues(self, definition: Definition, previous: Definition, following: Definition) -> bool:
        """Return whether a clause or trailing node belongs to the definition before it."""
        if definition.kind:
            return definition.is_clause and previous.is_clause and definition.name == previous.name
        if not self._are_adjacent(previous, definition):
            return False
        node = self._comments_and_attributes.get(definition.start)
        is_comment = node is not None and node.is_comment
        return not (is_comment and following.kind and self._are_adjacent(definition, following))

    def _are_adjacent(self, one: Definition, other: Definition) -> bool:
        between = self._source.data[one.end : other.start]
        return not between.strip() and between.count(b"\n") <= 1

    def _definition(self, captures: dict[str, list[Node]]) -> Definition:
        kind, node = next(
            (capture.removeprefix(_DEFINITION), nodes[0])
            for capture, nodes in captures.items()
            if capture.startswith(_DEFINITION)
        )
        bodies = captures.get("body")
        body = bodies[0] if bodies else node.child_by_field_name("body")
        outer = node
        while outer.id in self._outer:
            outer = self._outer[outer.id]
        # In Dart's grammar the body follows the node of the definition.
        end = max(node.end_byte, outer.end_byte, body.end_byte if body else 0)
        start, end = self._source.strip(outer.start_byte, end)
        definition = Definition(
            kind,
            start,
            end,
            selection=(node.start_byte, node.start_byte),
            body=(body.start_byte, body.end_byte) if body else None,
            level=next((int(capture[-1]) for capture in captures if capture.startswith("level.")), 0),
            is_entry="entry" in captures,
            is_clause="clause" in captures,
        )
        self._set_name(definition, captures)
        return definition

    def _set_name(self, definition: Definition, captures: dict[str, list[Node]]) -> None:
        """Set name, container and selection."""
        for node in captures.get("container", ()):
            definition.container = _without_type_arguments(self._text(node))
        names = captures.get("name")
        if names:
            definition.selection = names[0].start_byte, names[-1].end_byte
            definition.name = _without_quotes(" ".join(self._source.text(*definition.selection).split()))
        for node in captures.get("title", ()):
            definition.selection = node.start_byte, node.end_byte
            definition.name = _without_tags(self._text(node))
        for node in captures.get("qualified", ()):
            *containers, name = _NAME_SEPARATOR.split(_without_type_arguments(self._text(node)))
            definition.selection = node.end_byte - len(name.encode(self._source.encoding)), node.end_byte
            definition.name = _without_quotes(name)
            definition.container = ".".join(filter(None, map(_without_quotes, containers)))

    def _strip(self, node: Node) -> tuple[int, int]:
        return self._source.strip(node.start_byte, node.end_byte)

    def _text(self, node: Node) -> str:
        return self._source.text(node.start_byte, node.end_byte).strip()

    def _finish(self, root: Definition) -> None:
        """Extend each definition by what belongs to it, and set its signature and documentation."""
        parents = [root]
        while parents:
            parent = parents.pop()
            # The comments above a definition can lie inside the node of the definition before it.
            limits = [
                self._leading_start(following, child.selection[1])
                for child, following in pairwise(parent.children)
            ]
            floor = parent.selection[1]
            for child, limit in zip(parent.children, [*limits, parent.end], strict=False):
                child.end = self._source.strip(child.start, min(child.end, limit))[1]
                child.start = self._extend_to_line_start(child.start, max(floor, parent.head_end))
                self._describe(child, floor)
                child.end = floor = self._extend_to_line_end(child.end, limit)
            parents.extend(parent.children)

    def _extend_to_line_start(self, start: int, floor: int) -> int:
        """Return the start of a definition, extended by a short text before it on its line."""
        line = max(floor, self._source.line_start(start))
        before = self._source.data[line:start].lstrip(_SPACE_AND_PUNCTUATION)
        return start - len(before) if before.strip() and len(before) <= _MAX_SAME_LINE_BYTES else start

    def _extend_to_line_end(self, end: int, limit: int) -> int:
        """Return the end of a definition, extended by a short text or punctuation after it on its line."""
        line = self._source.data[end : min(limit, self._source.line_end(end))]
        has_text = line.strip(_SPACE_AND_PUNCTUATION)
        if has_text and len(line) <= _MAX_SAME_LINE_BYTES and end + len(line) < limit:
            return end + len(line.rstrip())
        return end + len(line) - len(line.lstrip(b" \t;,"))

    def _describe(self, definition: Definition, floor: int) -> None:
        """Extend a definition by the comments and attributes above it; set `signature` and `doc`."""
        definition.start = self._leading_start(definition, floor)
        definition.head, comments = self._leading.read(definition.start, definition.end)
        definition.signature = self._signature(definition.head, definition)
        docstring = self._docs.get(definition.body[0]) if definition.body else None
        if docstring:
            definition.doc = docstring_text(self._text(docstring))
        else:
            definition.doc = comment_text("\n".join(comments))

    def _leading_start(self, definition: Definition, floor: int) -> int:
        # Documentation above a namespace and a blank line is that of the file.
        return self._leading.first_start(
            definition.start, floor, across_blank_lines=definition.kind != "namespace"
        )

    def _signature(self, start: int, definition: Definition) -> str:
        if not definition.body or definition.body[0] < start:
            end = min(definition.end, self._source.line_end(start))
            return _format_signature(self._source.text(start, end))
        text = self._leading.text_without_comments(start, definition.body[0])
        if definition.body[1] <= definition.selection[0]:  # as in C: typedef struct { … } name;
            text += " " + self._source.text(definition.body[1], definition.end)
        return _format_signature(text)


def _without_short_entries(found: list[Definition]) -> list[Definition]:
    """Remove the short entries of a data file that has too many entries."""
    if sum(one.is_entry for one in found) <= _MAX_SHORT_ENTRIES:
        return found
    return [one for one in found if not one.is_entry or one.end - one.start > MAX_CHUNK_CHARACTERS // 2]


def _extend_headings(headings: list[Definition], end: int) -> None:
    """Extend each heading to the next one of the same or a lower level, or to the end of the file."""
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
    """Remove the quotes around a name, but not those at its end only: x' is a name."""
    return name.strip("\"'`") if name.startswith(("'", '"', "`")) else name


def _without_tags(text: str) -> str:
    return " ".join(unescape(_TAG.sub("", text)).split())[:_MAX_TITLE]


def _format_signature(text: str) -> str:
    """Return a signature on one line, without the punctuation that precedes its body."""
    return _SIGNATURE_END.sub("", " ".join(text.split())[:_MAX_SIGNATURE])
