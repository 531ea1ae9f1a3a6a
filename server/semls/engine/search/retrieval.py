"""A question → candidates by words, names and vectors → ranked hits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semls.engine.models.encoder import Encoder
from semls.engine.scheduler import Executor, Priority, PriorityExecutor
from semls.engine.search.query import Query
from semls.engine.search.ranking import Candidate, Question, best_row, is_named, matched, rank
from semls.engine.storage.catalog import Catalog, DefinitionKey, Entry, Filters
from semls.engine.storage.vectors_local import Vectors
from semls.settings import Server

_POOL = 300  # candidates from each side, at least
_DEEPEST = 4000  # of the nearest contents that are asked for


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer: a chunk, how well it fits (higher is better, about 0 to 3), its source, what found it.

    `row` counts from the first row of the snippet: where a reader starts if the name is not in the chunk.
    """

    entry: Entry
    score: float
    snippet: str
    row: int = 0
    matched: tuple[str, ...] = ()  # "name", "lexical", "semantic"; none where filters alone were asked for


@dataclass(frozen=True, slots=True)
class View:
    """Vectors to ask, the encoder that made them, who runs the steps that ask, and the server, if any."""

    encoder: Encoder
    vectors: Vectors
    executor: Executor
    server: Server | None = None

    @property
    def name(self) -> str:
        """What tells it from all others."""
        place = (self.server.url, self.server.tenant, self.server.database) if self.server else ()
        return " ".join((self.encoder.fingerprint, *place))

    async def close(self) -> None:
        """Close the vectors. Raises StoreError."""
        await self.executor.close(self.vectors.close)


async def near(asked: Query, catalog: Catalog, view: View, executor: PriorityExecutor) -> dict[int, float]:
    """Ids of chunks by their cosine, above that of the farthest one. Raises StoreError."""
    vector = await executor.run(Priority.SEARCH, view.encoder.query, asked.text)
    found = await nearest(vector, _pool(asked), asked.filters, catalog, view, executor)
    farthest = min((cosine for cosine, _ in found), default=0.0)
    return {number: cosine - farthest for cosine, numbers in found for number in numbers}


async def nearest(
    vector: NDArray[np.float32],
    pool: int,
    filters: Filters,
    catalog: Catalog,
    view: View,
    executor: PriorityExecutor,
) -> list[tuple[float, list[int]]]:
    """The nearest contents that a chunk has, half of the pool, if there are as many.

    Each is told by its cosine and the ids of the chunks that have it.

    Former contents are in the store, too, and in a team's those of others: where they come first, more
    is asked for. Raises StoreError.
    """
    among = await executor.run(Priority.SEARCH, catalog.contents, filters) if filters else None
    while True:
        found = dict(await view.executor.run(Priority.SEARCH, view.vectors.query, vector, pool, among))
        holders = await executor.run(Priority.SEARCH, catalog.holding, list(found), filters)
        if len(found) < pool or 2 * len(holders) >= pool or pool > _DEEPEST:
            return [(found[content], numbers) for content, numbers in holders.items()]
        pool *= 4


def search(asked: Query, catalog: Catalog, near: Mapping[int, float]) -> list[Hit]:
    """The best hits first, from what the words find and the chunks that are near.

    A definition of several chunks is one hit: its best chunk, or the one that holds its name where the
    question asks for that.
    """
    if not asked.text:
        return _listed(asked, catalog)
    question = Question.of(asked.text)
    candidates = _candidates(asked, question, catalog, near)
    ranked = rank(question, candidates)
    if not asked.by_chunk:
        ranked = _merged(ranked, question, candidates)
    ranked = ranked[: asked.limit]
    texts = catalog.texts([number for number, _ in ranked])
    return [_hit(question, candidates[number], score, texts[number]) for number, score in ranked]


def _hit(question: Question, found: Candidate, score: float, text: str) -> Hit:
    opens_at_name = found.entry.name and found.entry.holds_name
    row = 0 if opens_at_name else best_row(question, text)
    return Hit(found.entry, score, text, row, matched(question, found))


def _merged(
    ranked: Iterable[tuple[int, float]], question: Question, candidates: Mapping[int, Candidate]
) -> list[tuple[int, float]]:
    """One chunk for each definition, with the score of its best."""
    best: dict[DefinitionKey, tuple[int, float]] = {}
    for number, score in ranked:
        best.setdefault(candidates[number].entry.definition, (number, score))
    named = {one.entry.definition: number for number, one in candidates.items() if one.entry.holds_name}
    return [
        (named.get(definition, number) if is_named(question, candidates[number]) else number, score)
        for definition, (number, score) in best.items()
    ]


def _pool(asked: Query) -> int:
    return max(_POOL, asked.limit)


def _candidates(
    asked: Query, question: Question, catalog: Catalog, near: Mapping[int, float]
) -> dict[int, Candidate]:
    pool = _pool(asked)
    words = dict(catalog.match(question.terms, asked.filters, pool))
    numbers = {
        *words,
        *near,
        *catalog.named(question.names, asked.filters, pool),
        *catalog.beginning(question.symbol, asked.filters, pool),
        *catalog.containing(asked.filters, pool),
    }
    return {
        number: Candidate(entry, words.get(number, 0.0), near.get(number, 0.0))
        for number, entry in catalog.entries(list(numbers)).items()
    }


def _listed(asked: Query, catalog: Catalog) -> list[Hit]:
    """What passes the filters, where nothing else is asked for."""
    numbers = catalog.definitions(asked.filters, asked.limit)
    entries, texts = catalog.entries(numbers), catalog.texts(numbers)
    return [Hit(entries[number], 0.0, texts[number]) for number in numbers]
