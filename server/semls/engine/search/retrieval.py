"""A question → candidates by words, names and vectors → ranked hits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.query import Query
from semls.engine.search.ranking import Candidate, Question, best_row, is_named, matched, rank
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import DefinitionKey, Entry
from semls.engine.vector_index import VectorIndex, nearest

_POOL = 300  # candidates from each side, at least


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


async def near(
    asked: Query, catalog: Catalog, index: VectorIndex, executor: PriorityExecutor
) -> dict[int, float]:
    """Ids of chunks by their cosine, above that of the farthest one. Raises StoreError."""
    vector = await executor.run(Priority.SEARCH, index.encoder.encode_query, asked.text)
    found = await nearest(index, vector, _pool(asked), asked.filters, catalog, executor)
    farthest = min((cosine for cosine, _ in found), default=0.0)
    return {number: cosine - farthest for cosine, numbers in found for number in numbers}


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
    words = dict(catalog.fulltext.search(question.terms, asked.filters, pool))
    numbers = {
        *words,
        *near,
        *catalog.find_by_name(question.names, asked.filters, pool),
        *catalog.find_by_prefix(question.symbol, asked.filters, pool),
        *catalog.find_by_text(asked.filters, pool),
    }
    return {
        number: Candidate(entry, words.get(number, 0.0), near.get(number, 0.0))
        for number, entry in catalog.entries(list(numbers)).items()
    }


def _listed(asked: Query, catalog: Catalog) -> list[Hit]:
    """What passes the filters, where nothing else is asked for."""
    numbers = catalog.find_definitions(asked.filters, asked.limit)
    entries, texts = catalog.entries(numbers), catalog.texts(numbers)
    return [Hit(entries[number], 0.0, texts[number]) for number in numbers]
