"""Measure how good the answers are, on benchmarks: queries whose answers are known.

python -m tests.bench.quality BENCHMARK..., where each BENCHMARK is a folder with repos.json,
annotations/NAME.json and checkouts/NAME. `python -m tests.bench.build` makes such folders.

The repositories are divided into two halves: a change is tuned on one and confirmed on the other. If a
benchmark has only one repository, its queries are divided.
"""

import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semls.engine.models.presets import FALLBACK
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.query import parse_query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry
from semls.engine.vector_index import VectorIndex
from semls.errors import SemlsError
from tests.bench.indexes import Bench, Index, Repository, read_repositories
from tests.bench.metrics import HITS, METHODS, Row, first_rank, ndcg
from tests.bench.report import print_comparison, print_report

FILE_WIDTH = 140  # of tables that are written to a file or pipe


class Half(str, Enum):
    """A half of the repositories, as an option of the command line."""

    TUNING = "tuning"
    CONFIRMING = "confirming"


@dataclass(frozen=True)
class Outcome:
    """How well and how fast each method answered a query. NDCG is None for a method that was not tried.

    `first` is the rank of the first hit in a target, counted from 1; 0 if there is none among the first ten.
    """

    benchmark: str
    repository: str
    language: str
    half: str
    category: str
    query: str
    ndcg: dict[str, float | None]
    first: dict[str, int]
    seconds: dict[str, float]


def main(
    benchmarks: Annotated[
        list[Path], typer.Argument(metavar="BENCHMARK...", exists=True, help="Folders with repos.json.")
    ],
    whole: Annotated[
        bool, typer.Option(help="Search whole checkouts instead of their benchmark_root.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="A repository or language; repeatable.")] = None,
    half: Annotated[Half | None, typer.Option(help="Run this half of the repositories only.")] = None,
    lexical_only: Annotated[bool, typer.Option("--lexical", help="Search without a model.")] = False,
    model: Annotated[str, typer.Option(help="Embedding model.")] = FALLBACK.name,
    cache: Annotated[Path, typer.Option(help="Folder of the indexes.")] = Path("bench-cache"),
    save: Annotated[Path | None, typer.Option(help="Write the results to this JSON file.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with these earlier results.")] = None,
) -> None:
    """Index repositories, run all queries, and print how good the answers are."""
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    settings = {
        "model": "" if lexical_only else model,
        "whole": whole,
        "half": half.value if half else "",
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    try:
        repositories = read_repositories(benchmarks, only or (), half)
        if not repositories:
            sys.exit("No repository and no language of the benchmarks is selected; see --only and --half.")
        earlier = json.loads(against.read_text("utf-8"))["queries"] if against else None
        result = asyncio.run(_run(repositories, settings, cache.absolute(), partial(_save, save), console))
    except (SemlsError, OSError) as error:
        sys.exit(str(error))
    print_report(result, console)
    if earlier is not None:
        print_comparison(earlier, result["queries"], console)


def _save(path: Path | None, result: Row) -> None:
    if path:
        path.write_text(json.dumps(result, indent=1), "utf-8")


async def _run(
    repositories: Sequence[Repository],
    settings: Row,
    cache: Path,
    save: Callable[[Row], None],
    console: Console,
) -> Row:
    """Return the settings, the sizes of the indexes, and the outcomes of all queries."""
    bench = Bench(cache, settings["model"], whole=settings["whole"])
    result: Row = {"settings": settings, "indexes": [], "queries": []}
    async with aclosing(bench):
        for repository in repositories:
            async with bench.index(repository) as index:
                outcomes = [
                    await _search(repository, item, index, bench.executor) for item in repository.items
                ]
            result["indexes"].append(index.summary)
            result["queries"] += map(asdict, outcomes)
            save(result)  # after each repository, so that an interrupted run keeps its results
            console.print(" ".join(f"{key} {value}" for key, value in index.summary.items()))
    return result


async def _search(repository: Repository, item: Row, index: Index, executor: PriorityExecutor) -> Outcome:
    text, vectors = item["query"], index.sync.index
    found: dict[str, list[Entry]] = {}
    seconds = {}
    for method in ("lexical", "hybrid") if vectors else ("lexical",):
        query = parse_query(text, HITS, lexical_only=method == "lexical")
        start = time.perf_counter()
        result = await index.workspace.search(query, index.sync)
        seconds[method] = time.perf_counter() - start
        found[method] = [hit.entry for hit in result.hits]
    if vectors:
        found["semantic"] = await executor.run(Priority.SEARCH, _nearest, text, vectors, index.catalog)
    return Outcome(
        repository.benchmark,
        repository.name,
        repository.language,
        item["half"],
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


if __name__ == "__main__":
    typer.run(main)
