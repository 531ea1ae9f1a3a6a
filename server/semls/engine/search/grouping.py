"""Groups ranked hits by file: the best files, each with its best hits."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")

_MAX_HITS_OF_FILE = 3
# The share of the best score that further hits of a file must reach. It is low because the evidence for a
# file counts for its best hit only. "Flat or grouped by file?" in tests/bench/RESULTS.md compares shares.
_MIN_SHARE = 0.45


def group_by_file(
    ranked: Sequence[tuple[T, float]], file_of: Callable[[T], Hashable]
) -> list[tuple[T, float]]:
    """Return ranked hits, given with their scores, such that the hits of each file are adjacent.

    Files are ordered by their best hit. Each keeps its best hits, at most three, and drops further ones
    that are clearly irrelevant. Grouping a result again does not change it.
    """
    min_score = _MIN_SHARE * max((score for _, score in ranked), default=0.0)
    files: dict[Hashable, list[tuple[T, float]]] = {}
    for hit, score in ranked:
        group = files.setdefault(file_of(hit), [])
        if not group or (len(group) < _MAX_HITS_OF_FILE and score >= min_score):
            group.append((hit, score))
    return [hit for group in files.values() for hit in group]
