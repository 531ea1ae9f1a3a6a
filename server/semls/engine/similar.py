"""A chunk → its exact copies, and other code that does the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from semls.engine.catalogue import Catalogue, Entry, split_identifier
from semls.engine.encoder import embedded_text
from semls.engine.query import MOST_HITS
from semls.engine.search import Hit, View
from semls.engine.source import essence

_POOL = 200  # candidates, at least
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


def similar(number: int, catalogue: Catalogue, view: View | None, limit: int) -> Similar:
    """What is like a chunk: by its vector, or by its most telling words where there is no view."""
    entry, text = catalogue.entries([number])[number], catalogue.texts([number])[number]
    copies = _copies(text, catalogue)
    pool = max(_POOL, limit) + len(copies)
    near = _near(entry, text, catalogue, view, pool) if view else _alike(number, text, catalogue, pool)
    others = catalogue.entries(sorted(copies.keys() - {number}))
    return Similar(
        entry,
        text,
        tuple(sorted(others.values(), key=lambda other: (other.path, other.start_byte))),
        tuple(
            (hit, len(_copies(hit.snippet, catalogue)) or 1)
            for hit in _hits(entry, text, near, catalogue, limit)
        ),
    )


def _hits(asked: Entry, text: str, near: Mapping[int, float], catalogue: Catalogue, limit: int) -> list[Hit]:
    entries, texts = catalogue.entries(list(near)), catalogue.texts(list(near))
    hits, seen = [], {essence(text)}
    scores = {number: near[number] * _standing(entry, asked) for number, entry in entries.items()}
    for number in sorted(scores, key=lambda number: (-scores[number], number)):
        if essence(texts[number]) in seen or _is_itself(entries[number], asked):
            continue
        seen.add(essence(texts[number]))
        hits.append(Hit(entries[number], scores[number], texts[number]))
    return hits[:limit]


def _is_itself(other: Entry, asked: Entry) -> bool:
    """Whether it is the same chunk, a part of the same long definition, or a definition in it."""
    if other.path != asked.path:
        return False
    is_part = (other.name_row, other.name_column) == (asked.name_row, asked.name_column)
    return is_part or bool(asked.name and f"{other.container}.".startswith(f"{asked.qualified_name}."))


def _standing(other: Entry, asked: Entry) -> float:
    return _PIECE if other.kind == "Module" != asked.kind else 1.0


def _copies(text: str, catalogue: Catalogue) -> dict[int, str]:
    """The chunks with this essence, the one asked about included; none for a text without any words."""
    wanted = essence(text)
    found = catalogue.with_phrase(wanted, MOST_HITS)
    return {number: other for number, other in found.items() if essence(other) == wanted}


def _near(entry: Entry, text: str, catalogue: Catalogue, view: View, pool: int) -> dict[int, float]:
    """Chunks by their cosine, one for each content."""
    vector = view.vectors.get([entry.hash]).get(entry.hash)
    if vector is None:
        vector = view.encoder.documents([embedded_text(entry.qualified_name, text)])[0]
    found = dict(view.vectors.query(vector, pool))
    holders = catalogue.holding(list(found), ())
    return {numbers[0]: found[content] for content, numbers in holders.items()}


def _alike(number: int, text: str, catalogue: Catalogue, pool: int) -> dict[int, float]:
    """Chunks by the rarest words that they share, against what the chunk shares with itself."""
    words = _WORD.findall(text)
    terms = dict.fromkeys(part.lower() for word in words for part in (word, *split_identifier(word)))
    found = dict(catalogue.match(list(terms), (), pool))
    own = found.get(number) or max(found.values(), default=1.0)
    return {other: score / own for other, score in found.items()}
