"""A question → candidates by words, names and vectors → ranked hits."""

from dataclasses import dataclass

from semls.engine.catalogue import Catalogue, Entry
from semls.engine.encoder import Encoder
from semls.engine.query import Query
from semls.engine.ranking import Candidate, Question, rank
from semls.engine.vectors import VectorStore

_POOL = 300  # candidates from each side, at least


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer: a chunk, how well it fits (higher is better, about 0 to 3), and its source."""

    entry: Entry
    score: float
    snippet: str


@dataclass(frozen=True, slots=True)
class View:
    """Vectors to ask and the encoder that made them."""

    encoder: Encoder
    vectors: VectorStore


def search(asked: Query, catalogue: Catalogue, view: View | None) -> list[Hit]:
    """The best hits first; by words alone where there is no view."""
    if not asked.text:
        return _listed(asked, catalogue)
    question = Question.of(asked.text)
    candidates = _candidates(asked, question, catalogue, view)
    ranked = rank(question, candidates)[: asked.limit]
    texts = catalogue.texts([number for number, _ in ranked])
    return [Hit(candidates[number].entry, score, texts[number]) for number, score in ranked]


def _candidates(
    asked: Query, question: Question, catalogue: Catalogue, view: View | None
) -> dict[int, Candidate]:
    pool = max(_POOL, asked.limit)
    words = dict(catalogue.match(question.terms, asked.filters, pool))
    near = _near(asked, catalogue, view, pool) if view and not asked.words_only else {}
    numbers = {
        *words,
        *near,
        *catalogue.named(question.names, asked.filters, pool),
        *catalogue.beginning(question.symbol, asked.filters, pool),
        *catalogue.containing(asked.filters, pool),
    }
    return {
        number: Candidate(entry, words.get(number, 0.0), near.get(number, 0.0))
        for number, entry in catalogue.entries(list(numbers)).items()
    }


def _listed(asked: Query, catalogue: Catalogue) -> list[Hit]:
    """What passes the filters, where nothing else is asked for."""
    numbers = catalogue.definitions(asked.filters, asked.limit)
    entries, texts = catalogue.entries(numbers), catalogue.texts(numbers)
    return [Hit(entries[number], 0.0, texts[number]) for number in numbers]


def _near(asked: Query, catalogue: Catalogue, view: View, pool: int) -> dict[int, float]:
    """Chunks by their cosine, above that of the farthest one."""
    among = catalogue.contents(asked.filters) if asked.filters else None
    found = dict(view.vectors.query(view.encoder.query(asked.text), pool, among))
    farthest = min(found.values(), default=0.0)
    holders = catalogue.holding(list(found), asked.filters)
    return {number: found[content] - farthest for content, numbers in holders.items() for number in numbers}
