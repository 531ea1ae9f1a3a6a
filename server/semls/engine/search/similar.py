"""Finds code that is similar to a chunk, and the exact duplicates of the chunk."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from semls.engine.models.encoder import embedded_text
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.retrieval import Hit, hit_without_query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry
from semls.engine.syntax import identifiers
from semls.engine.syntax.source import normalized_text
from semls.engine.vector_index import VectorIndex, nearest
from semls.errors import UsageError
from semls.limits import MAX_HITS

_MIN_LEXICAL_CANDIDATES = 200
_MIN_SEMANTIC_CANDIDATES = 300  # more, because exact duplicates of one another are among them
_MODULE_PENALTY = 0.8  # for prose and code between definitions, unless the reference chunk is such a chunk

_WORD = re.compile(r"[^\W\d_]\w*")


@dataclass(frozen=True, slots=True)
class SimilarCode:
    """A reference chunk, its exact duplicates, and similar chunks with the numbers of their duplicates.

    Duplicates have the same normalized text. They are ordered by path and position, the similar chunks by
    score, best first. The score of a hit is the cosine similarity, or, for lexical search alone, the chunk's
    BM25 relative to that of the reference chunk. Chunks that are duplicates of one another are one hit, and
    its number counts all of them.
    """

    entry: Entry
    text: str
    duplicates: tuple[Entry, ...]
    hits: tuple[tuple[Hit, int], ...]

    @property
    def entries(self) -> list[Entry]:
        """The reference chunk, its duplicates and the hits."""
        return [self.entry, *self.duplicates, *(hit.entry for hit, _ in self.hits)]


@dataclass(frozen=True, slots=True)
class ReferenceChunk:
    """The chunk that others are compared with."""

    id: int
    entry: Entry
    text: str


def reference_at(catalog: Catalog, path: str, row: int) -> ReferenceChunk:
    """Return the chunk at a row of a file. Raises UsageError if there is none, and StoreError."""
    chunk = catalog.chunk_at(path, row)
    if chunk is None:
        raise UsageError(_missing_chunk_message(path, row, catalog.entries_of_file(path)))
    return ReferenceChunk(chunk, catalog.entries([chunk])[chunk], catalog.texts([chunk])[chunk])


def _missing_chunk_message(path: str, row: int, entries: Sequence[Entry]) -> str:
    if not entries:
        return f"There is no code in {path}. Name a file with code."
    last = entries[-1].end_row
    end = f": the last line with code is {last + 1}" if row > last else ""
    return f"There is no code in line {row + 1} of {path}{end}. Name a line with code."


async def nearest_chunks(
    reference: ReferenceChunk, limit: int, catalog: Catalog, index: VectorIndex, executor: PriorityExecutor
) -> dict[int, float]:
    """Return the ids of the chunks nearest to the reference chunk, with their cosine similarities.

    Of chunks with the same content hash, the first one is returned. Raises StoreError.
    """
    content_hash = reference.entry.content_hash
    known = await index.executor.run(Priority.SEARCH, index.vectors.get, [content_hash])
    vector = known.get(content_hash)
    if vector is None:
        texts = [embedded_text(reference.entry.qualified_name, reference.text)]
        vector = (await executor.run(Priority.SEARCH, index.encoder.encode_documents, texts))[0]
    count = max(_MIN_SEMANTIC_CANDIDATES, 2 * limit)
    neighbours = await nearest(index, vector, count, (), catalog, executor)
    return {chunks[0]: similarity for similarity, chunks in neighbours}


def find_similar(
    reference: ReferenceChunk, catalog: Catalog, similarities: Mapping[int, float] | None, limit: int
) -> SimilarCode:
    """Return at most `limit` chunks that are similar to the reference chunk, and all its duplicates.

    `similarities` is what `nearest_chunks` returns. Without it, chunks that share rare terms are returned.
    Raises StoreError.
    """
    duplicates = _duplicates(reference.text, catalog)
    if similarities is None:
        similarities = _lexical_similarities(
            reference, catalog, max(_MIN_LEXICAL_CANDIDATES, limit) + len(duplicates)
        )
    others = catalog.entries(sorted(duplicates - {reference.id})).values()
    hits = _hits(reference, others, similarities, catalog)[:limit]
    return SimilarCode(
        reference.entry,
        reference.text,
        tuple(sorted(others, key=lambda entry: (entry.path, entry.start_byte))),
        # A text without words has no duplicates that full-text search finds, not even itself.
        tuple((hit, max(1, len(_duplicates(hit.snippet, catalog)))) for hit in hits),
    )


def _hits(
    reference: ReferenceChunk,
    duplicates: Iterable[Entry],
    similarities: Mapping[int, float],
    catalog: Catalog,
) -> list[Hit]:
    """Return the best chunk of each definition, best first, without duplicates of other hits."""
    entries, texts = catalog.entries(list(similarities)), catalog.texts(list(similarities))
    scores = {
        chunk: similarities[chunk] * _penalty(entry, reference.entry) for chunk, entry in entries.items()
    }
    hits: list[Hit] = []
    seen_texts = {normalized_text(reference.text)}
    seen_definitions = {entry.definition for entry in duplicates}
    for chunk in sorted(scores, key=lambda chunk: (-scores[chunk], chunk)):
        entry, text = entries[chunk], normalized_text(texts[chunk])
        if text in seen_texts or _overlaps(entry, reference.entry):
            continue
        seen_texts.add(text)
        if entry.definition not in seen_definitions:
            seen_definitions.add(entry.definition)
            hits.append(hit_without_query(entry, texts[chunk], scores[chunk]))
    return hits


def _overlaps(other: Entry, reference: Entry) -> bool:
    """Return whether a chunk belongs to the definition of the reference chunk, or is a member of it."""
    if other.path != reference.path:
        return False
    is_member = reference.name and f"{other.container}.".startswith(f"{reference.qualified_name}.")
    return other.definition == reference.definition or bool(is_member)


def _penalty(other: Entry, reference: Entry) -> float:
    return _MODULE_PENALTY if other.kind == "Module" and reference.kind != "Module" else 1.0


def _duplicates(text: str, catalog: Catalog) -> set[int]:
    """Return the chunks with the same normalized text; none for a text without words."""
    wanted = normalized_text(text)
    found = catalog.fulltext.find_phrase(wanted, MAX_HITS)
    return {chunk for chunk, other in found.items() if normalized_text(other) == wanted}


def _lexical_similarities(reference: ReferenceChunk, catalog: Catalog, limit: int) -> dict[int, float]:
    """Return the chunks that share rare terms with the reference chunk, with scores relative to its own."""
    words = _WORD.findall(reference.text)
    terms = dict.fromkeys(part.lower() for word in words for part in (word, *identifiers.split(word)))
    scores = catalog.fulltext.search(list(terms), (), limit)
    own = scores.get(reference.id) or max(scores.values(), default=1.0)
    return {chunk: score / own for chunk, score in scores.items()}
