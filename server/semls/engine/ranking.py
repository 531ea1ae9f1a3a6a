"""What moves a hit up or down. Pure arithmetic over what the catalogue knows of a chunk."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from semls.engine.catalogue import Entry, split_identifier

# Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009). They take 60; with 20 a first place
# counts enough to stand against the words in names and paths.
_FUSION = 20

_EXACT = 2.0  # the question names this very symbol
_NAME = 0.3  # times the share of the question's words in the symbol's name
_PATH = 0.2  # times the share of the question's words in the file's and folder's names
_ASIDE = 0.6  # tests, examples, vendored code
_PROSE = 0.8  # documentation and data beside code
_FURTHER = 0.8  # each of the next two chunks of the same file

_WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*", re.UNICODE)
_QUALIFIED = re.compile(r"[\w$]+(?:(?:::|\.|#|->)[\w$]+)+|[\w$]+")
_SEPARATOR = re.compile(r"::|\.|#|->")
_STOP_WORDS = frozenset(
    """
    a about all an and any are as at be been but by can could do does did for from get gets given had has have
    how i if in into is it its like me my no not of on one or our out over should show so some such than that
    the their them then there these they this those through to use used uses using via was we were what when
    where which while who why will with would you your
    """.split()
)
_ASIDE_PATH = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|__tests__|__mocks__|mocks?|fixtures?|testdata|e2e|examples?|samples?|demos?"
    r"|bench(?:es|marks?)?|vendor|vendored|third[_-]?party|external|node_modules)/"
    r"|(?:^|/)(?:test_[^/]*|conftest|[^/]*(?:_test|_spec|\.test|\.spec|Tests?|Spec))\.\w+$"
)
_ASIDE_WORDS = frozenset(
    "test tests testing spec example examples sample demo bench benchmark mock fixture".split()
)
_PROSE_LANGUAGES = frozenset(
    "markdown rst text json yaml toml xml html csv tsv ini properties org latex".split()
)


@dataclass(frozen=True)
class Question:
    """A question taken apart."""

    terms: tuple[str, ...]  # for the word index: words and their parts, without stop words
    names: tuple[str, ...]  # of symbols that it may be asking for
    containers: Mapping[str, str]  # name → what it says the name lies in, for `A.b` and `A::b`

    @classmethod
    def of(cls, text: str) -> "Question":
        """Take a question apart."""
        words = _WORD.findall(text)
        parts = [part for word in words for part in (word, *split_identifier(word))]
        terms = dict.fromkeys(part.lower() for part in parts)
        telling = tuple(term for term in terms if term not in _STOP_WORDS)
        qualified = [_SEPARATOR.split(name) for name in _QUALIFIED.findall(text)]
        symbols = [path for path in qualified if len(qualified) == 1 or _looks_like_code(path)]
        containers = {path[-1].lower(): ".".join(path[:-1]).lower() for path in symbols}
        return cls(telling or tuple(terms), tuple(path[-1] for path in symbols), containers)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The terms without those that are only the whole of their own parts."""
        return tuple(term for term in self.terms if "_" not in term)


def fuse(lists: Sequence[Sequence[int]], extra: Iterable[int] = ()) -> dict[int, float]:
    """Reciprocal rank fusion, scaled so that the first of every list has 1.0; `extra` ones start from 0."""
    scores = dict.fromkeys(extra, 0.0)
    for ids in lists:
        for rank, number in enumerate(ids):
            scores[number] = scores.get(number, 0.0) + (_FUSION + 1) / (_FUSION + 1 + rank) / len(lists)
    return scores


def rank(
    question: Question, entries: Mapping[int, Entry], fused: Mapping[int, float]
) -> list[tuple[int, float]]:
    """Ids with their final scores, best first."""
    aside_wanted = bool(_ASIDE_WORDS.intersection(question.terms))
    scores = {
        number: fused[number] * _standing(entry, aside_wanted) + _fit(question, entry)
        for number, entry in entries.items()
    }
    return _spread(scores, entries)


def _fit(question: Question, entry: Entry) -> float:
    name = _words(entry.name)
    path = _words("/".join(entry.path.split("/")[-2:]))
    exact = _EXACT if _is_named(question, entry) else 0.0
    return exact + _NAME * _share(question.words, name) + _PATH * _share(question.words, path)


def _is_named(question: Question, entry: Entry) -> bool:
    container = question.containers.get(entry.name.lower())
    if container is None or not entry.name:
        return False
    return not container or f".{entry.container.lower()}".endswith(f".{container}")


def _standing(entry: Entry, aside_wanted: bool) -> float:
    aside = _ASIDE if not aside_wanted and _ASIDE_PATH.search(entry.path) else 1.0
    return aside * (_PROSE if entry.language in _PROSE_LANGUAGES else 1.0)


def _spread(scores: Mapping[int, float], entries: Mapping[int, Entry]) -> list[tuple[int, float]]:
    """Lower the further chunks of a file, so that one file does not fill the answer."""
    seen: dict[str, int] = {}
    spread = {}
    for number in sorted(scores, key=lambda number: (-scores[number], number)):
        path = entries[number].path
        spread[number] = scores[number] * _FURTHER ** min(seen.get(path, 0), 2)
        seen[path] = seen.get(path, 0) + 1
    return sorted(spread.items(), key=lambda item: (-item[1], item[0]))


def _share(wanted: Sequence[str], words: frozenset[str]) -> float:
    """The part of the wanted words found there; `token` is found in `tokenizer` and the other way round."""
    return sum(any(_akin(want, word) for word in words) for want in wanted) / len(wanted) if wanted else 0.0


def _akin(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= 4 and long.startswith(short))


def _words(name: str) -> frozenset[str]:
    return frozenset(part.lower() for part in split_identifier(name))


def _looks_like_code(path: Sequence[str]) -> bool:
    return (
        len(path) > 1 or "_" in path[0].strip("_") or bool(re.search(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]", path[0]))
    )
