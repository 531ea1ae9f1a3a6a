"""Grouping on made-up hits: the first letter of a hit is its file."""

import pytest

from semls.engine.search.grouping import group_by_file


def group(*ranked):
    return [hit for hit, _ in group_by_file(ranked, lambda hit: hit[0])]


@pytest.mark.parametrize(
    ("ranked", "expected"),
    [
        ([], []),
        ([("a1", 3), ("b1", 2.5), ("a2", 2)], ["a1", "a2", "b1"]),
        ([("b1", 3), ("a1", 3), ("a2", 2.5), ("b2", 2)], ["b1", "b2", "a1", "a2"]),
        ([("a1", 0), ("b1", 0), ("a2", 0)], ["a1", "a2", "b1"]),
    ],
)
def test_group_by_file_orders_files_by_their_best_hit(ranked, expected):
    assert group(*ranked) == expected


def test_group_by_file_keeps_three_hits_of_a_file():
    assert group(("a1", 5), ("a2", 5), ("b1", 4), ("a3", 3), ("a4", 3)) == ["a1", "a2", "a3", "b1"]


def test_group_by_file_drops_further_hits_with_low_scores():
    assert group(("a1", 4), ("a2", 2), ("b1", 1.5), ("a3", 1.5), ("b2", 1)) == ["a1", "a2", "b1"]


def test_group_by_file_of_grouped_hits_changes_nothing():
    ranked = [("a1", 4.0), ("b1", 3.0), ("a2", 2.0), ("a3", 0.5), ("b2", 0.5)]
    grouped = group_by_file(ranked, lambda hit: hit[0])
    assert group_by_file(sorted(grouped, key=lambda item: -item[1]), lambda hit: hit[0]) == grouped
