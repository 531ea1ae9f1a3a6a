"""How well chunks answer a question: arithmetic over what the catalog knows of them.

The weights are round. What each is worth was measured; CONTRIBUTING.md keeps the table.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

import snowballstemmer

from semls.engine.storage.schema import Entry
from semls.engine.syntax import identifiers
from semls.engine.syntax.source import split_rows

# Added up. The best candidate has 1 by its words.
_NEARNESS = 1.5  # times the cosine; not a share of the best one's, which may not be near
_DOUBT = 2.0  # times the nearness again, where no chunk has even half of what the question says
_MODULE = 0.6  # times the share of the file's name that the question covers
_FOLDER = 0.2  # times the same of its folder's name
_DEFINES = 0.3  # times how well any name in the file fits the question
_NAME = 0.3  # times the square of how well its own does
_COHERENCE = 0.4  # times what all candidates of the file have by their words
_SIZE = 1 / 16  # for each doubling of the rows: bm25 prefers what is short
_EXACT = 0.6  # the question names this very symbol
_TYPE = 0.5  # and that is a type
_BEGINS = 0.4  # the name begins with what is typed
_HUMPS = 0.3  # or its humps do: pHH for parseHTTPHeader

# Multiplied with that.
_ASIDE = 0.5  # tests, examples, documentation, vendored and generated code
_PROSE = 0.5  # prose and data beside code
_BUILD = 0.5  # what builds it
_OLDER = 0.5  # of a version beside which there is a newer one
_FURTHER = 0.5  # each of the next two chunks of the same file
_COPY = 0.5  # what a better candidate says, too

_ROOT = 4  # letters: `auth` is akin to `authentication`

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
    r"|bench(?:es|marks?)?|docs?|docs?_\w+|tutorials?|website|playgrounds?"
    r"|vendor|vendored|third[_-]?party|external|node_modules"
    r"|dist|bundled?|amalgamat(?:ed|ion)|single[_-]?(?:include|header)s?)/"
    r"|(?:^|/)(?:test_[^/]*|conftest|[^/]*(?:_test|_spec|\.test|\.spec|Tests?|Spec|[_.-]bench(?:mark)?))\.\w+$"
    r"|(?:^|/)[^/]*(?:_pb2(?:_grpc)?|\.pb|\.g|\.gen|[._-]generated)\.\w+$"
)
_ASIDE_WORDS = frozenset(
    "test tests testing spec example examples sample demo bench benchmark mock fixture generated".split()
)
_PROSE_LANGUAGES = frozenset(
    "markdown rst text json yaml toml xml html csv tsv ini properties org latex".split()
)
_PROSE_WORDS = frozenset(
    """
    doc docs documentation documented readme changelog guide tutorial config configuration settings
    json yaml toml xml html markdown
    """.split()
)
_BUILD_LANGUAGES = frozenset("cmake make meson ninja starlark gn".split())
_BUILD_WORDS = frozenset(
    "build builds building built compile compiled makefile cmake bazel target targets".split()
)
_OLD_WORDS = frozenset("old older former previous legacy deprecated compat compatibility".split())
_VERSION = re.compile(r"(?:^|/)(v(\d{1,9}))/")
_TYPES = frozenset(("Class", "Interface", "Struct", "Enum", "Object", "Module"))


@dataclass(frozen=True)
class Question:
    """A question taken apart."""

    terms: tuple[str, ...]  # for the word index: words and their parts, without stop words
    names: tuple[str, ...]  # of symbols that it may be asking for
    containers: Mapping[str, str]  # name → what it says the name lies in, for `A.b` and `A::b`
    stems: frozenset[str]  # of the terms
    symbol: str = ""  # what it is all of, as typed into a box for symbols

    @classmethod
    def of(cls, text: str) -> "Question":
        """Take a question apart."""
        words = _WORD.findall(text)
        parts = [part for word in words for part in (word, *identifiers.split(word))]
        terms = dict.fromkeys(part.lower() for part in parts)
        telling = tuple(term for term in terms if term not in _STOP_WORDS) or tuple(terms)
        qualified = [_SEPARATOR.split(name) for name in _QUALIFIED.findall(text)]
        alone = len(qualified) == 1
        symbols = [path for path in qualified if alone or _looks_like_code(path)]
        containers = {path[-1].lower(): ".".join(path[:-1]).lower() for path in symbols}
        return cls(
            telling,
            tuple(path[-1] for path in symbols),
            containers,
            frozenset(map(_stem, telling)),
            qualified[0][-1] if alone else "",
        )

    def asks_for(self, words: Collection[str]) -> bool:
        """Whether any of the words is a term of it."""
        return not frozenset(self.terms).isdisjoint(words)


class Candidate(NamedTuple):
    """A chunk, what it has by its words and by its vector; each is 0 where that did not find it."""

    entry: Entry
    words: float = 0.0  # bm25, as a share of what it could be
    nearness: float = 0.0  # cosine above that of the farthest candidate


def rank(question: Question, candidates: Mapping[int, Candidate]) -> list[tuple[int, float]]:
    """Ids with their scores, best first."""
    most_words = max((one.words for one in candidates.values()), default=0.0)
    nearness = _NEARNESS * (1 + _DOUBT * max(0.0, 1 - 2 * most_words))
    names = _Names(question)
    files = _files(names, candidates.values())
    standing = _Standing(question, files.keys())
    scores = {}
    for number, one in candidates.items():
        own = one.words / (most_words or 1.0) + nearness * one.nearness + _fit(question, names, one.entry)
        scores[number] = (own + files[one.entry.path]) * standing.of(one.entry)
    return _spread(scores, candidates)


def is_named(question: Question, candidate: Candidate) -> bool:
    """Whether the question asks for the candidate's name."""
    return _symbol(question, candidate.entry) > 0


def matched(question: Question, candidate: Candidate) -> tuple[str, ...]:
    """What a candidate was found by: its "name", "lexical" or "semantic" search."""
    ways = {
        "name": is_named(question, candidate),
        "lexical": candidate.words,
        "semantic": candidate.nearness,
    }
    return tuple(way for way, worth in ways.items() if worth > 0)


def best_row(question: Question, text: str) -> int:
    """Return the row of `text` that shares the most with the question; 0 where no row shares anything.

    A term counts less the more rows have it. The first of equally good rows wins.
    """
    shared = [_line_stems(line) & question.stems for line in split_rows(text)]
    frequency = Counter(chain.from_iterable(shared))
    weights = [sum(1 / frequency[stem] for stem in stems) for stems in shared]
    return weights.index(max(weights))


def _line_stems(line: str) -> frozenset[str]:
    return frozenset(chain.from_iterable(_stems(word) for word in _WORD.findall(line)))


def _fit(question: Question, names: "_Names", entry: Entry) -> float:
    size = _SIZE * math.log2(2 + entry.end_row - entry.start_row)
    return size + (_NAME * names.fit(entry.name) ** 2 + _symbol(question, entry) if entry.name else 0.0)


def _symbol(question: Question, entry: Entry) -> float:
    """How well it is the symbol that the question names."""
    return _named(question, entry) + _typed(question.symbol, entry.name)


def _named(question: Question, entry: Entry) -> float:
    if not question.containers:
        return 0.0
    path = f".{entry.container}.{entry.name}".lower()
    container = question.containers.get(path.rpartition(".")[2])
    if container is None or (container and not path.rpartition(".")[0].endswith(f".{container}")):
        return 0.0
    return _EXACT + (_TYPE if entry.kind in _TYPES else 0.0)


def _typed(symbol: str, name: str) -> float:
    if symbol and name.lower().startswith(symbol.lower()):
        return _BEGINS
    return _HUMPS if symbol and _has_humps(name, symbol) else 0.0


def _has_humps(name: str, typed: str) -> bool:
    parts, wanted = identifiers.split(name), identifiers.prefixes(typed)
    return 1 < len(wanted) <= len(parts) and all(
        part.lower().startswith(begin.lower()) for begin, part in zip(wanted, parts, strict=False)
    )


def _files(names: "_Names", candidates: Iterable[Candidate]) -> dict[str, float]:
    """What each file adds to its chunks."""
    of_path: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        of_path[one.entry.path].append(one)
    words = {path: sum(one.words for one in some) for path, some in of_path.items()}
    most = max(words.values(), default=0.0) or 1.0
    return {
        path: _COHERENCE * words[path] / most
        + _DEFINES * max(names.fit(one.entry.name) for one in some)
        + _path(names, path)
        for path, some in of_path.items()
    }


def _path(names: "_Names", path: str) -> float:
    *folders, file = path.split("/")
    folder = folders[-1] if folders else ""
    return _MODULE * names.covered(file.rpartition(".")[0] or file) + _FOLDER * names.covered(folder)


class _Names:
    """How well names say what is asked."""

    def __init__(self, question: Question) -> None:
        self._stems = question.stems
        self._alike: dict[str, list[str]] = defaultdict(list)  # stems by how they begin
        for stem in question.stems:
            self._alike[stem[:_ROOT]].append(stem)
        self._fits: dict[str, float] = {}

    def fit(self, name: str) -> float:
        """From 0 to 1; what the name covers of the question counts less than the reverse."""
        fit = self._fits.get(name)
        if fit is None:
            said = self._said(name)
            share = len(set(chain.from_iterable(said))) / len(self._stems) if said else 0.0
            fit = self._fits[name] = len(said) / len(_stems(name)) * math.sqrt(share) if said else 0.0
        return fit

    def covered(self, name: str) -> float:
        """The share of a name's parts that the question has."""
        said = self._said(name)
        return len(said) / len(_stems(name)) if said else 0.0

    def _said(self, name: str) -> list[list[str]]:
        """The stems of the question that a part of the name says, for each part that says any."""
        return [
            said
            for part in _stems(name)
            if (alike := self._alike.get(part[:_ROOT]))
            and (said := [stem for stem in alike if part.startswith(stem) or stem.startswith(part)])
        ]


class _Standing:
    """Lowers what is seldom meant, unless the question asks for it."""

    def __init__(self, question: Question, paths: Collection[str]) -> None:
        self._aside = 1.0 if question.asks_for(_ASIDE_WORDS) else _ASIDE
        self._languages = {
            **dict.fromkeys(_PROSE_LANGUAGES, 1.0 if question.asks_for(_PROSE_WORDS) else _PROSE),
            **dict.fromkeys(_BUILD_LANGUAGES, 1.0 if question.asks_for(_BUILD_WORDS) else _BUILD),
        }
        self._older = {} if question.asks_for(_OLD_WORDS) else _older(question, paths)

    def of(self, entry: Entry) -> float:
        """A factor."""
        aside = self._aside if _is_aside(entry.path) else 1.0
        return aside * self._languages.get(entry.language, 1.0) * self._older.get(entry.path, 1.0)


def _older(question: Question, paths: Collection[str]) -> dict[str, float]:
    """What lies in `v1` beside `v2`, or beside a file of the same name; not where the question says `v1`."""
    versions = {
        path: (found.start(1), int(found[2]), found.end())
        for path in paths
        if (found := _VERSION.search(path)) and not question.asks_for((found[1],))
    }
    newest: dict[str, int] = defaultdict(int)
    for path, (start, version, _) in versions.items():
        newest[path[:start]] = max(newest[path[:start]], version)
    return {
        path: _OLDER
        for path, (start, version, end) in versions.items()
        if version < newest[path[:start]] or path[:start] + path[end:] in paths
    }


@lru_cache(1 << 14)
def _is_aside(path: str) -> bool:
    return bool(_ASIDE_PATH.search(path))


def _spread(scores: Mapping[int, float], candidates: Mapping[int, Candidate]) -> list[tuple[int, float]]:
    """Lower the further chunks of a file and copies, so that neither fills the answer."""
    seen: dict[str, int] = defaultdict(int)
    said: set[str] = set()
    spread = {}
    for number in sorted(scores, key=lambda number: (-scores[number], number)):
        entry = candidates[number].entry
        copy = _COPY if entry.content_hash in said else 1.0
        spread[number] = scores[number] * copy * _FURTHER ** min(seen[entry.path], 2)
        seen[entry.path] += 1
        said.add(entry.content_hash)
    return sorted(spread.items(), key=lambda item: (-item[1], item[0]))


@lru_cache(1 << 14)
def _stems(name: str) -> frozenset[str]:
    return frozenset(_stem(part.lower()) for part in identifiers.split(name))


@lru_cache(1 << 14)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> "snowballstemmer.stemmer":
    return snowballstemmer.stemmer("english")


def _looks_like_code(path: Sequence[str]) -> bool:
    return (
        len(path) > 1 or "_" in path[0].strip("_") or bool(re.search(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]", path[0]))
    )
