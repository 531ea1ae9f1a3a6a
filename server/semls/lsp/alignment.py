"""Which lines two versions of a text have in common, found in bounded time."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TypeAlias

Block: TypeAlias = tuple[int, int, int]  # rows in the one text and in the other, and how many they are
_Gap: TypeAlias = tuple[int, int, int, int]  # rows from and to, in the one text and in the other

_MAX_COST = 200_000  # of comparing lines that occur several times: some hundredths of a second
_MAX_DEPTH = 8


def blocks(one: Sequence[str], other: Sequence[str]) -> list[Block]:
    """Return the rows that both texts have, in their order.

    As in a patience diff, lines that occur once in both texts are aligned, then those that occur once between
    two of these, and so on. What remains goes through difflib as long as its cost allows it.
    """
    found = list[Block]()
    left = _MAX_COST
    todo = [((0, len(one), 0, len(other)), 0)]
    while todo:
        gap, depth = todo.pop()
        gap = low, high, start, end = _trimmed(one, other, gap, found)
        if low == high or start == end or high - low == end - start == 1:
            continue
        anchors = _anchors(one, other, gap) if depth < _MAX_DEPTH else []
        if anchors:
            edges = [(low, start), *anchors, (high, end)]
            todo += [((a, b, c, d), depth + 1) for (a, c), (b, d) in pairwise(edges)]
            continue
        cost = _cost(one, other, gap)
        if cost <= left:
            left -= cost
            found += _repeated(one, other, gap) if cost else []
        elif high - low == end - start:
            shift = start - low
            found += [(row, row + shift, 1) for row in range(low, high) if one[row] == other[row + shift]]
    return sorted(found)


def _trimmed(one: Sequence[str], other: Sequence[str], gap: _Gap, found: list[Block]) -> _Gap:
    """A gap without the lines that both have at its beginning and end, which are found."""
    low, high, start, end = gap
    while low < high and start < end and one[low] == other[start]:
        low, start = low + 1, start + 1
    while low < high and start < end and one[high - 1] == other[end - 1]:
        high, end = high - 1, end - 1
    if low > gap[0]:
        found.append((gap[0], gap[2], low - gap[0]))
    if high < gap[1]:
        found.append((high, end, gap[1] - high))
    return low, high, start, end


def _anchors(one: Sequence[str], other: Sequence[str], gap: _Gap) -> list[tuple[int, int]]:
    """Lines that occur once in both sides of a gap: as many as come in the same order."""
    low, high, start, end = gap
    in_one, in_other = _once(one, low, high), _once(other, start, end)
    pairs = [
        (row, in_other[line]) for line, row in in_one.items() if row >= 0 and in_other.get(line, -1) >= 0
    ]
    return _increasing(pairs)


def _once(lines: Sequence[str], low: int, high: int) -> dict[str, int]:
    """The row of each line, -1 for one that occurs several times."""
    rows = dict[str, int]()
    for row in range(low, high):
        rows[lines[row]] = -1 if lines[row] in rows else row
    return rows


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose second members increase (patience sorting)."""
    tops, ends, before = list[int](), list[int](), list[int]()  # ends and before are indices of pairs
    for number, (_, row) in enumerate(pairs):
        pile = bisect_left(tops, row)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1], ends[pile : pile + 1] = [row], [number]
    chain = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]


def _cost(one: Sequence[str], other: Sequence[str], gap: _Gap) -> int:
    """Estimate difflib's steps: for each block that it finds, it looks at all pairs of equal lines."""
    low, high, start, end = gap
    counts = Counter(one[low:high])
    return sum(counts[line] for line in other[start:end]) * min(high - low, end - start)


def _repeated(one: Sequence[str], other: Sequence[str], gap: _Gap) -> list[Block]:
    low, high, start, end = gap
    matcher = SequenceMatcher(None, one[low:high], other[start:end], autojunk=False)
    return [(low + a, start + b, size) for a, b, size in matcher.get_matching_blocks() if size]
