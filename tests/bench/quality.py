"""How good the answers are: NDCG@10 over questions whose answers are known.

python -m tests.bench.quality BENCHMARK CHECKOUTS, where BENCHMARK has repos.json and annotations/*.json, and
CHECKOUTS a folder for each repository; CONTRIBUTING.md tells where to get them.

The metric is that of MinishLab/semble's benchmark. A question is answered by files, or by stretches of files,
each of gain 1 at the rank of the first hit in it; hits elsewhere use up ranks. Means are taken over the
questions of a repository, then over repositories.
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

import typer
from rich.console import Console
from rich.table import Table

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
MOST_CACHED = 16 << 30  # bytes
WAYS = ("words", "vectors", "both")

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A question, and how well and how fast each way answered it; NDCG is None where a way was not tried."""

    repository: str
    language: str
    category: str
    query: str
    ndcg: dict[str, float | None]
    seconds: dict[str, float]


def main(
    benchmark: Annotated[Path, typer.Argument(exists=True, help="The folder with repos.json.")],
    checkouts: Annotated[
        Path, typer.Argument(exists=True, help="The folder of the checked-out repositories.")
    ],
    whole: Annotated[
        bool, typer.Option(help="Search whole checkouts, not only their benchmark_root.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="A repository or a language; may be repeated.")
    ] = None,
    words: Annotated[bool, typer.Option("--lexical", help="Words alone.")] = False,
    model: Annotated[str, typer.Option(help="The model of the vectors.")] = BUNDLED.name,
    cache: Annotated[Path, typer.Option(help="The folder of the indexes.")] = Path("bench-cache"),
    save: Annotated[Path | None, typer.Option(help="Write the results here, as JSON.")] = None,
    against: Annotated[Path | None, typer.Option(help="Earlier results, to compare with.")] = None,
) -> None:
    """Index repositories, ask all questions, and print how good the answers are."""
    console = Console()
    repositories = [
        row
        for row in json.loads((benchmark / "repos.json").read_text("utf-8"))
        if not only or {row["name"], row["language"]}.intersection(only)
    ]
    if not repositories:
        sys.exit("No repository and no language of the benchmark has that name.")
    settings = {
        "model": "" if words else model,
        "whole": whole,
        "repositories": [row["name"] for row in repositories],
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    bench = Bench(benchmark, checkouts, cache.absolute(), settings)
    result: Row = {"settings": settings, "indexes": [], "questions": []}

    async def measure() -> None:
        for row in repositories:
            index, asked = await bench.run(row)
            result["indexes"].append(index)
            result["questions"] += map(asdict, asked)
            if save:  # what is done is kept
                save.write_text(json.dumps(result, indent=1), "utf-8")
            console.print(" ".join(f"{key} {value}" for key, value in index.items()))

    try:
        asyncio.run(measure())
    except (SemlsError, OSError) as error:
        sys.exit(str(error))
    console.print(settings)
    console.print(_quality(result["questions"]), _speed(result))
    if against:
        _compare(json.loads(against.read_text("utf-8"))["questions"], result["questions"], console)


class Bench:
    """Indexes a repository as the engine does, and asks it."""

    def __init__(self, benchmark: Path, checkouts: Path, cache: Path, settings: Row) -> None:
        self._benchmark, self._checkouts, self._cache, self._settings = benchmark, checkouts, cache, settings
        self._executor = PriorityExecutor()
        self._encoders = EncoderRegistry(cache / "embeddings", self._executor, MOST_CACHED, lambda: None)
        embedding_allowed = asyncio.Event()
        embedding_allowed.set()
        self._services = Services(self._executor, ParserProcess(), self, embedding_allowed)

    async def run(self, repository: Row) -> tuple[Row, list[Asked]]:
        """What the index took, and how each question was answered."""
        name, whole = repository["name"], self._settings["whole"]
        root = self._checkouts / name / ("" if whole else repository.get("benchmark_root") or "")
        directory = self._cache / f"{name}-{'whole' if whole else 'root'}"
        target = Target(model_from_settings(Settings(model=self._settings["model"])))
        began = time.perf_counter()
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
            "seconds": round(time.perf_counter() - began, 1),
        }
        catalog = await self._executor.run(Priority.SEARCH, Catalog, directory / "index.sqlite")
        items = json.loads((self._benchmark / "annotations" / f"{name}.json").read_text("utf-8"))
        asked = [await self._ask(repository, item, workspace, sync, catalog) for item in items]
        await self._executor.run(Priority.SEARCH, catalog.close)
        await workspace.close()
        return index, asked

    async def wanted(self, model: Model) -> CachedEncoder | None:
        """Return the encoder of a model; None if the benchmark uses lexical search alone."""
        return CachedEncoder(*await self._encoders.get(model)) if self._settings["model"] else None

    async def former(self, name: str) -> None:
        """Return None: no other model answers while the vectors are incomplete."""

    async def _ask(
        self, repository: Row, item: Row, workspace: Workspace, sync: VectorSync, catalog: Catalog
    ) -> Asked:
        text, index = item["query"], sync.index
        found: dict[str, list[Entry]] = {}
        seconds = {}
        for way in ("words", "both") if index else ("words",):
            began = time.perf_counter()
            result = await workspace.search(parse_query(text, HITS, lexical_only=way == "words"), sync)
            seconds[way] = time.perf_counter() - began
            found[way] = [hit.entry for hit in result.hits]
        if index:
            found["vectors"] = await self._executor.run(Priority.SEARCH, _nearest, text, index, catalog)
        return Asked(
            repository["name"],
            repository["language"],
            item["category"],
            text,
            {way: ndcg(found[way], item) if way in found else None for way in WAYS},
            seconds,
        )


def _nearest(text: str, view: VectorIndex, catalog: Catalog) -> list[Entry]:
    """The chunks whose vectors are nearest, as they come."""
    near = view.vectors.query(view.encoder.encode_query(text), HITS)
    holders = catalog.find_by_hash([content for content, _ in near], ())
    numbers = [number for content, _ in near for number in holders.get(content, [])][:HITS]
    entries = catalog.entries(numbers)
    return [entries[number] for number in numbers]


def ndcg(hits: Sequence[Entry], item: Row) -> float:
    """Normalised discounted cumulative gain of the first ten hits."""
    targets = [*(item.get("relevant") or ()), *(item.get("secondary") or ())]
    ranks = {rank for target in targets if (rank := _rank(hits[:HITS], target))}
    ideal = range(1, min(HITS, len(targets)) + 1)
    return sum(map(_gain, ranks)) / sum(map(_gain, ideal)) if targets else 0.0


def _gain(rank: int) -> float:
    return 1 / log2(rank + 1)


def _rank(hits: Sequence[Entry], target: str | Row) -> int | None:
    """From one; None where no hit lies in the target."""
    place: Row = {"path": target} if isinstance(target, str) else target
    first, last = place.get("start_line"), place.get("end_line")
    for rank, hit in enumerate(hits, 1):
        beside = first and last and (hit.end_row + 1 < first or hit.start_row + 1 > last)
        if _same(hit.path, place["path"]) and not beside:
            return rank
    return None


def _same(one: str, other: str) -> bool:
    """Paths may begin at the checkout or at the part of it that is searched."""
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def _quality(questions: Sequence[Row]) -> Table:
    table = Table("NDCG@10", *WAYS)
    for way in WAYS:
        table.columns[WAYS.index(way) + 1].justify = "right"
    for field in ("all", "category", "language"):
        groups = defaultdict(list)
        for row in questions:
            groups[row.get(field, "all")].append(row)
        for name in sorted(groups):
            table.add_row(name, *(_show(_mean(groups[name], way)) for way in WAYS))
        table.add_section()
    return table


def _mean(questions: Iterable[Row], way: str) -> float | None:
    """Over the questions of each repository, then over repositories."""
    scores = defaultdict(list)
    for row in questions:
        if row["ndcg"][way] is not None:
            scores[row["repository"]].append(row["ndcg"][way])
    return mean(map(mean, scores.values())) if scores else None


def _show(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


def _speed(result: Row) -> str:
    indexes = result["indexes"]
    total = {key: sum(row[key] for row in indexes) for key in ("files", "chunks", "encoded", "seconds")}
    lines = ["Indexed: " + ", ".join(f"{value:,.0f} {key}" for key, value in total.items())]
    for way in ("words", "both"):
        times = [row["seconds"][way] for row in result["questions"] if way in row["seconds"]]
        if len(times) > 1:
            p50, p95 = quantiles(times, n=20)[9], quantiles(times, n=20)[18]
            lines.append(f"A question by {way}: p50 {1000 * p50:.1f} ms, p95 {1000 * p95:.1f} ms")
    return "\n".join(lines)


def _compare(before: Sequence[Row], after: Sequence[Row], console: Console) -> None:
    """Gains and losses, question by question."""
    earlier = {(row["repository"], row["query"]): row for row in before}
    both = [(earlier[key], row) for row in after if (key := (row["repository"], row["query"])) in earlier]
    for way in WAYS:
        pairs = [pair for pair in both if None not in (pair[0]["ndcg"][way], pair[1]["ndcg"][way])]
        changes = sorted(
            (new["ndcg"][way] - old["ndcg"][way], new["repository"], new["query"]) for old, new in pairs
        )
        moved = [change for change in changes if abs(change[0]) > 1e-9]
        if not pairs:
            continue
        sides: Sequence[Callable[[tuple[Row, Row]], Row]] = (lambda pair: pair[0], lambda pair: pair[1])
        means = [_show(_mean(map(side, pairs), way)) for side in sides]
        gains = sum(change[0] > 0 for change in moved)
        console.print(
            f"\n{way}: {' → '.join(means)}, {gains} gains, {len(moved) - gains} losses", style="bold"
        )
        for change, repository, text in moved:
            console.print(f"{change:+.3f}  {repository}: {text}", markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
