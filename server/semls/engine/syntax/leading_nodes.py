"""Decide which comments and attributes belong to the definition below them."""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from typing import NamedTuple

from semls.engine.syntax.doc_text import documents_next_definition, string_text
from semls.engine.syntax.source import Source


class LeadingNode(NamedTuple):
    """A comment or attribute, which may belong to the definition below it."""

    end: int
    is_comment: bool


class LeadingNodes:
    """The comments and attributes of a file, by their starts.

    `documentation` contains the starts of the comments that document the next definition also across blank
    lines.
    """

    def __init__(
        self, source: Source, nodes: Mapping[int, LeadingNode], documentation: Collection[int]
    ) -> None:
        self._source, self._nodes, self._documentation = source, nodes, documentation
        self._starts = sorted(nodes)

    def first_start(self, start: int, floor: int, *, across_blank_lines: bool) -> int:
        """Return where the nodes begin that belong to the definition at `start`, not before `floor`.

        Of two documenting comments in a row only the last belongs to it. Adjacent lines are one comment.
        """
        first_start = start
        is_documented = False
        index = bisect_left(self._starts, start) - 1
        while index >= 0 and self._starts[index] >= floor:
            node_start = self._starts[index]
            between = self._source.data[self._nodes[node_start].end : start]
            if between.strip() or (is_documented and self._is_documentation(node_start, b"/*")):
                break
            can_cross = across_blank_lines and not is_documented and self._documents_next(node_start)
            if between.count(b"\n") > 1 and not can_cross:
                break
            is_documented = is_documented or self._is_documentation(node_start)
            start = node_start
            before = self._source.data[max(floor, self._source.line_start(start)) : start]
            if not before.strip():
                first_start = start
            index -= 1
        return first_start

    def _is_documentation(self, start: int, marker: bytes = b"") -> bool:
        return start in self._documentation and self._source.data.startswith(marker, start)

    def _documents_next(self, start: int) -> bool:
        return self._is_documentation(start) and documents_next_definition(
            self._source.text(start, self._nodes[start].end)
        )

    def read(self, start: int, end: int) -> tuple[int, list[str]]:
        """Return the offset after the nodes that follow each other at `start`, and their comments' texts."""
        comments = []
        while start in self._nodes:
            node = self._nodes[start]
            if node.is_comment:
                comments.append(string_text(self._source.text(start, node.end)))
            start = self._source.strip(node.end, end)[0]
        return start, comments

    def text_without_comments(self, start: int, end: int) -> str:
        """Return the text between two offsets without the comments in it."""
        text = ""
        first, last = (bisect_left(self._starts, offset) for offset in (start, end))
        for node_start in self._starts[first:last]:
            node = self._nodes[node_start]
            if node_start >= start and node.is_comment:
                text += self._source.text(start, node_start)
                start = min(node.end, end)
        return text + self._source.text(start, end)
