"""Measures how good the answers are: NDCG@10 over queries whose answers are known.

python -m tests.bench.quality BENCHMARK CHECKOUTS, where BENCHMARK contains repos.json and annotations/*.json,
and CHECKOUTS a folder for each repository. CONTRIBUTING.md says where to get them.

A query is answered by files or by ranges of lines in files, its targets. NDCG@10 is that of
MinishLab/semble's benchmark: each target has gain 1 at the rank of the first hit in it; all other hits have
gain 0. Hit@1, hit@3 and MRR look at the first hit in any target. Means are taken over the queries of a
repository, and then over repositories.
"""

import asyncio
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import log2
from pathlib import Path
from statistics import mean, quantiles
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Column, Table

from semls.engine.indexing.context import CachedEncoder, Services, Target
from semls.engine.indexing.vector_sync import VectorSync
from semls.engine.models.presets import BUNDLED, Model
from semls.engine.models.registry import EncoderRegistry, model_from_settings
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.query import parse_query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry
from semls.engine.syntax.parser_process import ParserProcess
from semls.engine.vector_index import VectorIndex
from semls.engine.workspace import Workspace
from semls.errors import SemlsError
from semls.settings import Settings

HITS = 10
MAX_CACHE_BYTES = 16 << 30
METHODS = ("lexical", "semantic", "hybrid")
METRICS: dict[str, Callable[[int], float]] = {  # of the rank of the first hit in a target, 0 for none
    "hit@1": lambda rank: float(rank == 1),
    "hit@3": lambda rank: float(1 <= rank <= 3),
    "MRR": lambda rank: 1 / rank if rank else 0.0,
}
RESAMPLES = 2000  # of the bootstrap

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How well and how fast each method answered a query. NDCG is None for a method that was not tried.

    `first` is the rank of the first hit in a target, counted from 1; 0 if there is none among the first ten.
    """

    repository: str
    language: str
    category: str
    query: str
    ndcg: dict[str, float | None]
    first: dict[str, int]
    seconds: dict[str, float]


def main(
    benchmark: Annotated[Path, typer.Argument(exists=True, help="Folder with repos.json.")],
    checkouts: Annotated[Path, typer.Argument(exists=True, help="Folder with the checked-out repositories.")],
    whole: Annotated[
        bool, typer.Option(help="Search whole checkouts instead of their benchmark_root.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="A repository or language; repeatable.")] = None,
    lexical_only: Annotated[bool, typer.Option("--lexical", help="Search without a model.")] = False,
    model: Annotated[str, typer.Option(help="Embedding model.")] = BUNDLED.name,
    cache: Annotated[Path, typer.Option(help="Folder of the indexes.")] = Path("bench-cache"),
    save: Annotated[Path | None, typer.Option(help="Write the results to this JSON file.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with these earlier results.")] = None,
) -> None:
    """Index repositories, run all queries, and print how good the answers are."""
    console = Console()
    repositories = [
        row
        for row in json.loads((benchmark / "repos.json").read_text("utf-8"))
        if not only or {row["name"], row["language"]}.intersection(only)
    ]
    if not repositories:
        sys.exit("No repository and no language of the benchmark has this name.")
    settings = {
        "model": "" if lexical_only else model,
        "whole": whole,
        "repositories": [row["name"] for row in repositories],
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    bench = Bench(benchmark, checkouts, cache.absolute(), settings)
    result: Row = {"settings": settings, "indexes": [], "queries": []}

    async def measure() -> None:
        for row in repositories:
            index, outcomes = await bench.run(row)
            result["indexes"].append(index)
            result["queries"] += map(asdict, outcomes)
            if save:  # after each repository, so that an interrupted run keeps its results
                save.write_text(json.dumps(result, indent=1), "utf-8")
            console.print(" ".join(f"{key} {value}" for key, value in index.items()))

    try:
        asyncio.run(measure())
    except (SemlsError, OSError) as error:
        sys.exit(str(error))
    console.print(settings)
    console.print(
        _metrics_table(result["queries"]), _quality_table(result["queries"]), _speed_summary(result)
    )
    if against:
        _compare(json.loads(against.read_text("utf-8"))["queries"], result["queries"], console)


class Bench:
    """Indexes repositories as the engine does, and searches them."""

    def __init__(self, benchmark: Path, checkouts: Path, cache: Path, settings: Row) -> None:
        self._benchmark, self._checkouts, self._cache, self._settings = benchmark, checkouts, cache, settings
        self._executor = PriorityExecutor()
        self._registry = EncoderRegistry(cache / "embeddings", self._executor, MAX_CACHE_BYTES, lambda: None)
        embedding_allowed = asyncio.Event()
        embedding_allowed.set()
        self._services = Services(self._executor, ParserProcess(), self, embedding_allowed)

    async def run(self, repository: Row) -> tuple[Row, list[Outcome]]:
        """Return the size and the time of the index of a repository, and the outcomes of its queries."""
        name, whole = repository["name"], self._settings["whole"]
        root = self._checkouts / name / ("" if whole else repository.get("benchmark_root") or "")
        directory = self._cache / f"{name}-{'whole' if whole else 'root'}"
        target = Target(model_from_settings(Settings(model=self._settings["model"])))
        start = time.perf_counter()
        workspace = await Workspace.open(root.resolve(strict=True), directory, self._services, target)
        indexer = workspace.indexer
        sync = indexer.vector_sync(None)
        async for _ in indexer.follow(indexer.refresh(), sync):
            pass
        progress = indexer.progress(sync)
        index = {
            "repository": name,
            "files": progress.files,
            "chunks": progress.coverage.chunks,
            "encoded": progress.encoded,
            "seconds": round(time.perf_counter() - start, 1),
        }
        catalog = await self._executor.run(Priority.SEARCH, Catalog, directory / "index.sqlite")
        items = json.loads((self._benchmark / "annotations" / f"{name}.json").read_text("utf-8"))
        outcomes = [await self._search(repository, item, workspace, sync, catalog) for item in items]
        await self._executor.run(Priority.SEARCH, catalog.close)
        await workspace.close()
        return index, outcomes

    async def load_or_fallback(self, model: Model) -> CachedEncoder | None:
        """Return the encoder of a model; None if the benchmark uses lexical search alone."""
        return CachedEncoder(*await self._registry.get(model)) if self._settings["model"] else None

    async def load_former(self, name: str) -> None:
        """Return None: no other model answers while the vectors are incomplete."""

    async def _search(
        self, repository: Row, item: Row, workspace: Workspace, sync: VectorSync, catalog: Catalog
    ) -> Outcome:
        text, index = item["query"], sync.index
        found: dict[str, list[Entry]] = {}
        seconds = {}
        for method in ("lexical", "hybrid") if index else ("lexical",):
            query = parse_query(text, HITS, lexical_only=method == "lexical")
            start = time.perf_counter()
            result = await workspace.search(query, sync)
            seconds[method] = time.perf_counter() - start
            found[method] = [hit.entry for hit in result.hits]
        if index:
            found["semantic"] = await self._executor.run(Priority.SEARCH, _nearest, text, index, catalog)
        return Outcome(
            repository["name"],
            repository["language"],
            item["category"],
            text,
            {method: ndcg(found[method], item) if method in found else None for method in METHODS},
            {method: first_rank(found[method], item) for method in found},
            seconds,
        )


def _nearest(text: str, index: VectorIndex, catalog: Catalog) -> list[Entry]:
    """Return the chunks nearest to a query, best first."""
    neighbours = index.vectors.query(index.encoder.encode_query(text), HITS)
    chunks_by_hash = catalog.find_by_hash([content_hash for content_hash, _ in neighbours], ())
    chunks = [chunk for content_hash, _ in neighbours for chunk in chunks_by_hash.get(content_hash, [])]
    entries = catalog.entries(chunks[:HITS])
    return [entries[chunk] for chunk in chunks[:HITS]]


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
    location: Row = {"path": target} if isinstance(target, str) else target
    first, last = location.get("start_line"), location.get("end_line")
    for rank, hit in enumerate(hits, 1):
        is_outside = first and last and (hit.end_row + 1 < first or hit.start_row + 1 > last)
        if _is_same_path(hit.path, location["path"]) and not is_outside:
            return rank
    return None


def _is_same_path(path: str, other: str) -> bool:
    """Return whether two paths are equal, or one is relative to a folder of the other."""
    return f"/{path}".endswith(f"/{other}") or f"/{other}".endswith(f"/{path}")


def _metrics_table(queries: Sequence[Row]) -> Table:
    table = Table("all queries", *(Column(name, justify="right") for name in ("NDCG@10", *METRICS)))
    for method in METHODS:
        tried = [row for row in queries if row["ndcg"][method] is not None]
        means = (
            _mean_of_means((row["repository"], metric(row["first"][method])) for row in tried)
            for metric in METRICS.values()
        )
        table.add_row(method, _formatted(_mean(queries, method)), *map(_formatted, means))
    return table


def _quality_table(queries: Sequence[Row]) -> Table:
    table = Table("NDCG@10")
    for method in METHODS:
        table.add_column(method, justify="right")
    for field in ("all", "category", "language"):
        groups = defaultdict(list)
        for row in queries:
            groups[row.get(field, "all")].append(row)
        for name in sorted(groups):
            table.add_row(name, *(_formatted(_mean(groups[name], method)) for method in METHODS))
        table.add_section()
    return table


def _mean(queries: Iterable[Row], method: str) -> float | None:
    """Return the mean NDCG of a method; None if it was not tried."""
    scores = ((row["repository"], row["ndcg"][method]) for row in queries)
    return _mean_of_means((repository, score) for repository, score in scores if score is not None)


def _mean_of_means(scores: Iterable[tuple[str, float]]) -> float | None:
    """Return the mean over repositories of the mean over their queries; None if there are none."""
    by_repository = defaultdict(list)
    for repository, score in scores:
        by_repository[repository].append(score)
    return mean(map(mean, by_repository.values())) if by_repository else None


def interval(differences: Iterable[tuple[str, float]]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of paired differences, given with their repositories.

    It is the percentile bootstrap (B. Efron, 1979): queries are drawn with replacement from those of each
    repository.
    """
    by_repository = defaultdict(list)
    for repository, difference in differences:
        by_repository[repository].append(difference)
    random = np.random.default_rng(0)
    means = [random.choice(group, (RESAMPLES, len(group))).mean(axis=1) for group in by_repository.values()]
    low, high = np.percentile(np.mean(means, axis=0), (2.5, 97.5))
    return float(low), float(high)


def _formatted(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


def _speed_summary(result: Row) -> str:
    indexes = result["indexes"]
    total = {key: sum(row[key] for row in indexes) for key in ("files", "chunks", "encoded", "seconds")}
    lines = ["Indexed: " + ", ".join(f"{value:,.0f} {key}" for key, value in total.items())]
    for method in ("lexical", "hybrid"):
        times = [row["seconds"][method] for row in result["queries"] if method in row["seconds"]]
        if len(times) > 1:
            cuts = quantiles(times, n=20)
            lines.append(f"{method} search: p50 {1000 * cuts[9]:.1f} ms, p95 {1000 * cuts[18]:.1f} ms")
    return "\n".join(lines)


def _compare(before: Sequence[Row], after: Sequence[Row], console: Console) -> None:
    """Print the change of the mean and of each query, for the queries in both results."""
    earlier = {(row["repository"], row["query"]): row for row in before}
    for method in METHODS:
        pairs = [
            (old, new)
            for new in after
            if (old := earlier.get((new["repository"], new["query"])))
            and old["ndcg"][method] is not None
            and new["ndcg"][method] is not None
        ]
        if not pairs:
            continue
        changes = sorted(
            (new["ndcg"][method] - old["ndcg"][method], new["repository"], new["query"]) for old, new in pairs
        )
        low, high = interval((repository, change) for change, repository, _ in changes)
        changes = [change for change in changes if abs(change[0]) > 1e-9]
        old_mean, new_mean = (_mean(rows, method) for rows in zip(*pairs, strict=True))
        gains = sum(change[0] > 0 for change in changes)
        console.print(
            f"\n{method}: {_formatted(old_mean)} → {_formatted(new_mean)}, "
            f"{gains} gains, {len(changes) - gains} losses, 95 % interval {low:+.4f} to {high:+.4f}",
            style="bold",
        )
        for change, repository, text in changes:
            console.print(f"{change:+.3f}  {repository}: {text}", markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
