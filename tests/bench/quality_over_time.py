"""Measure how the answers become better while a new workspace is embedded.

python -m tests.bench.quality_over_time BENCHMARK..., with the folders that `python -m tests.bench.build`
makes. Repositories are embedded first. Then a part of the vectors answers: those that the engine would have
after a share of the time, in its order. The time of a text is taken to be proportional to its length. The
engine embeds what a search has found at once, so each question is asked again with these vectors in addition.
"""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import accumulate, islice
from operator import itemgetter
from pathlib import Path
from statistics import mean
from typing import Annotated, cast

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table

from semls.engine.indexing.embedding_queue import EmbeddingQueue, texts_to_embed
from semls.engine.models.presets import FALLBACK
from semls.engine.scheduler import Priority
from semls.engine.search.query import parse_query
from semls.engine.search.retrieval import NOTHING_NEAR, Found, nearest_chunks, search
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.vectors import VectorStore
from semls.errors import SemlsError
from semls.settings import Server
from tests.bench.indexes import Bench, Index, Repository, read_repositories
from tests.bench.metrics import HITS, Row, group_by, ndcg
from tests.bench.plot import draw_lines

SHARES = (0, 5, 10, 25, 50, 75, 100)  # per cent of the time
_TITLE = "NDCG@10 while a folder is embedded (dotted: before the candidates of the question are)"
_MAX_CHARACTERS = 1000  # of a text that are embedded, about


class PartOfVectors:
    """Some vectors, which are compared with all of them exactly."""

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self._hashes = list(vectors)
        self._matrix = np.array(list(vectors.values()))

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids of the nearest vectors with their cosine similarity, best first."""
        similarities = self._matrix @ vector
        best = ((self._hashes[row], float(similarities[row])) for row in np.argsort(-similarities))
        return list(islice((each for each in best if among is None or each[0] in among), limit))


class PartlyEmbedded:
    """An embedded repository, of which only some vectors answer."""

    def __init__(self, index: Index, bench: Bench) -> None:
        if index.sync.index is None:
            raise SemlsError("There is no model.")
        self._catalog, self._executor = index.catalog, bench.executor
        self._complete = index.sync.index
        self._index = replace(self._complete, server=Server("http://empty"))  # the catalog knows no vectors
        self._vectors: dict[str, NDArray[np.float32]] = {}

    async def read(self) -> dict[str, int]:
        """Return all hashes in the order in which the engine embeds them, and how long each one takes."""
        hashes = await EmbeddingQueue(self._index, self._catalog, self._executor).update()
        self._vectors = self._complete.vectors.get(hashes)
        texts = dict(texts_to_embed(self._catalog, hashes))
        return {each: min(len(texts[each]), _MAX_CHARACTERS) for each in hashes}

    async def find(self, text: str, embedded: Sequence[str]) -> Found:
        """Answer a question, if only these hashes have vectors."""
        catalog, executor = self._catalog, self._executor
        await executor.run(Priority.SEARCH, catalog.embedded.replace, self._index.name, embedded)
        near, query = NOTHING_NEAR, parse_query(text, HITS)
        if embedded:
            part = PartOfVectors({each: self._vectors[each] for each in embedded})
            index = replace(self._index, vectors=cast(VectorStore, part))
            coverage = Coverage(len(self._vectors), len(embedded))
            near = await nearest_chunks(query, catalog, index, coverage, executor)
        return search(query, catalog, near)


def main(
    benchmarks: Annotated[
        list[Path], typer.Argument(metavar="BENCHMARK...", exists=True, help="Folders with repos.json.")
    ],
    only: Annotated[list[str] | None, typer.Option(help="A repository or language; repeatable.")] = None,
    model: Annotated[str, typer.Option(help="Embedding model.")] = FALLBACK.name,
    cache: Annotated[Path, typer.Option(help="Folder of the indexes.")] = Path("bench-cache"),
    plot: Annotated[Path | None, typer.Option(help="Draw the lines in this SVG file.")] = None,
) -> None:
    """Print NDCG@10 after shares of the time that embedding takes, and the share of the gain."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        repositories = read_repositories(benchmarks, only or ())
        rows = asyncio.run(_run(repositories, model, cache.absolute()))
        means, again = _means(rows), _means(rows, " again")
        console.print(_table(means, again))
        if plot:
            plot.write_text(draw_lines(_TITLE, " %", SHARES, again, means), "utf-8")
    except (SemlsError, OSError) as error:
        sys.exit(str(error))


async def _run(repositories: Sequence[Repository], model: str, cache: Path) -> list[Row]:
    rows: list[Row] = []
    async with aclosing(Bench(cache, model)) as bench:
        for repository in repositories:
            async with bench.index(repository) as index:
                rows += await _answer(repository, index, bench)
    return rows


async def _answer(repository: Repository, index: Index, bench: Bench) -> list[Row]:
    """Return the NDCG of each question by share of the time, and if it is asked again."""
    part = PartlyEmbedded(index, bench)
    costs = await part.read()
    ends = list(accumulate(costs.values()))
    rows: list[Row] = [
        {"benchmark": repository.benchmark, "repository": repository.name} for _ in repository.items
    ]
    for share in SHARES:
        embedded = list(islice(costs, sum(end <= share * ends[-1] / 100 for end in ends)))
        for row, item in zip(rows, repository.items, strict=True):
            found = await part.find(item["query"], embedded)
            then = list(dict.fromkeys([*embedded, *found.promising]))
            again = await part.find(item["query"], then)
            row[f"{share}"] = ndcg([hit.entry for hit in found.hits], item)
            row[f"{share} again"] = ndcg([hit.entry for hit in again.hits], item)
    return rows


def _means(rows: Sequence[Row], suffix: str = "") -> dict[str, list[float]]:
    """Return the mean NDCG of each benchmark after each share of the time."""
    means = {}
    for benchmark, own in group_by(rows, itemgetter("benchmark")).items():
        repositories = group_by(own, itemgetter("repository")).values()
        means[benchmark] = [
            mean(mean(row[f"{share}{suffix}"] for row in each) for each in repositories) for share in SHARES
        ]
    return means


def _table(means: Mapping[str, Sequence[float]], again: Mapping[str, Sequence[float]]) -> Table:
    columns = (Column(f"{share} %", justify="right") for share in SHARES)
    table = Table("benchmark", "", *columns)
    for benchmark, values in means.items():
        for name, line in (("", values), (", again", again[benchmark])):
            gains = [f"{(each - values[0]) / (values[-1] - values[0]):.0%}" for each in line]
            table.add_row(benchmark, f"NDCG@10{name}", *(f"{each:.3f}" for each in line))
            table.add_row("", "of the gain", *gains)
    return table


if __name__ == "__main__":
    typer.run(main)
