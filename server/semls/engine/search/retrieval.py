"""Hybrid search: collects candidates from full-text search, names and vectors, and ranks them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.analysis import AnalyzedQuery
from semls.engine.search.confidence import confidence
from semls.engine.search.grouping import group_by_file
from semls.engine.search.query import Query
from semls.engine.search.ranking import Candidate, best_row, is_named, matched, rank
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import DefinitionKey, Entry
from semls.engine.vector_index import VectorIndex, nearest

MIN_CANDIDATES = 300  # from each source; more for queries with a higher limit
_MIN_DEVIATION = 1e-6  # of cosines; smaller ones are rounding errors of equal vectors


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a query.

    `score` orders the hits of one query, higher is better. It is not bounded (usually between 0 and 5) and
    not comparable across queries. Hits of `search` without text have the score 0.

    `snippet` is the chunk's text, and `row` the row in it that a reader should see first, counted from 0.
    """

    entry: Entry
    score: float
    snippet: str
    row: int = 0
    matched: tuple[str, ...] = ()  # any of "name", "lexical" and "semantic"; empty for a query without text


class Found(NamedTuple):
    """The hits of a query, and the probability that the first one is right; 0 if there are none."""

    hits: list[Hit]
    confidence: float


async def nearest_chunks(
    query: Query, catalog: Catalog, index: VectorIndex, executor: PriorityExecutor
) -> dict[int, float]:
    """Return the chunks nearest to a query, as ids with scores.

    A score is the cosine similarity minus that of the farthest of these chunks, divided by the standard
    deviation: models differ in the range of their cosines. Raises StoreError.
    """
    vector = await executor.run(Priority.SEARCH, index.encoder.encode_query, query.text)
    neighbours = await nearest(index, vector, _limit(query), query.filters, catalog, executor)
    if not neighbours:
        return {}
    similarities = [each.similarity for each in neighbours]
    farthest, deviation = min(similarities), max(float(np.std(similarities)), _MIN_DEVIATION)
    return {
        chunk: (each.similarity - farthest) / deviation for each in neighbours for chunk in each.chunk_ids
    }


def search(query: Query, catalog: Catalog, semantic: Mapping[int, float]) -> Found:
    """Return the hits of a query, best first, or grouped by file if the query asks for that.

    `semantic` is what `nearest_chunks` returns, or empty.

    Unless `query.by_chunk`, a definition of several chunks is one hit: its best chunk, or the chunk that
    contains its name if the query asks for it by name or if the best chunk is part of its documentation.

    A query without text lists the definitions that pass its filters. Raises StoreError.
    """
    if not query.text:
        return Found(_list_definitions(query, catalog), 1.0)
    analyzed = AnalyzedQuery.from_text(query.text)
    candidates = _candidates(query, analyzed, catalog, semantic)
    ranked = rank(analyzed, candidates)
    if not query.by_chunk:
        ranked = _group_by_definition(ranked, candidates)
    probability = confidence(candidates[ranked[0][0]], [score for _, score in ranked]) if ranked else 0.0
    if query.by_file:
        ranked = group_by_file(ranked, lambda chunk: candidates[chunk].entry.path)
    ranked = ranked[: query.limit]
    shown = {chunk: _shown_chunk(chunk, query, analyzed, candidates[chunk], catalog) for chunk, _ in ranked}
    entries, texts = catalog.entries(list(shown.values())), catalog.texts(list(shown.values()))
    hits = [
        _hit(analyzed, candidates[chunk]._replace(entry=entries[shown[chunk]]), score, texts[shown[chunk]])
        for chunk, score in ranked
    ]
    return Found(hits, probability)


def _hit(query: AnalyzedQuery, candidate: Candidate, score: float, text: str) -> Hit:
    entry = candidate.entry
    row = 0 if entry.name and entry.holds_name else best_row(query, text)
    return Hit(entry, score, text, row, matched(query, candidate))


def _group_by_definition(
    ranked: Iterable[tuple[int, float]], candidates: Mapping[int, Candidate]
) -> list[tuple[int, float]]:
    """Return the best chunk of each definition, with its score."""
    best: dict[DefinitionKey, tuple[int, float]] = {}
    for chunk, score in ranked:
        best.setdefault(candidates[chunk].entry.definition, (chunk, score))
    return list(best.values())


def _shown_chunk(
    chunk: int, query: Query, analyzed: AnalyzedQuery, candidate: Candidate, catalog: Catalog
) -> int:
    """Return the chunk that a hit shows: the one with the name if the definition as a whole was found."""
    entry = candidate.entry
    is_definition_found = entry.precedes_name or is_named(analyzed, candidate)
    if query.by_chunk or entry.holds_name or not is_definition_found:
        return chunk
    with_name = catalog.chunk_with_name(entry, query.filters)
    return chunk if with_name is None else with_name


def _limit(query: Query) -> int:
    return max(MIN_CANDIDATES, query.limit)


def _candidates(
    query: Query, analyzed: AnalyzedQuery, catalog: Catalog, semantic: Mapping[int, float]
) -> dict[int, Candidate]:
    limit = _limit(query)
    others = {
        *semantic,
        *catalog.find_by_name(analyzed.names, query.filters, limit),
        *catalog.find_by_prefix(analyzed.symbol, query.filters, limit),
        *catalog.find_by_text(query.filters, limit),
    }
    lexical = catalog.fulltext.search(analyzed.terms, query.filters, limit, others)
    chunks = others.union(lexical)
    return {
        chunk: Candidate(entry, lexical.get(chunk, 0.0), semantic.get(chunk, 0.0))
        for chunk, entry in catalog.entries(list(chunks)).items()
    }


def _list_definitions(query: Query, catalog: Catalog) -> list[Hit]:
    chunks = catalog.find_definitions(query.filters, query.limit)
    entries, texts = catalog.entries(chunks), catalog.texts(chunks)
    return [Hit(entries[chunk], 0.0, texts[chunk]) for chunk in chunks]
