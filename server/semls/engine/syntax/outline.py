"""Build the tree of definitions in a file from the matches of its language's query.

Queries use these capture names:

- `@definition.<kind>`: a definition. The kind is an LSP SymbolKind in snake_case.
- `@name`: the name of the definition, which extends from the first to the last of the captured nodes.
- `@part`: instead of `@name`, one of the nodes whose texts together are the name (`add:to:`).
- `@symbol`: instead of `@name`, a symbol, whose text after the colon is the name.
- `@qualified`: instead of `@name`, a name that includes its containers (`A::b`).
- `@container`: the name of the container, if another node has it.
- `@title`: instead of `@name`, a node of markup, whose text without tags is the name.
- `@body`: the part that the signature omits, if it is not the node's field `body`.
- `@function`: instead of `@body`, a node whose field `body` that is.
- `@entry`: marks a definition as an entry of a data file. If there are very many, short ones do not count.
- `@clause`: marks a definition as one of several adjacent clauses, such as equations or overloads, which are
  merged if they have the same name. Without a definition: a node that belongs to the definition right before
  it. A comment does so only if no other definition follows right after it.
- `@clause.adjacent`: the same for a definition, if only comments that document nothing stand between.
- `@level.<n>`: marks a definition as a heading, which extends to the next one of the same or a lower level.
- `@adornment`: a line of punctuation that marks a heading. Its level is the order in which the file
  introduces its character, with and without a second line above the heading.
- `@outer` and `@inner`: a definition that is an inner node has the extent of the outer node.
- `@module`: a node that is not a `@scope`, although another pattern captures it as one.
- `@member`: marks a definition as one that does not count inside a function.
- `@test`: marks a definition as one that counts also inside a short function.
- `@scope`: an unnamed node, such as an anonymous function. If it is short, definitions in it do not count.
- `@comment` and `@attribute`: nodes that belong to the definition below them, up to the first blank line.
- `@documentation`: marks a comment as one that documents the definition below it also across blank lines, as
  the tools of its language see it.
- `@doc`: a string at the start of a body that documents the definition; with `@body`, anywhere in that body.

`injection.py` lists the names for texts in other languages, which are layers of the outline.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import pairwise

from tree_sitter import Node

from semls.engine.syntax.definition import CELL, CONTAINERS, FUNCTION_LIKE, Definition
from semls.engine.syntax.doc_text import comment_text, docstring_text
from semls.engine.syntax.headers import Headers
from semls.engine.syntax.leading_nodes import LeadingNode, LeadingNodes
from semls.engine.syntax.names import split_qualified, without_quotes, without_type_arguments
from semls.engine.syntax.parse import Layer, Match
from semls.engine.syntax.source import MAX_CHUNK_CHARACTERS, WHITESPACE, Source
from semls.engine.syntax.template_blocks import TemplateBlocks

_DEFINITION = "definition."
_MAX_DEPTH = 40  # of nested definitions
_MAX_SAME_LINE_BYTES = 120  # before or after a definition on its line that become part of it
_MAX_SHORT_ENTRIES = 100  # in a file with more entries, short ones are not separate definitions
_MAX_SIGNATURE = 300  # characters
_MAX_TITLE = 100  # characters

_SPACE_AND_PUNCTUATION = WHITESPACE + b"{}()[];,"
_TAG = re.compile(r"<[^<>]*>")
_BYTES_TAG = re.compile(_TAG.pattern.encode())
_SIGNATURE_END = re.compile(r"(?:\s|[{:=;]|=>|<-|\bdo\b)+$")


def build_outline(
    source: Source, layers: Sequence[Layer], headers: Headers, blocks: TemplateBlocks
) -> Definition:
    """Return the root of the tree of definitions that the matches in all layers and the scans have found."""
    return _OutlineBuilder(source, layers, headers, blocks).build()


class _OutlineBuilder:
    def __init__(
        self, source: Source, layers: Sequence[Layer], headers: Headers, blocks: TemplateBlocks
    ) -> None:
        self._source, self._layers, self._headers, self._blocks = source, layers, headers, blocks
        self._matches: dict[int, tuple[Match, Layer]] = {}  # definitions by node id
        self._outer: dict[int, Node] = {}  # by the id of the inner node
        self._docs: dict[int, Node] = {}  # by the start of the body
        self._adornments: list[tuple[str, int]] = []  # character and number of lines of each level's headings
        self._scopes: dict[int, Definition] = {}  # by node id
        self._modules: set[int] = set()  # ids of nodes that are no scopes
        self._trailing = headers.separators.copy()  # may belong to the definition before them
        self._comments_and_attributes = headers.comments | blocks.comments  # by start
        self._documentation: set[int] = set()  # starts of comments that are marked as documentation
        for layer in layers:
            for match in layer.matches:
                self._add(match, layer)
        self._ordered = self._ordered_definitions()
        # After merging, which removes some of them.
        self._leading = LeadingNodes(source, self._comments_and_attributes, self._documentation)

    def _add(self, match: Match, layer: Layer) -> None:
        pattern, captures = match
        for capture, (node, *_) in captures.items():
            if capture.startswith(_DEFINITION):
                if node.id not in self._matches or pattern <= self._matches[node.id][0][0]:
                    self._matches[node.id] = match, layer
            elif capture in ("comment", "attribute"):
                start, end = self._strip(node)
                self._comments_and_attributes[start] = LeadingNode(end, capture == "comment")
            elif capture == "documentation":
                self._documentation.add(self._strip(node)[0])
            elif capture == "inner":
                self._outer[node.id] = captures["outer"][0]
            elif capture == "scope":
                self._scopes[node.id] = Definition("", *self._strip(node), layer=layer.group)
            elif capture == "module":
                self._modules.add(node.id)
            elif capture == "clause" and node.id not in self._matches:
                self._trailing.append(Definition("", *self._strip(node), layer=layer.group))
            elif capture == "doc":
                self._docs[captures.get("body", [node])[0].start_byte] = node

    def build(self) -> Definition:
        root = Definition("", 0, len(self._source.data))
        stack = [root]
        closed_until: defaultdict[int, int] = defaultdict(int)  # by layer: a short page may contain functions
        function_until = closed_until.copy()
        short_function_until = 0  # but a short function contains no definitions of any language
        for definition in self._ordered:
            is_closed = definition.start < max(closed_until[definition.layer], short_function_until)
            if is_closed and not definition.is_test:
                continue
            if definition.is_member and definition.start < function_until[definition.layer]:
                continue
            while len(stack) > 1 and stack[-1].end <= definition.start:
                stack.pop()
            parent = stack[-1]
            if definition.body and definition.body == parent.body:  # typedef struct a { … } b;
                continue
            definition.end = min(definition.end, parent.end)
            if definition.kind not in CONTAINERS:
                function_until[definition.layer] = max(function_until[definition.layer], definition.end)
                if self._source.fits_in_chunk(definition.start, definition.end):
                    closed_until[definition.layer] = definition.end
                    if definition.kind in FUNCTION_LIKE:
                        short_function_until = definition.end
            if definition.kind and len(stack) <= _MAX_DEPTH:
                parent.children.append(definition)
                stack.append(definition)
        self._finish(root)
        return root

    def _ordered_definitions(self) -> list[Definition]:
        """Return definitions and scopes, sorted so that each one comes before those that it contains."""
        found = _without_short_entries(
            [self._definition(captures, layer) for (_, captures), layer in self._matches.values()]
        )
        scopes = [scope for node_id, scope in self._scopes.items() if node_id not in self._modules]
        found += self._headers.besides(found, scopes, self._source)
        found += self._blocks.definitions
        self._part_chains(found)
        # Cells come before definitions of the same extent, which they contain.
        found = [cell for layer in self._layers for cell in _cell(layer)] + found
        found = self._merge_clauses(sorted(found + self._trailing, key=lambda one: (one.start, -one.end)))
        # If a scope has the same extent as a definition, the definition comes first.
        ordered = sorted(found + scopes, key=lambda one: (one.start, -one.end, one.layer, not one.kind))
        headings: defaultdict[int, list[Definition]] = defaultdict(list)  # by layer
        for one in ordered:
            if one.level:
                headings[one.layer].append(one)
        ends = {layer.group: layer.region.end for layer in reversed(self._layers)}
        for number, found in headings.items():
            _extend_headings(found, ends.get(number, len(self._source.data)))
        return ordered

    def _part_chains(self, found: list[Definition]) -> None:
        """Start each call of a chain where the one before it ends: app.get("/a", …).get("/b", …)."""
        found.sort(key=lambda one: (one.start, -one.end))
        for outer, inner in pairwise(found):
            if outer.start == inner.start and outer.selection[0] >= inner.end:
                outer.start = self._source.strip(inner.end, outer.end)[0]

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
            is_same = definition.is_clause and previous.is_clause and definition.name == previous.name
            return is_same and not (
                definition.is_adjacent_clause and self._is_declaration_between(previous.end, definition.start)
            )
        if not self._are_adjacent(previous, definition):
            return False
        node = self._comments_and_attributes.get(definition.start)
        is_comment = node is not None and node.is_comment
        return not (is_comment and following.kind and self._are_adjacent(definition, following))

    def _is_declaration_between(self, start: int, end: int) -> bool:
        """Return whether there is anything but comments that are no documentation."""
        position, _ = self._source.strip(start, end)
        while position < end:
            node = self._comments_and_attributes.get(position)
            if node is None or not node.is_comment or position in self._documentation:
                return True
            position, _ = self._source.strip(node.end, end)
        return False

    def _are_adjacent(self, one: Definition, other: Definition) -> bool:
        between = self._source.data[one.end : other.start]
        return not between.strip() and between.count(b"\n") <= 1

    def _definition(self, captures: dict[str, list[Node]], layer: Layer) -> Definition:
        kind, node = next(
            (capture.removeprefix(_DEFINITION), nodes[0])
            for capture, nodes in captures.items()
            if capture.startswith(_DEFINITION)
        )
        bodies = captures.get("body")
        body = bodies[0] if bodies else captures.get("function", [node])[0].child_by_field_name("body")
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
            level=self._level(captures),
            is_entry="entry" in captures,
            is_clause=any(capture.startswith("clause") for capture in captures),
            is_adjacent_clause="clause.adjacent" in captures,
            is_member="member" in captures,
            is_test="test" in captures,
            layer=layer.group,
        )
        self._set_name(definition, captures)
        return definition

    def _level(self, captures: dict[str, list[Node]]) -> int:
        """Return the level of a heading, 0 for other definitions."""
        adornments = captures.get("adornment")
        if not adornments:
            return next((int(capture[-1]) for capture in captures if capture.startswith("level.")), 0)
        kind = self._text(adornments[0])[:1], len(adornments)
        if kind not in self._adornments:
            self._adornments.append(kind)
        return self._adornments.index(kind) + 1

    def _set_name(self, definition: Definition, captures: dict[str, list[Node]]) -> None:
        """Set name, container and selection."""
        for node in captures.get("container", ()):
            definition.container = without_type_arguments(self._text(node))
        names = captures.get("name")
        if names:
            self._select(definition, names[0].start_byte, names[-1].end_byte)
        parts = captures.get("part")
        if parts:
            definition.selection = parts[0].start_byte, parts[-1].end_byte
            definition.name = "".join(map(self._text, parts))
        for node in captures.get("symbol", ()):
            self._select(definition, node.start_byte + 1, node.end_byte)
        for node in captures.get("title", ()):
            definition.selection = self._without_tags_at_ends(node)
            definition.name = _without_tags(self._text(node))
        for node in captures.get("qualified", ()):
            text = self._source.text(node.start_byte, node.end_byte)
            qualified = split_qualified(text)
            start, end = (
                node.start_byte + len(text[:offset].encode()) for offset in (qualified.start, qualified.end)
            )
            definition.selection = start, end
            definition.name, definition.container = qualified.name, qualified.container

    def _select(self, definition: Definition, start: int, end: int) -> None:
        """Set name and selection to a text without the quotes around it."""
        text = self._source.text(start, end)
        name = without_quotes(text)
        start += text.index(name)
        definition.selection = start, start + len(name.encode())
        definition.name = " ".join(name.split())

    def _without_tags_at_ends(self, node: Node) -> tuple[int, int]:
        tags = _BYTES_TAG.finditer(self._source.data, node.start_byte, node.end_byte)
        borders = [node.start_byte, *(offset for tag in tags for offset in tag.span()), node.end_byte]
        texts = [
            self._source.strip(start, end)
            for start, end in zip(borders[::2], borders[1::2], strict=True)
            if self._source.data[start:end].strip()
        ]
        return (texts[0][0], texts[-1][1]) if texts else (node.start_byte, node.end_byte)

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
            limits = [self._limit(child, following) for child, following in pairwise(parent.children)]
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
        definition.start = self._leading_start(definition.start, definition.kind, floor)
        definition.head, comments = self._leading.read(definition.start, definition.end)
        definition.signature = self._signature(definition.head, definition)
        docstring = self._docs.get(definition.body[0]) if definition.body else None
        if docstring:
            definition.doc = docstring_text(self._text(docstring))
        else:
            definition.doc = comment_text("\n".join(comments))

    def _limit(self, definition: Definition, following: Definition) -> int:
        """Return where the definition that follows another one starts, with everything that belongs to it."""
        start = self._extend_to_line_start(following.start, min(definition.end, following.start))
        return self._leading_start(start, following.kind, definition.selection[1])

    def _leading_start(self, start: int, kind: str, floor: int) -> int:
        # Documentation above a namespace and a blank line is that of the file.
        across_blank_lines = kind not in ("namespace", CELL)
        return self._leading.first_start(start, floor, across_blank_lines=across_blank_lines)

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


def _cell(layer: Layer) -> Iterator[Definition]:
    """Yield the cell of a layer, if it has one that is not empty."""
    start, end = layer.region.cell or (0, 0)
    if start < end:
        yield Definition(CELL, start, end, selection=(start, start), layer=layer.group)


def _extend_headings(headings: list[Definition], end: int) -> None:
    """Extend each heading to the next one of the same or a lower level, or to `end`."""
    pending: list[Definition] = []
    for heading in headings:
        while pending and pending[-1].level >= heading.level:
            pending.pop().end = heading.start
        pending.append(heading)
    for heading in pending:
        heading.end = end


def _without_tags(text: str) -> str:
    return " ".join(unescape(_TAG.sub("", text)).split())[:_MAX_TITLE]


def _format_signature(text: str) -> str:
    """Return a signature on one line, without the punctuation that precedes its body."""
    return _SIGNATURE_END.sub("", " ".join(text.split())[:_MAX_SIGNATURE])
