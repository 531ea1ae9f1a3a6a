"""Compute the quality of search results: NDCG@10, hit@1, hit@3, MRR, their means and bootstrap intervals.

A query is answered by files or by ranges of lines in files, its targets. NDCG@10 is that of
MinishLab/semble's benchmark: each target has gain 1 at the rank of the first hit in it; all other hits have
gain 0. Hit@1, hit@3 and MRR look at the first hit in any target. Means are taken over the queries of a
repository, then over the repositories of a benchmark, and then over benchmarks.

A row is the result of one query, as `--save` writes it: `benchmark`, `repository`, `language`, `category`,
`query`, `half`, and per method `ndcg`, `first` and `seconds`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import log2
from statistics import mean
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from semls.engine.storage.schema import Entry

HITS = 10
METHODS = ("lexical", "semantic", "hybrid")
HALVES = ("tuning", "confirming")
RESAMPLES = 2000  # of the bootstrap

Row = dict[str, Any]
Score = tuple[str, str, float]  # benchmark, repository, score of a query

_T = TypeVar("_T")


def ndcg(hits: Sequence[Entry], item: Row) -> float:
    """Return the normalised discounted cumulative gain of the first ten hits, from 0 to 1."""
    targets = _targets(item)
    if not targets:
        return 0.0
    ideal = range(1, min(HITS, len(targets)) + 1)
    return sum(map(_gain, _ranks(hits, item))) / sum(map(_gain, ideal))


def first_rank(hits: Sequence[Entry], item: Row) -> int:
    """Return the rank of the first of ten hits that is in a target, counted from 1; 0 if none is."""
    return min(_ranks(hits, item), default=0)


def _ranks(hits: Sequence[Entry], item: Row) -> set[int]:
    """Return the ranks of the first hit in each target that has one."""
    ranks = (_rank(hits[:HITS], target) for target in _targets(item))
    return {rank for rank in ranks if rank}


def _targets(item: Row) -> list[str | Row]:
    return [*(item.get("relevant") or ()), *(item.get("secondary") or ())]


def _gain(rank: int) -> float:
    return 1 / log2(rank + 1)


def _rank(hits: Sequence[Entry], target: str | Row) -> int | None:
    """Return the rank of the first hit in a target, counted from 1, or None."""
    ranks = (rank for rank, hit in enumerate(hits, 1) if _is_in(hit.path, hit.start_row, hit.end_row, target))
    return next(ranks, None)


def is_answer(path: str, start_row: int, end_row: int, item: Row) -> bool:
    """Return whether some rows of a file, which count from 0, are in a target; `end_row` is the last one."""
    return any(_is_in(path, start_row, end_row, target) for target in _targets(item))


def _is_in(path: str, start_row: int, end_row: int, target: str | Row) -> bool:
    location: Row = {"path": target} if isinstance(target, str) else target
    first, last = location.get("start_line"), location.get("end_line")
    is_outside = first and last and (end_row + 1 < first or start_row + 1 > last)
    return _is_same_path(path, location["path"]) and not is_outside


def _is_same_path(path: str, other: str) -> bool:
    """Return whether two paths are equal, or one is relative to a folder of the other."""
    return f"/{path}".endswith(f"/{other}") or f"/{other}".endswith(f"/{path}")


def half_of(key: str) -> str:
    """Return the half that a repository or a query belongs to, the same one on each machine."""
    return HALVES[crc32(key.encode()) % len(HALVES)]


def _hit_within(last_rank: int) -> Callable[[Row, str], float]:
    return lambda row, method: float(1 <= row["first"][method] <= last_rank)


def _reciprocal_rank(row: Row, method: str) -> float:
    rank = row["first"][method]
    return 1 / rank if rank else 0.0


METRICS: dict[str, Callable[[Row, str], float]] = {
    "NDCG@10": lambda row, method: float(row["ndcg"][method]),
    "hit@1": _hit_within(1),
    "hit@3": _hit_within(3),
    "MRR": _reciprocal_rank,
}


def scores(rows: Iterable[Row], metric: str, method: str) -> list[Score]:
    """Return the scores of the queries for which the method was tried."""
    return [
        (row["benchmark"], row["repository"], METRICS[metric](row, method))
        for row in rows
        if row["ndcg"][method] is not None
    ]


def mean_score(found: Iterable[Score]) -> float | None:
    """Return the mean over benchmarks of the mean over repositories; None if there are no scores."""
    benchmarks = _by_benchmark(found)
    if not benchmarks:
        return None
    return mean(mean(map(mean, repositories)) for repositories in benchmarks)


def mean_over_repositories(found: Iterable[Score]) -> float | None:
    """Return the mean over the repositories of all benchmarks together; None if there are no scores."""
    repositories = [group for benchmark in _by_benchmark(found) for group in benchmark]
    return mean(map(mean, repositories)) if repositories else None


def interval(differences: Iterable[Score]) -> tuple[float, float]:
    """Return the 95 % interval of `mean_score` of paired differences.

    It is the percentile bootstrap (B. Efron, 1979): queries are drawn with replacement from those of each
    repository.
    """
    random = np.random.default_rng(0)
    means = [
        np.mean([_resampled_means(group, random) for group in repositories], axis=0)
        for repositories in _by_benchmark(differences)
    ]
    low, high = np.percentile(np.mean(means, axis=0), (2.5, 97.5))
    return float(low), float(high)


def _resampled_means(group: Sequence[float], random: np.random.Generator) -> NDArray[np.float64]:
    means: NDArray[np.float64] = random.choice(group, (RESAMPLES, len(group))).mean(axis=1)
    return means


def _by_benchmark(found: Iterable[Score]) -> list[list[list[float]]]:
    """Return the scores of each repository of each benchmark."""
    grouped: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for benchmark, repository, score in found:
        grouped[benchmark][repository].append(score)
    return [list(repositories.values()) for repositories in grouped.values()]


def group_by(rows: Iterable[_T], key: Callable[[_T], str]) -> dict[str, list[_T]]:
    """Return the rows by key, keys in the order of their first row."""
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)
