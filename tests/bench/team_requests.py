"""Measure one Chroma server that has many repositories: python -m tests.bench.team_requests DIRECTORY.

Each repository has a collection with a few vectors, so this measures metadata and the rate of requests, not
the size of the indexes. Requests reach random repositories, as if each had a machine that embeds 20 changed
chunks and searches 36 times in an hour.
"""

import asyncio
import random
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import numpy as np
import typer

from semls.engine.storage.vectors import Float32
from semls.engine.storage.vectors_remote import RemoteVectors
from semls.settings import Server
from tests.bench.figures import timed
from tests.bench.team import print_line
from tests.support.chroma_server import Chroma

_DIMENSION = 768
_VECTORS = 100  # in each repository
_RATES = {"write": 0.006, "look-up": 0.012, "search": 0.01}  # requests a second from each machine
_THREADS = 8
_generator = np.random.default_rng(0)
_numbers = count()


def main(
    directory: Annotated[Path, typer.Argument(help="An empty directory for the server.")],
    repositories: int = 1000,
    seconds: int = 60,
) -> None:
    """Fill the collections, send requests, open the collections again, and print how long that takes."""
    server = Chroma(directory.resolve())
    asyncio.run(server.start())
    try:
        before = server.memory
        taken = [timed(partial(_fill, server, number))[0] for number in range(repositories)]
        _print_times("a new collection and its first vectors", taken)
        memory = (server.memory - before) / 2**20
        print_line(f"memory of the server for {repositories:,} collections: {memory:.0f} MiB")
        opened = [timed(partial(_open, server, number)) for number in range(repositories)]
        _print_times("an existing collection is opened", [each for each, _ in opened])
        for kind, times in _send([vectors for _, vectors in opened], seconds).items():
            _print_times(f"{kind}, {_RATES[kind] * repositories:.1f} a second", times)
    finally:
        server.kill()


def _open(server: Chroma, number: int) -> RemoteVectors:
    store = Server(server.address)
    return RemoteVectors(store, f"git@example.org:team/{number}.git", "fingerprint", "model", _DIMENSION)


def _fill(server: Chroma, number: int) -> None:
    vectors = _open(server, number)
    vectors.upsert({str(each): _vector() for each in range(_VECTORS)})
    vectors.close()


def _send(collections: list[RemoteVectors], seconds: int) -> dict[str, list[float]]:
    """Send requests at their rates. Return the seconds from the time when each was due to its answer."""
    times = defaultdict[str, list[float]](list)
    began = time.monotonic()

    def send(kind: str, due: float) -> None:
        _request(kind, random.choice(collections))
        times[kind].append(time.monotonic() - began - due)

    with ThreadPoolExecutor(_THREADS) as pool:
        for due, kind in _schedule(seconds, len(collections)):
            time.sleep(max(0.0, began + due - time.monotonic()))
            pool.submit(send, kind, due)
    return times


def _schedule(seconds: int, machines: int) -> list[tuple[float, str]]:
    """Return random times of requests, in order, with their kinds."""
    counts = {kind: round(rate * machines * seconds) for kind, rate in _RATES.items()}
    return sorted(
        (random.uniform(0, seconds), kind) for kind, number in counts.items() for _ in range(number)
    )


def _request(kind: str, vectors: RemoteVectors) -> None:
    if kind == "write":
        vectors.upsert({f"new {next(_numbers)}": _vector()})
    elif kind == "look-up":
        vectors.existing([str(each) for each in range(20)])
    else:
        vectors.query(_vector(), 300)


def _vector() -> Float32:
    vector = _generator.normal(size=_DIMENSION).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return vector


def _print_times(label: str, seconds: list[float]) -> None:
    times = [1000 * each for each in quantiles(seconds, n=100)]
    print_line(f"{label}: p50 {times[49]:.0f}, p95 {times[94]:.0f}, p99 {times[98]:.0f} ms")


if __name__ == "__main__":
    typer.run(main)
