"""Text analysis of queries and code: tokenization, stop words and stemming, as in a full-text index."""

import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain

from semls.engine.syntax import identifiers, unspaced
from semls.engine.syntax.stems import stem

_CACHE_SIZE = 1 << 14

_WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*", re.UNICODE)
_QUALIFIED_NAME = re.compile(r"[\w$]+(?:(?:::|\.|#|->)[\w$]+)+|[\w$]+")
_SEPARATOR = re.compile(r"::|\.|#|->")
# What differs each time a message is written (quoted text, paths, numbers), and what separates its parts.
_VARYING = re.compile(
    r"""'[^'\s]*'|"[^"\n]*"|`[^`\n]*`|(?<!\w)(?:\w*[/\\])+\S*|(?<![\w.%])[\w.%]*\d\S*|%\w|[:;\n]|\s\("""
)
_MIN_PHRASE = 3  # words, without stop words
_CAMEL_CASE = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
_STOP_WORDS = frozenset(
    """
    a about all an and any are as at be been but by can could do does did for from get gets given had has have
    how i if in into is it its like me my no not of on one or our out over should show so some such than that
    the their them then there these they this those through to use used uses using via was we were what when
    where which while who why will with would you your
    """.split()
)


@dataclass(frozen=True)
class AnalyzedQuery:
    """The text of a query, tokenized and stemmed."""

    terms: tuple[str, ...]  # lower-case words and their parts, without stop words, for full-text search
    names: tuple[str, ...]  # of symbols that the query seems to ask for
    containers: Mapping[str, str]  # lower-case name → the container that the query gives it, as in `A.b`
    stems: frozenset[str]  # of the terms
    symbol: str = ""  # the name, if the query consists of nothing else
    phrases: Mapping[str, float] = field(default_factory=dict)  # see `_phrases`

    @classmethod
    def from_text(cls, text: str) -> "AnalyzedQuery":
        """Analyze the text of a query. If all words are stop words, they are kept."""
        words = [word for word in _WORD.findall(text) if not unspaced.words(word)] + unspaced.words(text)
        parts = [part for word in words for part in (word, *identifiers.split(word))]
        all_terms = dict.fromkeys(part.lower() for part in parts)
        terms = tuple(term for term in all_terms if term not in _STOP_WORDS) or tuple(all_terms)
        names = [_SEPARATOR.split(name) for name in _QUALIFIED_NAME.findall(text)]
        is_single = len(names) == 1
        symbols = [path for path in names if is_single or _looks_like_code(path)]
        containers = {path[-1].lower(): ".".join(path[:-1]).lower() for path in symbols}
        return cls(
            terms,
            tuple(path[-1] for path in symbols),
            containers,
            frozenset(map(stem, terms)),
            names[0][-1] if is_single and not unspaced.words(text) else "",
            _phrases(text),
        )

    def respelled(self, corrections: Mapping[str, str]) -> "AnalyzedQuery":
        """Return the query with some of its terms replaced. Names of symbols stay as they are."""
        terms = tuple(dict.fromkeys(corrections.get(term, term) for term in self.terms))
        return replace(self, terms=terms, stems=frozenset(map(stem, terms)))

    def has_any(self, terms: Collection[str]) -> bool:
        """Return whether the query has any of these terms."""
        return not frozenset(self.terms).isdisjoint(terms)


def text_stems(text: str) -> frozenset[str]:
    """Return the stems of all parts of the words in a text."""
    return frozenset(chain.from_iterable(identifier_stems(word) for word in _WORD.findall(text)))


def shared_spans(text: str, stems: Set[str]) -> list[tuple[int, int]]:
    """Return where the parts of words start and end in a text whose stems are among `stems`."""
    parts = [
        (word.start() + start, word.start() + end)
        for word in _WORD.finditer(text)
        for start, end in identifiers.spans(word[0])
    ]
    return [(start, end) for start, end in parts if not stems.isdisjoint(identifier_stems(text[start:end]))]


@lru_cache(_CACHE_SIZE)
def identifier_stems(name: str) -> frozenset[str]:
    """Return the stems of the parts of an identifier."""
    parts = chain.from_iterable(unspaced.words(part) or [part] for part in identifiers.split(name))
    return frozenset(stem(part.lower()) for part in parts)


def _phrases(text: str) -> dict[str, float]:
    """Return the parts of a query that code may have word for word, each with its share of their words.

    Code has the parts of a message that are the same each time: `No such file` of `No such file: /etc/x`.
    """
    counts = {part.strip(): _count_words(part) for part in _VARYING.split(text)}
    phrases = {part: count for part, count in counts.items() if count >= _MIN_PHRASE}
    return {part: count / sum(phrases.values()) for part, count in phrases.items()}


def _count_words(text: str) -> int:
    """Return the number of words in a text that are not stop words."""
    return sum(word.lower() not in _STOP_WORDS for word in _WORD.findall(text))


def is_in_string(code: str, phrase: str) -> bool:
    """Return whether code has a phrase in a string: after an odd number of equal quotes on its line."""
    start = code.lower().find(phrase.lower())
    before = code[code.rfind("\n", 0, start) + 1 : max(start, 0)]
    return any(before.count(quote) % 2 for quote in "\"'`")


def _looks_like_code(path: Sequence[str]) -> bool:
    """Return whether a qualified name, split at its separators, is more likely an identifier than a word."""
    return len(path) > 1 or "_" in path[0].strip("_") or bool(_CAMEL_CASE.search(path[0]))
