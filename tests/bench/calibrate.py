"""Fit the weights of `confidence` for a model, on benchmarks.

python -m tests.bench.calibrate BENCHMARK..., with the folders of tests.bench.quality. It prints a
`Calibration` for semls/engine/models/presets.py, and how well it holds for repositories on which it was not
fitted.

Each repository is asked its own queries, and some that the next repository of its benchmark answers: their
first hit is always wrong.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from semls.engine.models.presets import FALLBACK, Calibration
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.confidence import Evidence, confidence
from semls.engine.search.query import parse_query
from semls.engine.search.retrieval import NOTHING_NEAR, nearest_chunks, search
from semls.errors import SemlsError
from tests.bench.indexes import Bench, Index, Repository, read_repositories
from tests.bench.metrics import HALVES, HITS, Row, first_rank

THRESHOLD = 0.2  # below it, front-ends say that there is no strong match
FOREIGN = 4  # of so many queries of the next repository, one is asked: few questions have no answer
BINS = 10  # of the calibration error
STEPS = 50  # of Newton's method, which needs about ten


@dataclass(frozen=True)
class Sample:
    """The evidence for the first hit of a query, and whether that hit is right."""

    evidence: Evidence
    is_right: bool
    is_foreign: bool  # another repository answers the query
    half: str


def main(
    benchmarks: Annotated[
        list[Path], typer.Argument(metavar="BENCHMARK...", exists=True, help="Folders with repos.json.")
    ],
    model: Annotated[str, typer.Option(help="Embedding model; empty for lexical search.")] = FALLBACK.name,
    only: Annotated[list[str] | None, typer.Option(help="A repository or language; repeatable.")] = None,
    cache: Annotated[Path, typer.Option(help="Folder of the indexes.")] = Path("bench-cache"),
) -> None:
    """Fit the weights, and print them with their quality."""
    repositories = read_repositories(benchmarks, only or ())
    try:
        samples = asyncio.run(_samples(repositories, Bench(cache.absolute(), model)))
    except (SemlsError, OSError) as error:
        sys.exit(str(error))
    for half in HALVES:
        others = [sample for sample in samples if sample.half != half]
        selected = [sample for sample in samples if sample.half == half]
        if others and selected:
            print(f"{half}, fitted on the other half: {quality(selected, fit(others))}")
    print(f"fitted on all: {quality(samples, fit(samples))}")
    print(fit(samples))


async def _samples(repositories: Sequence[Repository], bench: Bench) -> list[Sample]:
    samples = []
    async with aclosing(bench):
        for repository, foreign in zip(repositories, _foreign_queries(repositories), strict=True):
            async with bench.index(repository) as index:
                for item in repository.items:
                    samples += await _sample(item, index, bench.executor, item["half"], is_foreign=False)
                half = repository.items[0]["half"]
                for item in foreign:
                    samples += await _sample(item, index, bench.executor, half, is_foreign=True)
    return samples


def _foreign_queries(repositories: Sequence[Repository]) -> Iterator[list[Row]]:
    """Yield, for each repository, some queries of the next one in its benchmark, if there is one."""
    by_benchmark: dict[str, list[Repository]] = defaultdict(list)
    for repository in repositories:
        by_benchmark[repository.benchmark].append(repository)
    for repository in repositories:
        group = by_benchmark[repository.benchmark]
        following = group[(group.index(repository) + 1) % len(group)]
        yield following.items[::FOREIGN] if following is not repository else []


async def _sample(
    item: Row, index: Index, executor: PriorityExecutor, half: str, *, is_foreign: bool
) -> list[Sample]:
    """Return the sample of a query, or none if it has no hit."""
    query, vectors = parse_query(item["query"], HITS), index.sync.index
    nearest = (
        await nearest_chunks(query, index.catalog, vectors, index.sync.coverage, executor)
        if vectors
        else NOTHING_NEAR
    )
    found = await executor.run(Priority.SEARCH, search, query, index.catalog, nearest)
    if not found.evidence:
        return []
    is_right = not is_foreign and first_rank([hit.entry for hit in found.hits], item) == 1
    return [Sample(found.evidence, is_right, is_foreign, half)]


def fit(samples: Sequence[Sample]) -> Calibration:
    """Return the weights with the highest likelihood, by Newton's method, rounded to two decimals."""
    features = np.array([(1.0, *sample.evidence) for sample in samples])
    right = np.array([sample.is_right for sample in samples], float)
    used = np.asarray(features.any(axis=0))  # all cosines are 0 in lexical search
    features = features[:, used]
    weights = np.zeros(features.shape[1])
    for _ in range(STEPS):
        probabilities = 1 / (1 + np.exp(-features @ weights))
        curvature = features.T @ (features * (probabilities * (1 - probabilities))[:, None])
        weights += np.linalg.solve(curvature, features.T @ (right - probabilities))
    fitted = np.zeros(len(used))
    fitted[used] = weights
    return Calibration(*(round(float(weight), 2) for weight in fitted))


def quality(samples: Sequence[Sample], calibration: Calibration) -> str:
    """Describe how well a calibration separates right first hits from wrong ones."""
    probabilities = np.array([confidence(sample.evidence, calibration) for sample in samples])
    right = np.array([sample.is_right for sample in samples])
    foreign = np.array([sample.is_foreign for sample in samples])
    weak = probabilities < THRESHOLD
    parts = {
        "area under the ROC curve": _area(probabilities, right),
        "calibration error": _calibration_error(probabilities, right),
        "weak of the own queries": _share(weak[~foreign]),
        "right of these": _share(right[weak & ~foreign]),
        "weak of the foreign queries": _share(weak[foreign]),
        "right of the others": _share(right[~weak]),
    }
    return ", ".join(f"{name} {value:.3f}" for name, value in parts.items())


def _area(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return how often a right hit has a higher probability than a wrong one; ties count half."""
    differences = probabilities[right][:, None] - probabilities[~right]
    return float(np.mean((differences > 0) + 0.5 * (differences == 0))) if differences.size else 0.0


def _calibration_error(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the mean difference between probabilities and shares of right hits in bins of equal width."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = [abs(float(np.sum(probabilities[bins == each] - right[bins == each]))) for each in range(BINS)]
    return sum(gaps) / len(right)


def _share(values: NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if values.size else 0.0


if __name__ == "__main__":
    typer.run(main)
