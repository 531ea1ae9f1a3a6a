"""Finds clusters of functions that are copies of one another, or nearly.

Functions with the same normalized text are copies. Of the others, those with near vectors are compared word
by word: vectors find the pairs among all functions in one multiplication of matrices, and words decide,
because models differ in the range of their cosines. Each step is a short task, so that searches preempt it
and a cancelled request ends it.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search.retrieval import Hit, hit_without_query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry
from semls.engine.syntax.source import normalized_text
from semls.engine.vector_index import VectorIndex

_PAGE = 500  # functions that one task reads, or whose vectors it fetches
_MIN_WORDS = 40  # of a function: shorter ones, such as accessors, are alike because there is little to write
_MAX_FUNCTIONS = 20_000  # whose vectors are compared: some seconds and 60 MB
_BLOCK = 2_000_000  # cosines that one task computes: less than a tenth of a second with 768 dimensions
_MAX_ROWS = 50  # functions that one task compares with the others
_MAX_NEAR = 200  # functions with near vectors whose words are compared: more copies are another cluster
_MAX_IN_FILE = 300  # functions of a file that are compared with those of the workspace
_MAX_NEAR_IN_FILE = 50  # contents that each of them is compared with word by word
_BUCKETS = 256  # of hashed words: collisions only raise the number of words that two functions share
_MIN_COSINE = 0.6  # a generous bound, because words decide: with 0.85, two fifths of the pairs were missed
_MIN_SHARED = 0.85  # of the words of both functions: with less, overloads and siblings are pairs
_MAX_LENGTH_RATIO = 1.36  # follows from _MIN_SHARED: 0.85 = 2 / (1 + 1.353)

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Functions that are copies of the first one, or nearly; of these, there are no copies among them.

    A score is the share of words that a function has in common with the first one.
    """

    hits: tuple[Hit, ...]
    are_copies: bool

    @property
    def repeated_rows(self) -> int:
        """How many rows could be saved."""
        return sum(hit.entry.end_row - hit.entry.start_row + 1 for hit in self.hits[1:])


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Clusters: copies first, those with the most repeated rows first.

    `compared` of `functions` have been compared by their vectors.
    """

    clusters: tuple[Cluster, ...]
    functions: int
    compared: int


class _Function(NamedTuple):
    entry: Entry
    text: str
    words: int
    histogram: NDArray[np.uint16]  # of hashed words
    copies: int = 1  # with the same normalized text, itself included


async def find_duplicates(
    catalog: Catalog, index: VectorIndex | None, executor: PriorityExecutor, *, tests: bool
) -> Duplicates:
    """Return all clusters of the workspace; without an index, only those of copies. Raises StoreError."""
    groups: dict[str, list[_Function]] = {}
    last: int | None = 0
    while last is not None:
        last = await executor.run(Priority.LEXICAL, _read_page, catalog, last, groups, tests=tests)
    same = [[(function, 1.0) for function in group] for group in groups.values() if len(group) > 1]
    copies = await _clusters(same, executor, are_copies=True)
    functions, near = list[_Function](), list[Cluster]()
    if index:
        distinct = [group[0]._replace(copies=len(group)) for group in groups.values()]
        functions, matrix = await _with_vectors(distinct, index)
        near = await _near_clusters(functions, matrix, executor)
    clusters = (*sorted(copies, key=_order), *sorted(near, key=_order))
    return Duplicates(
        clusters, sum(map(len, groups.values())), sum(function.copies for function in functions)
    )


async def find_duplicates_in(
    path: str, catalog: Catalog, index: VectorIndex | None, executor: PriorityExecutor
) -> Duplicates:
    """Return a cluster for each function of a file that has copies, or near ones, in the order of the file.

    Takes about ten milliseconds for each function, however large the workspace is. Functions without a
    vector, and all without an index, are compared with exact copies only. Raises StoreError.
    """
    rows = await executor.run(Priority.LEXICAL, catalog.functions_of_file, path, _MAX_IN_FILE)
    functions = [function for _, entry, text in rows if (function := _function(entry, text))]
    vectors: dict[str, NDArray[np.float32]] = {}
    if index:
        hashes = list({function.entry.content_hash for function in functions})
        vectors = await index.executor.run(Priority.LEXICAL, index.vectors.get, hashes)
    clusters: list[Cluster] = []
    for function in functions:
        near: list[str] | None = None
        vector = vectors.get(function.entry.content_hash)
        if index and vector is not None:
            query, limit = index.vectors.query, _MAX_NEAR_IN_FILE
            found = await index.executor.run(Priority.LEXICAL, query, vector, limit)
            near = [content_hash for content_hash, cosine in found if cosine >= _MIN_COSINE]
        cluster = await executor.run(Priority.LEXICAL, _cluster_of, function, near, catalog)
        clusters += [cluster] if cluster else []
    compared = sum(function.entry.content_hash in vectors for function in functions)
    return Duplicates(tuple(clusters), len(functions), compared)


def _cluster_of(function: _Function, hashes: Sequence[str] | None, catalog: Catalog) -> Cluster | None:
    """Return a function with the near copies among content hashes, or without these with its exact copies."""
    wanted, words = normalized_text(function.text), Counter(_TOKEN.findall(function.text))
    members, are_copies = [(function, 1.0)], True
    if hashes is None:
        ids = list(catalog.fulltext.find_phrase(wanted, _MAX_NEAR))
    else:
        ids = [chunk for chunks in catalog.find_by_hash(hashes, ()).values() for chunk in chunks]
    for _, entry, text in catalog.functions_among(ids):
        is_copy = normalized_text(text) == wanted
        is_candidate = is_copy or hashes is not None
        shared = _shared(words, Counter(_TOKEN.findall(text))) if is_candidate else 0.0
        other = _function(entry, text) if shared >= _MIN_SHARED else None
        if other and not _overlap(entry, function.entry):
            members.append((other, shared))
            are_copies &= is_copy
    return _cluster(members, are_copies=are_copies) if len(members) > 1 else None


def _overlap(one: Entry, other: Entry) -> bool:
    return one.path == other.path and one.start_row <= other.end_row and other.start_row <= one.end_row


def _function(entry: Entry, text: str) -> _Function | None:
    """Return a function, or None for one that is too short to be compared."""
    words = _TOKEN.findall(text)
    if len(words) < _MIN_WORDS:
        return None
    histogram = np.bincount([hash(word) % _BUCKETS for word in words], minlength=_BUCKETS)
    return _Function(entry, text, len(words), histogram.astype(np.uint16))


def _read_page(catalog: Catalog, last: int, groups: dict[str, list[_Function]], *, tests: bool) -> int | None:
    """Add the functions of a page to those with the same text. Return the last id, None at the end."""
    page = catalog.functions_after(last, _PAGE, tests=tests)
    for _, entry, text in page:
        if function := _function(entry, text):
            groups.setdefault(normalized_text(text), []).append(function)
    return page[-1][0] if len(page) == _PAGE else None


async def _with_vectors(
    functions: Sequence[_Function], index: VectorIndex
) -> tuple[list[_Function], NDArray[np.float32]]:
    """Return the functions that have a vector, the shortest first, with their vectors, L2-normalised."""
    largest = sorted(functions, key=lambda function: -function.words)[:_MAX_FUNCTIONS]
    found: list[tuple[_Function, NDArray[np.float32]]] = []
    for start in range(0, len(largest), _PAGE):
        page = largest[start : start + _PAGE]
        hashes = [function.entry.content_hash for function in page]
        vectors = await index.executor.run(Priority.LEXICAL, index.vectors.get, list(dict.fromkeys(hashes)))
        found += [
            (function, vectors[content_hash])
            for function, content_hash in zip(page, hashes, strict=True)
            if content_hash in vectors
        ]
    found.reverse()
    if not found:
        return [], np.empty((0, 1), np.float32)
    matrix = np.stack([vector for _, vector in found])
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return [function for function, _ in found], matrix


async def _near_clusters(
    functions: Sequence[_Function], matrix: NDArray[np.float32], executor: PriorityExecutor
) -> list[Cluster]:
    """Return clusters of functions that are near their first one, which is the shortest of them."""
    if not functions:
        return []
    comparison = _Comparison(functions, matrix)
    start = 0
    while start < len(functions):
        start = await executor.run(Priority.LEXICAL, comparison.compare_block, start)
    alike = [
        [(functions[first], 1.0), *((functions[other], shared) for other, shared in others)]
        for first, others in comparison.found.items()
    ]
    return await _clusters(alike, executor, are_copies=False)


class _Comparison:
    """Compares functions, the shortest first, with the longer ones, in blocks.

    `found` has the numbers of functions, with those that are like them and are like no shorter one.
    """

    def __init__(self, functions: Sequence[_Function], matrix: NDArray[np.float32]) -> None:
        self.found: dict[int, list[tuple[int, float]]] = {}
        self._functions, self._matrix = functions, matrix
        self._taken = np.zeros(len(functions), bool)
        self._histograms = np.stack([function.histogram for function in functions])
        self._sizes = np.array([function.words for function in functions])
        self._words: dict[int, Counter[str]] = {}

    def compare_block(self, start: int) -> int:
        """Compare the functions of the next block. Return where the block after it starts."""
        width = _bound(self._functions, start) - start
        stop = min(start + max(1, min(_BLOCK // max(width, 1), _MAX_ROWS)), len(self._functions))
        end = _bound(self._functions, stop - 1)
        cosines = self._matrix[start:stop] @ self._matrix[start:end].T
        for first in range(start, stop):
            if not self._taken[first]:
                self._compare(first, cosines[first - start, first - start + 1 :])
        for number in [number for number in self._words if number < stop]:
            del self._words[number]
        return stop

    def _compare(self, first: int, cosines: NDArray[np.float32]) -> None:
        """Compare the words of a function with those of the ones after it that have near vectors."""
        after = first + 1
        (near,) = np.nonzero((cosines >= _MIN_COSINE) & ~self._taken[after : after + len(cosines)])
        if len(near) > _MAX_NEAR:
            near = near[np.argpartition(-cosines[near], _MAX_NEAR)[:_MAX_NEAR]]
        others = after + near
        common = np.minimum(self._histograms[first], self._histograms[others]).sum(axis=1)
        bounds = 2 * common / (self._sizes[first] + self._sizes[others])
        for other in others[bounds >= _MIN_SHARED].tolist():
            shared = _shared(self._words_of(first), self._words_of(other))
            if shared >= _MIN_SHARED:
                self._taken[other] = True
                self.found.setdefault(first, []).append((other, shared))

    def _words_of(self, number: int) -> Counter[str]:
        if number not in self._words:
            self._words[number] = Counter(_TOKEN.findall(self._functions[number].text))
        return self._words[number]


def _bound(functions: Sequence[_Function], number: int) -> int:
    """Return the end of the functions that may be like this one: the others have too many words."""
    longest = functions[number].words * _MAX_LENGTH_RATIO
    return bisect_right(functions, longest, lo=number, key=lambda function: function.words)


def _shared(one: Counter[str], other: Counter[str]) -> float:
    """Return the Dice coefficient of two multisets of words."""
    return 2 * sum((one & other).values()) / (sum(one.values()) + sum(other.values()))


async def _clusters(
    groups: Sequence[Sequence[tuple[_Function, float]]], executor: PriorityExecutor, *, are_copies: bool
) -> list[Cluster]:
    """Return a cluster for each group of functions with their scores, away from the event loop."""
    return [
        await executor.run(Priority.LEXICAL, _cluster, members, are_copies=are_copies) for members in groups
    ]


def _cluster(members: Sequence[tuple[_Function, float]], *, are_copies: bool) -> Cluster:
    ordered = [members[0], *sorted(members[1:], key=lambda member: -member[1])]
    hits = (hit_without_query(function.entry, function.text, score) for function, score in ordered)
    return Cluster(tuple(hits), are_copies)


def _order(cluster: Cluster) -> tuple[int, str]:
    return -cluster.repeated_rows, cluster.hits[0].entry.path
