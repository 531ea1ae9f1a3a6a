"""A question → candidates by words and by vectors → fused and ranked hits."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from semls.engine import languages, ranking
from semls.engine.catalogue import Catalogue, Entry, Filters
from semls.engine.chunks import KINDS
from semls.engine.encoder import Encoder
from semls.engine.vectors import VectorStore
from semls.errors import UsageError

LONGEST_QUESTION = 10_000  # characters
MOST_HITS = 1_000
_POOL = 200  # candidates from each side, at least


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, and for how many hits."""

    text: str
    limit: int
    filters: Filters
    words_only: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer: a chunk, how well it fits (higher is better, about 0 to 2), and its source."""

    entry: Entry
    score: float
    snippet: str


@dataclass(frozen=True, slots=True)
class View:
    """Vectors to ask and the encoder that made them."""

    encoder: Encoder
    vectors: VectorStore


def query(
    text: str,
    limit: int = 10,
    *,
    languages: Iterable[str] = (),
    paths: Iterable[str] = (),
    kinds: Iterable[str] = (),
    words_only: bool = False,
) -> Query:
    """A checked query. Raises UsageError with a sentence about what is wrong."""
    if not text.strip():
        raise UsageError("The question is empty: ask for something, for example: where are files read")
    if len(text) > LONGEST_QUESTION:
        raise UsageError(
            f"The question has {len(text):,} characters: ask with at most {LONGEST_QUESTION:,} of them."
        )
    if not 1 <= limit <= MOST_HITS:
        raise UsageError(f"The number of hits is {limit}: it must be from 1 to {MOST_HITS:,}.")
    filters = Filters(
        frozenset(map(_language, languages)), frozenset(map(_kind, kinds)), _pattern(list(paths))
    )
    return Query(text.strip(), limit, filters, words_only)


def search(asked: Query, catalogue: Catalogue, view: View | None) -> list[Hit]:
    """The best hits first; by words alone where there is no view."""
    question = ranking.Question.of(asked.text)
    pool = max(_POOL, asked.limit)
    lists = [[number for number, _ in catalogue.match(question.terms, asked.filters, pool)]]
    if view and not asked.words_only:
        lists.append(_near(asked, catalogue, view, pool))
    named = catalogue.named(question.names, asked.filters, pool)
    fused = ranking.fuse(lists, extra=named)
    entries = catalogue.entries(list(fused))
    ranked = ranking.rank(question, entries, fused)[: asked.limit]
    texts = catalogue.texts([number for number, _ in ranked])
    return [Hit(entries[number], score, texts[number]) for number, score in ranked]


def _near(asked: Query, catalogue: Catalogue, view: View, pool: int) -> list[int]:
    among = catalogue.contents(asked.filters) if asked.filters else None
    found = view.vectors.query(view.encoder.query(asked.text), pool, among)
    holders = catalogue.holding([content for content, _ in found], asked.filters)
    return [number for content, _ in found for number in holders.get(content, ())]


def _language(name: str) -> str:
    language = languages.find(name)
    if language is None:
        raise UsageError(
            f"There is no language {name!r}: use a name such as python, typescript, c++ or markdown."
        )
    return language.name


def _kind(name: str) -> str:
    for kind in KINDS:
        if kind.lower() == name.lower():
            return kind
    raise UsageError(f"There is no kind {name!r}: use one of {', '.join(KINDS).lower()}.")


def _pattern(globs: Sequence[str]) -> re.Pattern[str] | None:
    """A glob without a slash names a file or folder at any depth; a folder stands for all that is in it."""
    return re.compile("|".join(map(_regex, globs))) if globs else None


def _regex(glob: str) -> str:
    glob = glob.strip().replace("\\", "/").removeprefix("./").rstrip("/")
    if not glob:
        raise UsageError("A path pattern is empty: give one such as src/**/*.py or src.")
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|.", glob.removeprefix("/"))
    anywhere = "" if "/" in glob else "(?:.*/)?"
    return f"{anywhere}{''.join(_GLOB.get(token, re.escape(token)) for token in tokens)}(?:/.*)?$"


_GLOB = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
