"""Finds the lines that two versions of a text have in common, in bounded time."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TypeAlias

# Start row in the old text, start row in the new text, number of rows.
Block: TypeAlias = tuple[int, int, int]
# Start and end row in the old text, start and end row in the new text.
_Gap: TypeAlias = tuple[int, int, int, int]

_MAX_COST = 200_000  # comparisons of repeated lines in all; they take some hundredths of a second
_MAX_DEPTH = 8
_REPEATED = -1


def matching_blocks(old: Sequence[str], new: Sequence[str]) -> list[Block]:
    """Return the blocks of rows that are equal in both texts, in increasing order.

    As in a patience diff, lines that occur once in both texts are anchors, then lines that occur once in both
    sides of a gap between two anchors, and so on. A gap without anchors is compared by difflib as long as the
    cost allows.
    """
    found: list[Block] = []
    budget = _MAX_COST
    remaining = [((0, len(old), 0, len(new)), 0)]
    while remaining:
        gap, depth = remaining.pop()
        gap = _trim(old, new, gap, found)
        old_start, old_end, new_start, new_end = gap
        old_rows, new_rows = old_end - old_start, new_end - new_start
        if old_rows == 0 or new_rows == 0 or old_rows == new_rows == 1:
            continue
        anchors = _anchors(old, new, gap) if depth < _MAX_DEPTH else []
        if anchors:
            edges = [(old_start, new_start), *anchors, (old_end, new_end)]
            for (old_low, new_low), (old_high, new_high) in pairwise(edges):
                remaining.append(((old_low, old_high, new_low, new_high), depth + 1))
            continue
        cost = _cost(old, new, gap)
        if cost <= budget:
            budget -= cost
            found += _repeated_lines(old, new, gap) if cost else []
        elif old_rows == new_rows:
            found += _equal_rows(old, new, gap)
    return sorted(found)


def _trim(old: Sequence[str], new: Sequence[str], gap: _Gap, found: list[Block]) -> _Gap:
    """Return the gap without its common prefix and suffix, which are appended to `found`."""
    old_start, old_end, new_start, new_end = gap
    while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
        old_start, new_start = old_start + 1, new_start + 1
    while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
        old_end, new_end = old_end - 1, new_end - 1
    if old_start > gap[0]:
        found.append((gap[0], gap[2], old_start - gap[0]))
    if old_end < gap[1]:
        found.append((old_end, new_end, gap[1] - old_end))
    return old_start, old_end, new_start, new_end


def _anchors(old: Sequence[str], new: Sequence[str], gap: _Gap) -> list[tuple[int, int]]:
    """Return rows of lines that occur once in both sides of a gap, as many as have the same order."""
    old_start, old_end, new_start, new_end = gap
    old_rows, new_rows = _unique_rows(old, old_start, old_end), _unique_rows(new, new_start, new_end)
    pairs = [
        (row, new_rows[line])
        for line, row in old_rows.items()
        if row != _REPEATED and new_rows.get(line, _REPEATED) != _REPEATED
    ]
    return _longest_increasing(pairs)


def _unique_rows(lines: Sequence[str], start: int, end: int) -> dict[str, int]:
    """Return the row of each line, or _REPEATED for a line that occurs several times."""
    rows: dict[str, int] = {}
    for row in range(start, end):
        line = lines[row]
        rows[line] = _REPEATED if line in rows else row
    return rows


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest subsequence whose second members increase, by patience sorting."""
    tops: list[int] = []  # of each pile, the second member of its last pair
    top_indices: list[int] = []  # of each pile, the index of its last pair
    predecessors: list[int] = []  # of each pair, the index of the one before it in a subsequence, or -1
    for index, (_, row) in enumerate(pairs):
        pile = bisect_left(tops, row)
        predecessors.append(top_indices[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(row)
            top_indices.append(index)
        else:
            tops[pile], top_indices[pile] = row, index
    subsequence = []
    index = top_indices[-1] if top_indices else -1
    while index >= 0:
        subsequence.append(pairs[index])
        index = predecessors[index]
    return subsequence[::-1]


def _cost(old: Sequence[str], new: Sequence[str], gap: _Gap) -> int:
    """Estimate how many pairs difflib compares: for each block that it finds, all pairs of equal lines."""
    old_start, old_end, new_start, new_end = gap
    counts = Counter(old[old_start:old_end])
    equal_pairs = sum(counts[line] for line in new[new_start:new_end])
    return equal_pairs * min(old_end - old_start, new_end - new_start)


def _repeated_lines(old: Sequence[str], new: Sequence[str], gap: _Gap) -> list[Block]:
    """Return the blocks that difflib finds in a gap."""
    old_start, old_end, new_start, new_end = gap
    matcher = SequenceMatcher(None, old[old_start:old_end], new[new_start:new_end], autojunk=False)
    return [
        (old_start + match.a, new_start + match.b, match.size)
        for match in matcher.get_matching_blocks()
        if match.size
    ]


def _equal_rows(old: Sequence[str], new: Sequence[str], gap: _Gap) -> list[Block]:
    """Return the rows of a gap of as many old as new lines whose line is the same."""
    old_start, old_end, new_start, _ = gap
    shift = new_start - old_start
    return [(row, row + shift, 1) for row in range(old_start, old_end) if old[row] == new[row + shift]]
