"""Hybrid search: collects candidates from full-text search, names and vectors, and ranks them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from semls.engine.scheduler import PriorityExecutor
from semls.engine.search.analysis import AnalyzedQuery, is_in_string, shared_spans
from semls.engine.search.confidence import Evidence
from semls.engine.search.grouping import group_by_file
from semls.engine.search.query import Query
from semls.engine.search.ranking import Candidate, auxiliary_penalty, best_row, is_named, matched, rank
from semls.engine.search.telling_line import telling_row, without_markers
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.schema import DefinitionKey, Entry
from semls.engine.syntax.source import split_rows
from semls.engine.vector_index import VectorIndex, nearest

MIN_CANDIDATES = 300  # from each source; more for queries with a higher limit
PROMISING = 300  # candidates; with the vectors of 100, up to a tenth of the gain is missing
_NO_WORDS = AnalyzedQuery.from_text("")
_MIN_SAMPLE = 5  # candidates that a regression needs
_TINY = 1e-12  # the least variance that is divided by
_MIN_DEVIATION = 1e-6  # of cosines; smaller ones are rounding errors of equal vectors


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a query.

    `score` orders the hits of one query, higher is better. It is not bounded (usually between 0 and 5) and
    not comparable across queries. Hits of `search` without text have the score 0.

    `snippet` is the chunk's text. Of its rows, which count from 0, a reader starts at `row`, and `best_row`
    tells most about it. `best_text` is its text, without indentation and markers of comments, and has words
    of the query at `best_spans`.
    """

    entry: Entry
    score: float
    snippet: str
    row: int = 0
    best_row: int = 0
    best_text: str = ""
    best_spans: tuple[tuple[int, int], ...] = ()
    matched: tuple[str, ...] = ()  # any of "name", "lexical" and "semantic"; empty for a query without text


class Nearest(NamedTuple):
    """The chunks nearest to a query: their scores by id, and the cosine similarity of the nearest one.

    `incomplete_index` is the name of the vector index if some chunks have no vector in it yet, or "".
    """

    scores: Mapping[int, float]
    cosine: float
    incomplete_index: str = ""


NOTHING_NEAR = Nearest({}, 0.0)


class Found(NamedTuple):
    """The hits of a query, and the evidence for the first one; None without hits and without a text.

    `promising` are the content hashes of the best candidates, hits or not, best first. With their vectors,
    the same query may have better hits.
    """

    hits: list[Hit]
    evidence: Evidence | None
    promising: Sequence[str] = ()


async def nearest_chunks(
    query: Query, catalog: Catalog, index: VectorIndex, coverage: Coverage, executor: PriorityExecutor
) -> Nearest:
    """Return the chunks nearest to a query.

    A score is the cosine similarity minus that of the farthest of these chunks, divided by the standard
    deviation: models differ in the range of their cosines. Raises StoreError, and TimeoutError if more
    searches wait than can be answered.
    """
    vector = await executor.run_unless_overloaded(index.encoder.encode_query, query.text)
    neighbours = await nearest(index, vector, _limit(query), query.filters, catalog, executor)
    if not neighbours:
        return NOTHING_NEAR
    similarities = [each.similarity for each in neighbours]
    farthest, deviation = min(similarities), max(float(np.std(similarities)), _MIN_DEVIATION)
    scores = {
        chunk: (each.similarity - farthest) / deviation for each in neighbours for chunk in each.chunk_ids
    }
    return Nearest(scores, max(similarities), "" if coverage.complete else index.name)


def search(query: Query, catalog: Catalog, nearest: Nearest = NOTHING_NEAR) -> Found:
    """Return the hits of a query, best first, or grouped by file if the query asks for that.

    Unless `query.by_chunk`, a definition of several chunks is one hit: its best chunk, or the chunk that
    contains its name if the query asks for it by name or if the best chunk is part of its documentation.

    A query without text lists the definitions that pass its filters. Raises StoreError.
    """
    if not query.text:
        return Found(_list_definitions(query, catalog), None)
    analyzed = AnalyzedQuery.from_text(query.text)
    analyzed = analyzed.respelled(catalog.vocabulary.corrections(analyzed.terms))
    candidates = _candidates(query, analyzed, catalog, nearest.scores)
    if nearest.incomplete_index:
        candidates = _with_expected_scores(candidates, catalog, nearest.incomplete_index)
    ranked = rank(analyzed, candidates)
    promising = [candidates[chunk].entry.content_hash for chunk, _ in ranked[:PROMISING]]
    if not query.by_chunk:
        ranked = _group_by_definition(ranked, candidates)
    evidence = _evidence(ranked, candidates, nearest.cosine) if ranked else None
    if query.by_file:
        ranked = group_by_file(ranked, lambda chunk: candidates[chunk].entry.path)
    ranked = ranked[: query.limit]
    shown = {chunk: _shown_chunk(chunk, query, analyzed, candidates[chunk], catalog) for chunk, _ in ranked}
    entries, texts = catalog.entries(list(shown.values())), catalog.texts(list(shown.values()))
    hits = [
        _hit(analyzed, candidates[chunk]._replace(entry=entries[shown[chunk]]), score, texts[shown[chunk]])
        for chunk, score in ranked
    ]
    return Found(hits, evidence, promising)


def _evidence(
    ranked: Sequence[tuple[int, float]], candidates: Mapping[int, Candidate], cosine: float
) -> Evidence:
    (first, score), (_, next_score) = [*ranked, (0, 0.0)][:2]
    return Evidence(candidates[first].lexical, score - next_score, cosine)


def _hit(query: AnalyzedQuery, candidate: Candidate, score: float, text: str) -> Hit:
    entry = candidate.entry
    has_name = bool(entry.name and entry.holds_name)
    rows, best = split_rows(text), best_row(query, text)
    # A row of a notebook may hold several lines.
    header = min(entry.name_row - entry.start_row, len(rows) - 1) if has_name else None
    if header is not None and not shared_spans(rows[best], query.stems):
        best = header
    told = telling_row(rows, best, header)
    line = without_markers(rows[told])
    spans = tuple(shared_spans(line, query.stems))
    start = 0 if has_name else best
    return Hit(entry, score, text, start, told, line, spans, matched(query, candidate))


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
    messages = _messages(query, analyzed, catalog)
    others = {
        *semantic,
        *messages,
        *catalog.find_by_name(analyzed.names, query.filters, limit),
        *catalog.find_by_prefix(analyzed.symbol, query.filters, limit),
        *catalog.find_by_text(query.filters, limit),
    }
    lexical = catalog.fulltext.search(
        analyzed.terms, query.filters, limit, others, auxiliary_penalty(analyzed)
    )
    chunks = others.union(lexical)
    return {
        chunk: Candidate(entry, lexical.get(chunk, 0.0), semantic.get(chunk, 0.0), messages.get(chunk, 0.0))
        for chunk, entry in catalog.entries(list(chunks)).items()
    }


def _with_expected_scores(
    candidates: Mapping[int, Candidate], catalog: Catalog, index: str
) -> dict[int, Candidate]:
    """Give the candidates without a vector the semantic score that is expected of them.

    A linear regression of the semantic on the lexical scores predicts it, among the candidates that have
    both a vector and words of the query. Half the variance of its errors is added, as in the mean of a
    log-normal distribution, because the relevance of a chunk grows exponentially with its score: a chunk that
    may be far better than predicted is worth more than one that is known to be as predicted. With 0 instead,
    any chunk with a vector would come before better ones without, and answers would be worse than without
    vectors until most chunks have one.
    """
    embedded = catalog.embedded.intersection(index, {each.entry.content_hash for each in candidates.values()})
    scores = [
        (each.lexical, each.semantic)
        for each in candidates.values()
        if each.lexical and each.entry.content_hash in embedded
    ]
    if len(scores) < _MIN_SAMPLE:
        return dict(candidates)
    lexical, semantic = np.array(scores).T
    slope = max(float(np.cov(lexical, semantic)[0, 1]) / max(float(np.var(lexical, ddof=1)), _TINY), 0.0)
    errors = semantic - slope * lexical
    at_zero = float(errors.mean() + errors.var() / 2)
    return {
        chunk: each
        if each.entry.content_hash in embedded
        else each._replace(expected=max(at_zero + slope * each.lexical, 0.0))
        for chunk, each in candidates.items()
    }


def _messages(query: Query, analyzed: AnalyzedQuery, catalog: Catalog) -> dict[int, float]:
    """Return the chunks that have phrases of the query in strings, with the shares of these phrases."""
    shares: dict[int, float] = defaultdict(float)
    for phrase, share in analyzed.phrases.items():
        chunks = catalog.fulltext.chunks_with_phrase(phrase, query.filters, _limit(query))
        for chunk, text in catalog.texts(chunks).items():
            if is_in_string(text, phrase):
                shares[chunk] += share
    return shares


def _list_definitions(query: Query, catalog: Catalog) -> list[Hit]:
    chunks = catalog.find_definitions(query.filters, query.limit)
    entries, texts = catalog.entries(chunks), catalog.texts(chunks)
    return [hit_without_query(entries[chunk], texts[chunk]) for chunk in chunks]


def hit_without_query(entry: Entry, text: str, score: float = 0.0) -> Hit:
    """Return the hit for a chunk that was not found by words."""
    return _hit(_NO_WORDS, Candidate(entry), score, text)
