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
            line_breaks = self._line_breaks_between(index, start)
            if line_breaks is None or (is_documented and self._is_other_documentation(node_start)):
                break
            can_cross = across_blank_lines and not is_documented
            if line_breaks > 1 and not (can_cross and self._documents_next(index)):
                break
            is_documented = is_documented or node_start in self._documentation
            start = node_start
            before = self._source.data[max(floor, self._source.line_start(start)) : start]
            if not before.strip():
                first_start = start
            index -= 1
        return first_start

    def _line_breaks_between(self, index: int, start: int) -> int | None:
        """Return the number of line breaks from a node to `start`, None if there is anything else."""
        between = self._source.data[self._nodes[self._starts[index]].end : start]
        return None if between.strip() else between.count(b"\n")

    def _is_other_documentation(self, start: int) -> bool:
        """Return whether a node above documentation is not part of it: a block, but not of an overload."""
        text = self._source.text(start, self._nodes[start].end)
        return start in self._documentation and text.startswith("/*") and "@overload" not in text

    def _documents_next(self, index: int) -> bool:
        """Return whether the comment that ends with a node documents the next definition."""
        end = self._nodes[self._starts[index]].end
        if self._starts[index] not in self._documentation:
            return False
        while (
            index > 0
            and self._starts[index - 1] in self._documentation
            and self._line_breaks_between(index - 1, self._starts[index]) == 1
        ):
            index -= 1
        return documents_next_definition(self._source.text(self._starts[index], end))

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
