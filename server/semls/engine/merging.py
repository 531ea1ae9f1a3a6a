"""Merges the search results of several workspaces into one answer."""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from semls.engine.results import Answer, SearchResult
from semls.engine.search.grouping import group_by_file
from semls.engine.search.query import Query
from semls.engine.search.retrieval import Hit
from semls.engine.storage.embedded_hashes import Coverage


async def merge(query: Query, results: Mapping[str, SearchResult]) -> Answer:
    """Return the best hits of all results, grouped by file if the query asks for that.

    The results are given by the workspaces as the client named them.
    """
    hits = [(Path(path), hit) for path, result in results.items() for hit in result.hits]
    hits.sort(key=lambda item: -item[1].score)
    if len(results) > 1:
        hits = await asyncio.to_thread(_without_duplicates, hits)
    if query.by_file:
        hits = _grouped_by_file(hits)
    models = [result.model for result in results.values() if result.model]
    return Answer(
        query.raw_text,
        confidence=_confidence(results, hits) if hits else 0.0,
        model=models[0] if models and not query.lexical_only else "",
        coverage=Coverage(
            chunks=sum(result.coverage.chunks for result in results.values()),
            embedded=sum(result.coverage.embedded for result in results.values()),
        ),
        complete=all(result.complete for result in results.values()),
        notice=_common_notice(results.values()),
        hits=tuple(hits[: query.limit]),
    )


def _grouped_by_file(hits: Iterable[tuple[Path, Hit]]) -> list[tuple[Path, Hit]]:
    scored = [(item, item[1].score) for item in hits]
    return [item for item, _ in group_by_file(scored, lambda item: item[0] / item[1].entry.path)]


def _confidence(results: Mapping[str, SearchResult], hits: Sequence[tuple[Path, Hit]]) -> float:
    """Return the confidence of the result that the first hit is from."""
    return next((result.confidence for path, result in results.items() if Path(path) == hits[0][0]), 0.0)


def _common_notice(results: Iterable[SearchResult]) -> str:
    """Return why no workspace has a hit, "" if the reason is not known of each."""
    notices = dict.fromkeys(result.notice for result in results)
    return "" if "" in notices else " ".join(notices)


def _without_duplicates(hits: Sequence[tuple[Path, Hit]]) -> list[tuple[Path, Hit]]:
    """Remove hits that were found twice, because a workspace contains another or has two names."""
    found: dict[tuple[str, int], tuple[Path, Hit]] = {}
    for root, hit in hits:
        found.setdefault((os.path.realpath(root / hit.entry.path), hit.entry.start_byte), (root, hit))
    return list(found.values())
