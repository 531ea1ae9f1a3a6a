"""Measure a Chroma server that machines share: python -m tests.bench.team DIRECTORY [--chunks N] ….

Each machine is an engine with a clone, an index and a cache of its own. The first machine of each repository
has cached fake vectors and uploads them; the others find them on the server.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import typer
from rich.console import Console

from semls.engine.models.presets import FALLBACK
from semls.engine.models.registry import load_encoder
from semls.engine.models.transformers_encoder import TransformersEncoder
from semls.service.client import Client
from semls.service.launcher import stop
from semls.service.messages import ProgressMessage
from semls.settings import EngineSettings, Server, Settings
from tests.bench.encoder_speed import fill_cache
from tests.bench.figures import queries
from tests.bench.speed import generate
from tests.support.chroma_server import Chroma

_QUESTIONS = 30

print_line = partial(Console(highlight=False).print, soft_wrap=True)


@dataclass(frozen=True)
class Machine:
    """The clone of one repository on one machine, and a client of the engine there."""

    root: Path
    engine: EngineSettings
    client: Client

    async def index(self) -> ProgressMessage:
        """Embed the clone."""
        return [message async for message in self.client.index(str(self.root))][-1]

    async def search(self, pause: float) -> tuple[list[float], int]:
        """Ask questions. Return the seconds of each answer, and how many came without vectors."""
        seconds, lexical = [], 0
        for query in islice(queries(), _QUESTIONS):
            began = time.perf_counter()
            answer = await self.client.search([str(self.root)], query)
            seconds.append(time.perf_counter() - began)
            lexical += not answer["model"]
            await asyncio.sleep(pause)
        return seconds, lexical


def main(
    directory: Annotated[Path, typer.Argument(help="An empty directory for clones, indexes and the server.")],
    chunks: Annotated[int, typer.Option(help="In each repository.")] = 20_000,
    repositories: int = 5,
    machines: Annotated[int, typer.Option(help="For each repository.")] = 4,
) -> None:
    """Index and search on all machines at once, also while the server is down or silent."""
    asyncio.run(_measure(directory.resolve(), chunks, repositories, machines))


async def _measure(directory: Path, chunks: int, repositories: int, machines: int) -> None:
    encoder = load_encoder(FALLBACK)
    assert isinstance(encoder, TransformersEncoder)
    server = Chroma(directory / "chroma")
    await server.start()
    store = Server(server.address)
    first, others = list[Machine](), list[Machine]()
    for repository in range(repositories):
        root = _clone(directory / f"repository{repository}", chunks)
        for number in range(machines):
            home = directory / f"home{repository}-{number}"
            engine = EngineSettings(home / "cache", home / "state")
            machine = Machine(root, engine, Client(Settings(FALLBACK.name, store=store), engine))
            (others if number else first).append(machine)
        fill_cache(root, first[-1].engine.cache_directory / "embeddings", encoder)
    async with _running(first + others):
        await _index("the first machines upload", first, server)
        await _index("the others", others, server)
        await _search("a question a second from each", first + others, 1.0)
        await _search("five a second", first + others, 0.2)
        server.kill()
        await _search("five a second, the server is down", first + others, 0.2)
        await server.start()
        began = time.monotonic()
        while await _search("after its start", first + others, 0.2):
            pass
        print_line(f"all answers have vectors again after {time.monotonic() - began:.0f} s")
        os.kill(server.pid, signal.SIGSTOP)
        await _search("five a second, the server is silent", first + others, 0.2)
        os.kill(server.pid, signal.SIGCONT)
    server.kill()


@asynccontextmanager
async def _running(machines: Sequence[Machine]) -> AsyncIterator[None]:
    """Stop the engines at the end of the block."""
    try:
        yield
    finally:
        await asyncio.gather(*(stop(machine.engine) for machine in machines))


def _clone(root: Path, chunks: int) -> Path:
    """Write a clone with functions that no other repository has."""
    generate(root, chunks)
    for file in root.rglob("*.py"):
        file.write_text(file.read_text().replace("def ", f"def {root.name}_"))
    (root / ".git").mkdir()
    (root / ".git/config").write_text(f'[remote "origin"]\n\turl = git@example.org:team/{root.name}.git\n')
    return root


async def _index(label: str, machines: Sequence[Machine], server: Chroma) -> None:
    began = time.monotonic()
    done = await asyncio.gather(*(machine.index() for machine in machines))
    embedded, encoded = (sum(message[key] for message in done) for key in ("embedded", "encoded"))
    seconds = time.monotonic() - began
    print_line(f"{label}: {seconds:.0f} s, {embedded:,} chunks have vectors, {encoded:,} were encoded")
    print_line(f"memory of the server: {server.memory / 2**20:.0f} MiB")


async def _search(label: str, machines: Sequence[Machine], pause: float) -> int:
    """Search on all machines. Return how many answers came without vectors."""
    results = await asyncio.gather(*(machine.search(pause) for machine in machines))
    seconds = [each for taken, _ in results for each in taken]
    lexical = sum(count for _, count in results)
    times = [1000 * each for each in quantiles(seconds, n=100)]
    percentiles = ", ".join(f"p{percent} {times[percent - 1]:.0f}" for percent in (50, 95, 99))
    print_line(f"{label}: {percentiles} ms; {lexical} of {len(seconds)} answers without vectors")
    return lexical


if __name__ == "__main__":
    typer.run(main)
