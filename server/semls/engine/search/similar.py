"""A chunk → its exact copies, and other code that does the same."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from semls.engine.models.encoder import embedded_text
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.retrieval import Hit
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry
from semls.engine.syntax import identifiers
from semls.engine.syntax.source import normalized_text
from semls.engine.vector_index import VectorIndex, nearest
from semls.errors import UsageError
from semls.limits import MAX_HITS

_POOL = 200  # candidates by words, at least
_NEAR = 300  # and by vectors: copies of one another are among them
_PIECE = 0.8  # what lies between definitions, and prose, when neither is asked about

_WORD = re.compile(r"[^\W\d_]\w*")


@dataclass(frozen=True, slots=True)
class Similar:
    """The chunk that was asked about, the places of its exact copies, and what is like it, best first.

    A score is the cosine of two vectors; by words alone, it is the share of the score that the chunk itself
    would have. Copies of one another are one hit, with the number of places where it stands.
    """

    entry: Entry
    text: str
    copies: tuple[Entry, ...]
    hits: tuple[tuple[Hit, int], ...]

    @property
    def entries(self) -> list[Entry]:
        """All chunks in it."""
        return [self.entry, *self.copies, *(hit.entry for hit, _ in self.hits)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The chunk that is asked about."""

    number: int
    entry: Entry
    text: str


def at(catalog: Catalog, path: str, row: int) -> Asked:
    """The chunk at a row. Raises UsageError where there is none."""
    number = catalog.chunk_at(path, row)
    if number is None:
        raise UsageError(_without_code(path, row, catalog.entries_of_file(path)))
    return Asked(number, catalog.entries([number])[number], catalog.texts([number])[number])


def _without_code(path: str, row: int, chunks: Sequence[Entry]) -> str:
    if not chunks:
        return f"There is no code in {path}: name a file that has some."
    last = chunks[-1].end_row
    end = f", whose code ends in line {last + 1}" if row > last else ""
    return f"There is no code in line {row + 1} of {path}{end}: name a line that has some."


async def near(
    asked: Asked, limit: int, catalog: Catalog, index: VectorIndex, executor: PriorityExecutor
) -> dict[int, float]:
    """Ids of chunks by their cosine to this one, one for each content. Raises StoreError."""
    known = await index.executor.run(Priority.SEARCH, index.vectors.get, [asked.entry.content_hash])
    vector = known.get(asked.entry.content_hash)
    if vector is None:
        embedded = [embedded_text(asked.entry.qualified_name, asked.text)]
        vector = (await executor.run(Priority.SEARCH, index.encoder.encode_documents, embedded))[0]
    found = await nearest(index, vector, max(_NEAR, 2 * limit), (), catalog, executor)
    return {numbers[0]: cosine for cosine, numbers in found}


def similar(asked: Asked, catalog: Catalog, near: Mapping[int, float] | None, limit: int) -> Similar:
    """What is like a chunk: what is near, or what has its most telling words where that is not known."""
    number, entry, text = asked.number, asked.entry, asked.text
    copies = _copies(text, catalog)
    if near is None:
        near = _alike(number, text, catalog, max(_POOL, limit) + len(copies))
    others = catalog.entries(sorted(copies.keys() - {number}))
    return Similar(
        entry,
        text,
        tuple(sorted(others.values(), key=lambda other: (other.path, other.start_byte))),
        tuple(
            (hit, len(_copies(hit.snippet, catalog)) or 1)
            for hit in _hits(asked, others.values(), near, catalog)[:limit]
        ),
    )


def _hits(asked: Asked, copies: Iterable[Entry], near: Mapping[int, float], catalog: Catalog) -> list[Hit]:
    """The best chunk of each definition, best first."""
    entries, texts = catalog.entries(list(near)), catalog.texts(list(near))
    hits, seen = list[Hit](), {normalized_text(asked.text)}
    definitions = {copy.definition for copy in copies}
    scores = {number: near[number] * _standing(entry, asked.entry) for number, entry in entries.items()}
    for number in sorted(scores, key=lambda number: (-scores[number], number)):
        entry = entries[number]
        if normalized_text(texts[number]) in seen or _is_itself(entry, asked.entry):
            continue
        seen.add(normalized_text(texts[number]))
        if entry.definition not in definitions:
            definitions.add(entry.definition)
            hits.append(Hit(entry, scores[number], texts[number]))
    return hits


def _is_itself(other: Entry, asked: Entry) -> bool:
    """Whether it is the same chunk, a part of the same long definition, or a definition in it."""
    if other.path != asked.path:
        return False
    is_member = asked.name and f"{other.container}.".startswith(f"{asked.qualified_name}.")
    return other.definition == asked.definition or bool(is_member)


def _standing(other: Entry, asked: Entry) -> float:
    return _PIECE if other.kind == "Module" != asked.kind else 1.0


def _copies(text: str, catalog: Catalog) -> dict[int, str]:
    """The chunks with this essence, the one asked about included; none for a text without any words."""
    wanted = normalized_text(text)
    found = catalog.fulltext.find_phrase(wanted, MAX_HITS)
    return {number: other for number, other in found.items() if normalized_text(other) == wanted}


def _alike(number: int, text: str, catalog: Catalog, pool: int) -> dict[int, float]:
    """Chunks by the rarest words that they share, against what the chunk shares with itself."""
    words = _WORD.findall(text)
    terms = dict.fromkeys(part.lower() for word in words for part in (word, *identifiers.split(word)))
    found = dict(catalog.fulltext.search(list(terms), (), pool))
    own = found.get(number) or max(found.values(), default=1.0)
    return {other: score / own for other, score in found.items()}
