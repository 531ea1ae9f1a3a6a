"""Measure how the answers become better while a new workspace is embedded.

python -m tests.bench.quality_over_time BENCHMARK..., with the folders that `python -m tests.bench.build`
makes. Repositories are embedded first. Then a part of the vectors answers: those that the engine would have
after a share of the time, in its order. The time of a text is taken to be proportional to its length.
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
from semls.engine.search.retrieval import NOTHING_NEAR, nearest_chunks, search
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.vectors import VectorStore
from semls.errors import SemlsError
from semls.settings import Server
from tests.bench.indexes import Bench, Index, Repository, read_repositories
from tests.bench.metrics import HITS, Row, group_by, ndcg
from tests.bench.plot import draw_lines

SHARES = (0, 5, 10, 25, 50, 75, 100)  # per cent of the time
_TITLE = "NDCG@10 after a share of the time that embedding takes"
_MAX_CHARACTERS = 1000  # of a text that are embedded, about


class PartOfVectors:
    """The vectors of the first hashes, which are compared with all of them exactly."""

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]], hashes: Sequence[str]) -> None:
        self._hashes = [content_hash for content_hash in hashes if content_hash in vectors]
        self._matrix = np.array([vectors[content_hash] for content_hash in self._hashes])

    def query(
        self, vector: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids of the nearest vectors with their cosine similarity, best first."""
        similarities = self._matrix @ vector if self._hashes else np.empty(0)
        best = ((self._hashes[row], float(similarities[row])) for row in np.argsort(-similarities))
        return list(islice((each for each in best if among is None or each[0] in among), limit))


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
        means = _means(asyncio.run(_run(repositories, model, cache.absolute())))
        console.print(_table(means))
        if plot:
            plot.write_text(draw_lines(_TITLE, " %", SHARES, means), "utf-8")
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
    """Return the NDCG of each question by share of the time."""
    complete = index.sync.index
    if complete is None:
        raise SemlsError("There is no model.")
    empty = replace(complete, server=Server("http://empty"))  # the catalog knows no vectors of it
    hashes = await EmbeddingQueue(empty, index.catalog, bench.executor).update()
    vectors = complete.vectors.get(hashes)
    texts = dict(texts_to_embed(index.catalog, hashes))
    ends = list(accumulate(min(len(texts[each]), _MAX_CHARACTERS) for each in hashes))
    rows: list[Row] = [
        {"benchmark": repository.benchmark, "repository": repository.name} for _ in repository.items
    ]
    for share in SHARES:
        count = sum(end <= share * ends[-1] / 100 for end in ends)
        coverage = Coverage(len(hashes), count)
        await bench.executor.run(Priority.SEARCH, index.catalog.embedded.replace, empty.name, hashes[:count])
        part = replace(empty, vectors=cast(VectorStore, PartOfVectors(vectors, hashes[:count])))
        for row, item in zip(rows, repository.items, strict=True):
            query = parse_query(item["query"], HITS)
            near = (
                await nearest_chunks(query, index.catalog, part, coverage, bench.executor)
                if count
                else NOTHING_NEAR
            )
            hits = search(query, index.catalog, near).hits
            row[f"{share}"] = ndcg([hit.entry for hit in hits], item)
    return rows


def _means(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Return the mean NDCG of each benchmark after each share of the time."""
    means = {}
    for benchmark, own in group_by(rows, itemgetter("benchmark")).items():
        repositories = group_by(own, itemgetter("repository")).values()
        means[benchmark] = [
            mean(mean(row[f"{share}"] for row in each) for each in repositories) for share in SHARES
        ]
    return means


def _table(means: Mapping[str, Sequence[float]]) -> Table:
    columns = (Column(f"{share} %", justify="right") for share in SHARES)
    table = Table("benchmark", "", *columns)
    for benchmark, values in means.items():
        first, last = values[0], values[-1]
        gains = [f"{(each - first) / (last - first):.0%}" for each in values]
        table.add_row(benchmark, "NDCG@10", *(f"{each:.3f}" for each in values))
        table.add_row("", "of the gain", *gains)
    return table


if __name__ == "__main__":
    typer.run(main)
