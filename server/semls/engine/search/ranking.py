"""Ranking: computes scores of candidates from what the catalog and the searches know about them.

A score is a sum of weighted evidence, multiplied by penalties. The weights are round numbers, chosen on five
benchmarks. "What changes of the ranking were worth" in tests/bench/RESULTS.md shows what each part adds.

All functions are pure.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from heapq import nlargest
from itertools import chain
from typing import NamedTuple

from semls.engine.files.auxiliary import is_auxiliary
from semls.engine.search.analysis import AnalyzedQuery, identifier_stems, text_stems
from semls.engine.storage.schema import Entry
from semls.engine.syntax import identifiers, languages
from semls.engine.syntax.source import split_rows

# Weights, which are added. The lexical score of the best candidate has the weight 1.
_SEMANTIC_WEIGHT = 0.3  # of one standard deviation of the cosines of the nearest chunks
_NAME_WEIGHT = 0.5  # of the square of the match between the query and the chunk's own name
_DEFINITION_WEIGHT = 0.2  # of a chunk that has a name: text between definitions is less often an answer
_LENGTH_WEIGHT = 0.08  # of the logarithm of the rows to base 2: BM25 prefers short chunks
_FILE_NAME_WEIGHT = 0.5  # of the share of the file's name that the query covers
_FOLDER_NAME_WEIGHT = 0.2  # of the same share of the folder's name
_COHERENCE_WEIGHT = 0.4  # of the scores of the best chunks in the file, relative to the best file
_COHERENT_CHUNKS = 3  # the best chunks of a file that count

# Boosts, which are added.
_SYMBOL_BOOST = 0.6  # the query names this symbol
_OTHER_CASE_BOOST = 0.5  # the query names it in other upper and lower case
_TYPE_BOOST = 0.5  # and the symbol is a type
_MENTION_SHARE = 0.5  # of both if the query has other words, too: it may ask for what uses the symbol
_MESSAGE_BOOST = 1.0  # the query is a message that the chunk has word for word
_PREFIX_BOOST = 0.4  # the name starts with the query
_CAMEL_CASE_BOOST = 0.3  # the parts of the name start with those of the query, as in pHH for parseHTTPHeader

# Penalties, which multiply the sum.
_AUXILIARY_PENALTY = 0.5  # tests, examples, documentation, vendored and generated code
_WANTED_AUXILIARY_PENALTY = 0.9  # the same if the query has a word such as "test": it may mean `TestClient`
_PROSE_PENALTY = 0.5  # prose and data files
_BUILD_PENALTY = 0.5  # build files
_OLDER_VERSION_PENALTY = 0.5  # a version of which there is a newer one
_UNMENTIONED_PENALTY = 0.5  # a chunk with no word of a query that is a single name, which is meant literally
_DUPLICATE_PENALTY = 0.5  # an exact duplicate of a better candidate
_SAME_FILE_PENALTY = 0.95  # all definitions of a file but its best

_MIN_COMMON_PREFIX = 4  # characters that related stems share at least: `auth` and `authentication`

_VERSION = re.compile(r"(?:^|/)(v(\d{1,9}))/")
# Files that are named after their role: the folder is the module.
_HOLLOW_STEMS = frozenset(("__init__", "__main__", "index", "lib", "main", "mod"))
_BUILD_LANGUAGES = frozenset("cmake make meson ninja starlark gn".split())
_TYPE_KINDS = frozenset(("Class", "Interface", "Struct", "Enum", "Object", "Module"))

# A query with one of these terms asks for what is otherwise penalized.
_AUXILIARY_TERMS = frozenset(
    "test tests testing spec example examples sample demo bench benchmark mock fixture generated".split()
)
_PROSE_TERMS = frozenset(
    """
    doc docs documentation documented readme changelog guide tutorial config configuration settings
    json yaml toml xml html markdown
    """.split()
)
_BUILD_TERMS = frozenset(
    "build builds building built compile compiled makefile cmake bazel target targets".split()
)
_OLD_TERMS = frozenset("old older former previous legacy deprecated compat compatibility".split())


class Candidate(NamedTuple):
    """A chunk and the scores of the searches that found it. A score is 0 if that search did not."""

    entry: Entry
    lexical: float = 0.0  # BM25 divided by its upper bound for the query
    semantic: float = 0.0  # how many standard deviations it is nearer than the farthest candidate
    message: float = 0.0  # the share of the query's phrases that it has in strings
    expected: float = 0.0  # the semantic score that is expected of a chunk without a vector


class _Evidence(NamedTuple):
    """The two parts of a score, after penalties for the kind of file."""

    chunk: float
    file: float  # shared by all chunks of the file

    @property
    def total(self) -> float:
        return self.chunk + self.file


def rank(query: AnalyzedQuery, candidates: Mapping[int, Candidate]) -> list[tuple[int, float]]:
    """Return the ids of the candidates with their scores, best first.

    Scores are not bounded and not comparable across queries.
    """
    matcher = _NameMatcher(query)
    text_scores = _text_scores(candidates)
    file_scores = _file_scores(matcher, candidates, text_scores)
    penalties = _Penalties(query, file_scores.keys())
    evidence = {}
    for chunk, candidate in candidates.items():
        entry, penalty = candidate.entry, penalties.factor(candidate)
        own = text_scores[chunk] + _entry_score(query, matcher, entry) + _MESSAGE_BOOST * candidate.message
        evidence[chunk] = _Evidence(own * penalty, file_scores[entry.path] * penalty)
    return _diversify(evidence, candidates)


def auxiliary_penalty(query: AnalyzedQuery) -> float:
    """Return the factor for the score of a chunk in an auxiliary file."""
    return _WANTED_AUXILIARY_PENALTY if query.has_any(_AUXILIARY_TERMS) else _AUXILIARY_PENALTY


def is_named(query: AnalyzedQuery, candidate: Candidate) -> bool:
    """Return whether the query asks for the candidate by name."""
    return _symbol_boost(query, candidate.entry) > 0


def matched(query: AnalyzedQuery, candidate: Candidate) -> tuple[str, ...]:
    """Return which evidence found a candidate: "name", "lexical" or "semantic"."""
    evidence = {
        "name": is_named(query, candidate),
        "lexical": candidate.lexical > 0,
        "semantic": candidate.semantic > 0,
    }
    return tuple(name for name, was_found in evidence.items() if was_found)


def best_row(query: AnalyzedQuery, text: str) -> int:
    """Return the row of `text` that shares the most stems with the query; 0 where no row shares any.

    A stem counts less the more rows have it. The first of equally good rows wins.
    """
    shared = [text_stems(row) & query.stems for row in split_rows(text)]
    frequency = Counter(chain.from_iterable(shared))
    weights = [sum(1 / frequency[stem] for stem in stems) for stems in shared]
    return weights.index(max(weights))


# The chunk


def _text_scores(candidates: Mapping[int, Candidate]) -> dict[int, float]:
    """Return the weighted sums of the lexical and the semantic scores."""
    best = max((each.lexical for each in candidates.values()), default=0.0) or 1.0
    return {
        chunk: each.lexical / best + _SEMANTIC_WEIGHT * (each.semantic or each.expected)
        for chunk, each in candidates.items()
    }


def _entry_score(query: AnalyzedQuery, matcher: "_NameMatcher", entry: Entry) -> float:
    length = _LENGTH_WEIGHT * math.log2(2 + entry.end_row - entry.start_row)
    if not entry.name:
        return length
    name = _NAME_WEIGHT * matcher.match(entry.name) ** 2
    return length + _DEFINITION_WEIGHT + name + _symbol_boost(query, entry)


def _symbol_boost(query: AnalyzedQuery, entry: Entry) -> float:
    return _named_boost(query, entry) + _prefix_boost(query.symbol, entry.name)


def _named_boost(query: AnalyzedQuery, entry: Entry) -> float:
    if not query.containers:
        return 0.0
    path = f".{entry.container}.{entry.name}".lower()
    outer, _, name = path.rpartition(".")
    container = query.containers.get(name)
    if container is None or (container and not outer.endswith(f".{container}")):
        return 0.0
    boost = _SYMBOL_BOOST if entry.name in query.names else _OTHER_CASE_BOOST
    boost += _TYPE_BOOST if entry.kind in _TYPE_KINDS else 0.0
    return boost if query.symbol else _MENTION_SHARE * boost


def _prefix_boost(symbol: str, name: str) -> float:
    if not symbol:
        return 0.0
    if name.lower().startswith(symbol.lower()):
        return _PREFIX_BOOST
    return _CAMEL_CASE_BOOST if _matches_camel_case(name, symbol) else 0.0


def _matches_camel_case(name: str, symbol: str) -> bool:
    parts, prefixes = identifiers.split(name), identifiers.prefixes(symbol)
    return 1 < len(prefixes) <= len(parts) and all(
        part.lower().startswith(prefix.lower()) for prefix, part in zip(prefixes, parts, strict=False)
    )


# The file


def _file_scores(
    matcher: "_NameMatcher", candidates: Mapping[int, Candidate], text_scores: Mapping[int, float]
) -> dict[str, float]:
    """Return by path what a file adds to the score of its best chunk."""
    by_path: dict[str, list[float]] = defaultdict(list)
    for chunk, candidate in candidates.items():
        by_path[candidate.entry.path].append(text_scores[chunk])
    sums = {path: sum(nlargest(_COHERENT_CHUNKS, scores)) for path, scores in by_path.items()}
    best = max(sums.values(), default=0.0) or 1.0
    return {path: _COHERENCE_WEIGHT * sums[path] / best + _path_score(matcher, path) for path in by_path}


def _path_score(matcher: "_NameMatcher", path: str) -> float:
    *folders, file = path.split("/")
    stem = file.rpartition(".")[0] or file
    folder = folders[-1] if folders else ""
    if stem in _HOLLOW_STEMS:
        return (_FILE_NAME_WEIGHT + _FOLDER_NAME_WEIGHT) * matcher.covered_share(folder)
    file_name = _FILE_NAME_WEIGHT * matcher.covered_share(stem)
    return file_name + _FOLDER_NAME_WEIGHT * matcher.covered_share(folder)


class _NameMatcher:
    """Compares names with a query by the stems of their parts."""

    def __init__(self, query: AnalyzedQuery) -> None:
        self._stems = query.stems
        self._by_prefix: dict[str, list[str]] = defaultdict(list)
        for stem in query.stems:
            self._by_prefix[stem[:_MIN_COMMON_PREFIX]].append(stem)
        self._matches: dict[str, float] = {}

    def match(self, name: str) -> float:
        """Return how well a name matches the query, from 0 to 1.

        It is the share of the name's parts that the query has, times the square root of the share of the
        query's stems that the name has.
        """
        match = self._matches.get(name)
        if match is None:
            match = self._matches[name] = self._match(name)
        return match

    def _match(self, name: str) -> float:
        related = self._related_stems(name)
        if not related:
            return 0.0
        query_share = len(set(chain.from_iterable(related))) / len(self._stems)
        return len(related) / len(identifier_stems(name)) * math.sqrt(query_share)

    def covered_share(self, name: str) -> float:
        """Return the share of a name's parts that the query has."""
        related = self._related_stems(name)
        return len(related) / len(identifier_stems(name)) if related else 0.0

    def _related_stems(self, name: str) -> list[list[str]]:
        """Return, for each part of a name that is related to the query, the query's stems it is related to.

        Two stems are related if one is a prefix of the other.
        """
        related = []
        for part in identifier_stems(name):
            stems = self._by_prefix.get(part[:_MIN_COMMON_PREFIX], ())
            if found := [stem for stem in stems if part.startswith(stem) or stem.startswith(part)]:
                related.append(found)
        return related


# Penalties


class _Penalties:
    """The penalties for kinds of files that queries seldom ask for, unless the query does."""

    def __init__(self, query: AnalyzedQuery, paths: Collection[str]) -> None:
        self._query = query
        self._auxiliary = auxiliary_penalty(query)
        self._by_language = {
            **dict.fromkeys(languages.PROSE, 1.0 if query.has_any(_PROSE_TERMS) else _PROSE_PENALTY),
            **dict.fromkeys(_BUILD_LANGUAGES, 1.0 if query.has_any(_BUILD_TERMS) else _BUILD_PENALTY),
        }
        self._older_versions = set() if query.has_any(_OLD_TERMS) else _older_versions(query, paths)

    def factor(self, candidate: Candidate) -> float:
        """Return the product of all penalties for a chunk."""
        entry = candidate.entry
        auxiliary = self._auxiliary if is_auxiliary(entry.path) else 1.0
        older = _OLDER_VERSION_PENALTY if entry.path in self._older_versions else 1.0
        return auxiliary * self._by_language.get(entry.language, 1.0) * older * self._unmentioned(candidate)

    def _unmentioned(self, candidate: Candidate) -> float:
        is_mentioned = candidate.lexical > 0 or is_named(self._query, candidate)
        return 1.0 if is_mentioned or not self._query.symbol else _UNMENTIONED_PENALTY


def _older_versions(query: AnalyzedQuery, paths: Collection[str]) -> set[str]:
    """Return the paths in a folder `v1` that has a sibling `v2`, or has the same file next to it.

    Paths in a version that the query names are left out.
    """
    versions: dict[str, tuple[str, int, str]] = {}  # path → the path before, the version, the path after
    for path in paths:
        match = _VERSION.search(path)
        if match and not query.has_any((match[1],)):
            versions[path] = path[: match.start(1)], int(match[2]), path[match.end() :]
    newest: dict[str, int] = defaultdict(int)
    for before, version, _ in versions.values():
        newest[before] = max(newest[before], version)
    return {
        path
        for path, (before, version, after) in versions.items()
        if version < newest[before] or before + after in paths
    }


def _diversify(
    evidence: Mapping[int, _Evidence], candidates: Mapping[int, Candidate]
) -> list[tuple[int, float]]:
    """Penalize further definitions of a file and exact duplicates, and sort, so that neither fill the answer.

    The evidence for a file counts for its best definition only. The others keep most of their own: one of
    them may be what the query asks for.
    """
    best_of_file: dict[str, Entry] = {}
    seen: set[str] = set()  # content hashes
    diversified = {}
    for chunk in sorted(evidence, key=lambda chunk: (-evidence[chunk].total, chunk)):
        entry, scores = candidates[chunk].entry, evidence[chunk]
        best = best_of_file.setdefault(entry.path, entry)
        is_best = entry is best or _own_name(entry) == _own_name(best)
        score = scores.total if is_best else scores.chunk * _SAME_FILE_PENALTY
        diversified[chunk] = score * (_DUPLICATE_PENALTY if entry.content_hash in seen else 1.0)
        seen.add(entry.content_hash)
    return sorted(diversified.items(), key=lambda item: (-item[1], item[0]))


def _own_name(entry: Entry) -> tuple[str, int, int]:
    """Return what all chunks of one definition share, and no others of their file."""
    return entry.name, entry.name_row, entry.name_column
