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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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
from tests.bench.metrics import HITS, METHODS, Row, first_rank, half_of, ndcg
from tests.bench.report import print_comparison, print_report

MAX_CACHE_BYTES = 16 << 30
FILE_WIDTH = 140  # of tables that are written to a file or pipe


class Half(str, Enum):
    """A half of the repositories, as an option of the command line."""

    TUNING = "tuning"
    CONFIRMING = "confirming"


@dataclass(frozen=True)
class Repository:
    """A repository of a benchmark, with the queries to run on it."""

    benchmark: str
    name: str
    language: str
    root: str  # the folder that is searched, relative to the checkout
    checkout: Path
    items: list[Row]  # queries with their targets, as in annotations/NAME.json, and with their `half`


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
    model: Annotated[str, typer.Option(help="Embedding model.")] = BUNDLED.name,
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
        repositories = [
            repository
            for folder in _resolved(benchmarks)
            for repository in _repositories(folder, only or (), half)
        ]
        if not repositories:
            sys.exit("No repository and no language of the benchmarks is selected; see --only and --half.")
        earlier = json.loads(against.read_text("utf-8"))["queries"] if against else None
        bench = Bench(cache.absolute(), settings)
        result = asyncio.run(_run(repositories, bench, partial(_save, save), console))
    except (SemlsError, OSError) as error:
        sys.exit(str(error))
    print_report(result, console)
    if earlier is not None:
        print_comparison(earlier, result["queries"], console)


def _resolved(folders: Sequence[Path]) -> list[Path]:
    resolved = [folder.resolve() for folder in folders]
    if len({folder.name for folder in resolved}) < len(resolved):
        sys.exit("Two benchmarks have the same name. Rename a folder: its name identifies the benchmark.")
    return resolved


def _repositories(folder: Path, only: Sequence[str], half: Half | None) -> Iterator[Repository]:
    """Yield the selected repositories of a benchmark, each with the queries of the half."""
    rows = json.loads((folder / "repos.json").read_text("utf-8"))
    for row in rows:
        name = row["name"]
        if only and not {name, row["language"]}.intersection(only):
            continue
        items = json.loads((folder / "annotations" / f"{name}.json").read_text("utf-8"))
        for item in items:
            item["half"] = half_of(name if len(rows) > 1 else item["query"])
        selected = [item for item in items if half in (None, item["half"])]
        if selected:
            root = row.get("benchmark_root") or ""
            yield Repository(folder.name, name, row["language"], root, folder / "checkouts" / name, selected)


def _save(path: Path | None, result: Row) -> None:
    if path:
        path.write_text(json.dumps(result, indent=1), "utf-8")


async def _run(
    repositories: Sequence[Repository], bench: "Bench", save: Callable[[Row], None], console: Console
) -> Row:
    """Return the settings, the sizes of the indexes, and the outcomes of all queries."""
    result: Row = {"settings": bench.settings, "indexes": [], "queries": []}
    for repository in repositories:
        index, outcomes = await bench.run(repository)
        result["indexes"].append(index)
        result["queries"] += map(asdict, outcomes)
        save(result)  # after each repository, so that an interrupted run keeps its results
        console.print(" ".join(f"{key} {value}" for key, value in index.items()))
    return result


class Bench:
    """Indexes repositories as the engine does, and searches them."""

    def __init__(self, cache: Path, settings: Row) -> None:
        self.settings = settings
        self._cache = cache
        self._executor = PriorityExecutor()
        self._registry = EncoderRegistry(cache / "embeddings", self._executor, MAX_CACHE_BYTES, lambda: None)
        embedding_allowed = asyncio.Event()
        embedding_allowed.set()
        self._services = Services(self._executor, ParserProcess(), self, embedding_allowed)

    async def run(self, repository: Repository) -> tuple[Row, list[Outcome]]:
        """Return the size and the time of the index of a repository, and the outcomes of its queries."""
        whole = self.settings["whole"]
        root = repository.checkout / ("" if whole else repository.root)
        name = f"{repository.name}-{'whole' if whole else 'root'}"
        directory = self._cache / repository.benchmark / name
        target = Target(model_from_settings(Settings(model=self.settings["model"])))
        start = time.perf_counter()
        workspace = await Workspace.open(root.resolve(strict=True), directory, self._services, target)
        indexer = workspace.indexer
        sync = indexer.vector_sync(None)
        async for _ in indexer.follow(indexer.refresh(), sync):
            pass
        progress = indexer.progress(sync)
        index = {
            "benchmark": repository.benchmark,
            "repository": repository.name,
            "files": progress.files,
            "chunks": progress.coverage.chunks,
            "encoded": progress.encoded,
            "seconds": round(time.perf_counter() - start, 1),
        }
        catalog = await self._executor.run(Priority.SEARCH, Catalog, directory / "index.sqlite")
        outcomes = [
            await self._search(repository, item, workspace, sync, catalog) for item in repository.items
        ]
        await self._executor.run(Priority.SEARCH, catalog.close)
        await workspace.close()
        return index, outcomes

    async def load_or_fallback(self, model: Model) -> CachedEncoder | None:
        """Return the encoder of a model; None if the benchmark uses lexical search alone."""
        return CachedEncoder(*await self._registry.get(model)) if self.settings["model"] else None

    async def load_former(self, name: str) -> None:
        """Return None: no other model answers while the vectors are incomplete."""

    async def _search(
        self, repository: Repository, item: Row, workspace: Workspace, sync: VectorSync, catalog: Catalog
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
