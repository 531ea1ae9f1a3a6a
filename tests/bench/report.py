"""Format the results of benchmarks: tables of scores, times, and the comparison with earlier results."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import quantiles
from typing import TypeVar

from rich.console import Console
from rich.table import Column, Table

from tests.bench.metrics import (
    HALVES,
    METHODS,
    METRICS,
    Row,
    Score,
    group_by,
    interval,
    mean_over_repositories,
    mean_score,
    scores,
)

MEAN = "mean of benchmarks"

_T = TypeVar("_T")


def print_report(result: Row, console: Console) -> None:
    """Print the scores of all benchmarks, their breakdown by category and language, and the times."""
    queries = result["queries"]
    console.print(result["settings"])
    console.print(_scores_table(queries), _breakdown_table(queries), _times(result))


def _scores_table(queries: Sequence[Row]) -> Table:
    """Return a table with a row for each benchmark and method."""
    table = Table("benchmark", "method", *_right("queries", *METRICS, *HALVES))
    for name, rows in _with_all(group_by(queries, itemgetter("benchmark"))).items():
        for index, method in enumerate(_tried_methods(queries)):
            label = "" if index else name
            table.add_row(label, method, str(len(rows)), *_mean_cells(rows, method))
        table.add_section()
    return table


def _mean_cells(rows: Sequence[Row], method: str) -> list[str]:
    """Return the mean of each metric, and NDCG@10 of each half."""
    means = [mean_score(scores(rows, metric, method)) for metric in METRICS]
    for half in HALVES:
        rows_of_half = (row for row in rows if row["half"] == half)
        means.append(mean_score(scores(rows_of_half, "NDCG@10", method)))
    return list(map(_format, means))


def _tried_methods(queries: Sequence[Row]) -> list[str]:
    return [method for method in METHODS if any(row["ndcg"][method] is not None for row in queries)]


def _with_all(benchmarks: dict[str, list[_T]]) -> dict[str, list[_T]]:
    """Return the benchmarks and, if there are several, a group that contains them all."""
    if len(benchmarks) == 1:
        return benchmarks
    return {**benchmarks, MEAN: [row for rows in benchmarks.values() for row in rows]}


def _breakdown_table(queries: Sequence[Row]) -> Table:
    """Return a table with a row for each category and each language, over all benchmarks."""
    methods = _tried_methods(queries)
    table = Table("NDCG@10", *_right("queries", *methods))
    for field in ("category", "language"):
        for name, rows in sorted(group_by(queries, itemgetter(field)).items()):
            means = (mean_over_repositories(scores(rows, "NDCG@10", method)) for method in methods)
            table.add_row(name, str(len(rows)), *map(_format, means))
        table.add_section()
    return table


def _times(result: Row) -> str:
    indexes = result["indexes"]
    total = {key: sum(row[key] for row in indexes) for key in ("files", "chunks", "encoded", "seconds")}
    lines = ["Indexed: " + ", ".join(f"{value:,.0f} {key}" for key, value in total.items())]
    for method in ("lexical", "hybrid"):
        times = [row["seconds"][method] for row in result["queries"] if method in row["seconds"]]
        if len(times) > 1:
            cuts = quantiles(times, n=20)
            lines.append(f"{method} search: p50 {1000 * cuts[9]:.1f} ms, p95 {1000 * cuts[18]:.1f} ms")
    return "\n".join(lines)


@dataclass(frozen=True)
class Change:
    """The results of one query with one method, before and after a change."""

    before: Row
    after: Row
    method: str

    @property
    def ndcg(self) -> float:
        """The difference of NDCG@10."""
        return self.difference("NDCG@10")

    def difference(self, metric: str) -> float:
        """Return by how much the metric grew."""
        return METRICS[metric](self.after, self.method) - METRICS[metric](self.before, self.method)

    def score(self, metric: str) -> Score:
        """Return the difference of the metric with benchmark and repository."""
        return self.after["benchmark"], self.after["repository"], self.difference(metric)

    def __str__(self) -> str:
        row = self.after
        return f"{self.ndcg:+.3f}  {row['benchmark']}/{row['repository']}: {row['query']}"


def print_comparison(before: Sequence[Row], after: Sequence[Row], console: Console) -> None:
    """Print the change of the means and of each query, for the queries in both results."""
    changes = list(_changes(before, after))
    if not changes:
        console.print("The earlier results contain none of these queries.")
        return
    changed = sorted(filter(_is_changed, changes), key=lambda change: change.ndcg)
    for method, group in sorted(group_by(changed, lambda change: change.method).items()):
        console.print(f"\n{method}", style="bold")
        for change in group:
            console.print(str(change), markup=False, highlight=False)
    console.print(_comparison_table(changes))


def _changes(before: Iterable[Row], after: Iterable[Row]) -> Iterator[Change]:
    """Yield the changes of the queries that are in both results, for the methods tried in both."""
    key = itemgetter("benchmark", "repository", "query")
    earlier = {key(row): row for row in before}
    pairs = ((earlier[key(new)], new) for new in after if key(new) in earlier)
    for old, new in pairs:
        for method in METHODS:
            if old["ndcg"][method] is not None and new["ndcg"][method] is not None:
                yield Change(old, new, method)


def _comparison_table(changes: Sequence[Change]) -> Table:
    """Return a table with a row for each benchmark and method."""
    names = ("before", "after", "change", "95 % interval", "gains", "losses", "hit@1", "95 % interval")
    table = Table("benchmark", "method", *_right(*names))
    benchmarks = group_by(changes, lambda change: str(change.after["benchmark"]))
    for name, group in _with_all(benchmarks).items():
        for index, (method, rows) in enumerate(group_by(group, lambda change: change.method).items()):
            table.add_row("" if index else name, method, *_comparison_cells(rows, method))
        table.add_section()
    return table


def _comparison_cells(changes: Sequence[Change], method: str) -> list[str]:
    before, after = ([getattr(change, side) for change in changes] for side in ("before", "after"))
    means = [mean_score(scores(rows, "NDCG@10", method)) for rows in (before, after)]
    counts = [
        sum(_is_changed(change) and (change.ndcg > 0) is up for change in changes) for up in (True, False)
    ]
    return [
        *map(_format, means),
        *_difference_cells([change.score("NDCG@10") for change in changes]),
        *map(str, counts),
        *_difference_cells([change.score("hit@1") for change in changes]),
    ]


def _difference_cells(differences: Sequence[Score]) -> tuple[str, str]:
    """Return the mean of the differences and its interval."""
    low, high = interval(differences)
    return f"{mean_score(differences) or 0.0:+.4f}", f"{low:+.4f} to {high:+.4f}"


def _is_changed(change: Change) -> bool:
    return abs(change.ndcg) > 1e-9


def _format(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]
