"""What the speed benchmarks share: figures, timers and queries."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_QUERIES = 60
VERBS = "parse validate render retry cache open close merge sort schedule".split()
NOUNS = "header session request template node form token file connection graph query signal".split()

_count = itertools.count()


@dataclass(frozen=True)
class Figure:
    """One row of the table; `comment` puts the value into perspective."""

    folder: str
    name: str
    value: float
    unit: str
    comment: str = ""


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return how many seconds a call took, and its result."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def queries() -> Iterator[str]:
    """Yield sixty queries. Each differs from all before, because the engine caches recent ones."""
    pairs = itertools.islice(itertools.product(VERBS, NOUNS), _QUERIES)
    return (f"how do we {verb} a {noun} {next(_count)}" for verb, noun in pairs)
