"""Finds files that mention the words of a question, so that they can be read before all others."""

import math
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from semls.engine.files import scan
from semls.engine.files.auxiliary import is_auxiliary
from semls.reading import NO_FOLLOW, read_regular

_TASK_SECONDS = 0.1  # that one batch should take at most
_MAX_FILE_BYTES = 200_000  # larger files take too long to read before an answer
_MAX_BYTES = 600_000  # of the best files: some tenths of a second of reading
_AUXILIARY_WEIGHT = 0.5  # of the words of tests, documentation, generated code and so on
_MIN_WORD = 3  # letters; a shorter word is part of too many others


class Mentions(NamedTuple):
    """The words that the path of a file and its content contain."""

    path: str
    size: int  # bytes
    in_path: frozenset[str]
    in_content: frozenset[str]


def in_order_of_paths(
    items: Iterable[scan.Found | scan.Skipped], words: Collection[str]
) -> Iterator[scan.Found]:
    """Return the small files of a scan, those with the most words in their paths first, and tests last."""
    files = [item for item in items if isinstance(item, scan.Found) and item.size <= _MAX_FILE_BYTES]
    long_words = [word for word in words if len(word) >= _MIN_WORD]

    def count(file: scan.Found) -> float:
        return _weight(file.path) * sum(word in file.path.lower() for word in long_words)

    return iter(sorted(files, key=lambda file: (-count(file), is_auxiliary(file.path))))


def next_batch(root: Path, files: Iterator[scan.Found], words: Collection[str]) -> list[Mentions]:
    """Look for words in the next files, as many as one task has time for. [] after the last one.

    Words are in lower case, and may be beginnings of words. Runs in the priority executor.
    """
    deadline = time.monotonic() + _TASK_SECONDS
    encoded = {word: word.encode() for word in words if len(word) >= _MIN_WORD}
    batch = []
    for file in files:
        path, content = file.path.lower(), _content(root / file.path)
        in_path = frozenset(word for word in encoded if word in path)
        in_content = frozenset(word for word, text in encoded.items() if text in content)
        batch.append(Mentions(file.path, file.size, in_path, in_content))
        if time.monotonic() > deadline:
            break
    return batch


def best(files: Sequence[Mentions]) -> list[str]:
    """Return the paths of the files that mention the most and the rarest words, the best one last."""
    counts = Counter(word for file in files for word in file.in_content)
    weights = {word: math.log(1 + len(files) / count) for word, count in counts.items()}

    def score(file: Mentions) -> float:
        words = (*file.in_path, *file.in_content)
        return _weight(file.path) * sum(weights.get(word, 0.0) for word in words)

    paths, size = list[str](), 0
    for file in sorted(files, key=score, reverse=True):
        size += file.size
        if not file.in_content or size > _MAX_BYTES:
            break
        paths.append(file.path)
    return paths[::-1]


def _weight(path: str) -> float:
    return _AUXILIARY_WEIGHT if is_auxiliary(path) else 1.0


def _content(file: Path) -> bytes:
    try:
        return (read_regular(file, _MAX_FILE_BYTES, NO_FOLLOW) or b"").lower()
    except OSError:  # the crawler reports it
        return b""
