"""Measure the speed: python -m tests.bench.speed FOLDER ... [--synthetic CHUNKS] [--fake-vectors] [--quick].

A copy of each folder, such as an unpacked source distribution, is indexed by an engine of its own, and
searched in the way of editors and terminals. Figures that depend on the machine come with a reference: the
same texts encoded by sentence-transformers, and a plain multiplication of matrices.
"""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from semls.engine.models import memory
from semls.engine.models.presets import FALLBACK
from semls.engine.models.registry import load_encoder, model_from_settings
from semls.engine.models.transformers_encoder import TransformersEncoder
from semls.service.client import Client
from semls.service.launcher import stop
from semls.settings import EngineSettings, Settings
from tests.bench.encoder_speed import encoder_figures, fill_cache
from tests.bench.figures import NOUNS, VERBS, Figure, queries, timed
from tests.support.raw_client import RawClient

_PAUSE = 0.05  # seconds between two queries, the pace of fast typing
_SAVES = 10
_QUICK = 500  # functions
_FUNCTIONS = 20  # in a file of a synthetic folder

AddFigure = Callable[..., None]


def main(
    folders: Annotated[list[Path] | None, typer.Argument(exists=True, file_okay=False)] = None,
    synthetic: Annotated[
        list[int] | None, typer.Option(help="Add a folder with so many generated functions.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model, or a folder with one.")] = FALLBACK.name,
    fake_vectors: Annotated[
        bool, typer.Option(help="Use fake vectors from the cache: embedding large folders takes hours.")
    ] = False,
    quick: Annotated[
        bool, typer.Option(help=f"Measure {_QUICK:,} generated functions only: three minutes at most.")
    ] = False,
    save: Annotated[Path | None, typer.Option(help="Write the figures to a JSON file.")] = None,
) -> None:
    """Measure the speed of indexing and search, and print a table."""
    figures: list[Figure] = []
    memory.reuse_freed()  # as the engine does
    encoder = load_encoder(model_from_settings(Settings(model=model)))
    assert isinstance(encoder, TransformersEncoder)
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory).resolve()
        roots = [_copy(folder.resolve(), base / "folders" / folder.name) for folder in folders or ()]
        counts = [_QUICK] if quick else synthetic or ()
        roots += [generate(base / "folders" / f"{count}-functions", count) for count in counts]
        if not fake_vectors:
            figures += encoder_figures(roots[0], encoder)
        for root in roots:
            home = base / f"{root.name}.index"
            os.environ.update(
                SEMLS_CACHE_DIR=str(home / "cache"), SEMLS_STATE_DIR=str(home / "state"), SEMLS_MODEL=model
            )
            if fake_vectors:
                fill_cache(root, home / "cache" / "embeddings", encoder)
            figures += asyncio.run(_measure(root, Settings(model=model)))
            _print(figures)
            if save:
                save.write_text(json.dumps([asdict(figure) for figure in figures], indent=1), "utf-8")


def _copy(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy, ignore_dangling_symlinks=True)
    return copy


def _print(figures: Sequence[Figure]) -> None:
    table = Table("folder", "figure", "value", "unit", "comment")
    table.columns[2].justify = "right"
    for figure in figures:
        table.add_row(figure.folder, figure.name, f"{figure.value:,.3g}", figure.unit, figure.comment)
    Console(width=110).print(table)


# The engine


async def _measure(root: Path, settings: Settings) -> list[Figure]:
    figures: list[Figure] = []

    def add(name: str, value: float, unit: str, comment: str = "") -> None:
        figures.append(Figure(root.name, name, value, unit, comment))

    async with _client(settings) as client:
        await client.resume()  # starts the engine
        await _measure_indexing(client, root, add)
        await _measure_search(client, root, add)
        await _measure_save(client, root, add)
        figures += _front_end_figures(root)
    async with _client(settings) as client:
        seconds, _ = await _timed(_last(client.index(_empty_workspace(root))))
        add("engine and model started", seconds, "s")
        seconds, last = await _timed(_last(client.index(str(root))))
        add("opened again, unchanged", seconds, "s", f"{last['encoded']} chunks embedded")
    return figures


def _empty_workspace(root: Path) -> str:
    folder = root.parent.with_name("empty")
    folder.mkdir(exist_ok=True)
    return str(folder)


async def _measure_indexing(client: Client, root: Path, add: AddFigure) -> None:
    first, _ = await _timed(client.search([str(root)], "parse the header", lexical_only=True))
    add("first answer, cold", first, "s")
    lexical, last = await _timed(_last(client.index(str(root), lexical_only=True)))
    counts = f"{last['files']:,} files, {last['chunks']:,} chunks"
    add("full-text index ready, cold", first + lexical, "s", counts)
    indexing = asyncio.create_task(_timed(_last(client.index(str(root)))))
    searches = await _search_seconds(client, root, lambda: not indexing.done())
    _add_percentiles(add, "search while indexing", searches)
    seconds, last = await indexing
    rate = last["encoded"] / seconds
    add("all chunks have vectors", seconds, "s", f"{rate:.0f} chunks/s embedded, the others cached")


async def _measure_search(client: Client, root: Path, add: AddFigure) -> None:
    _add_percentiles(add, "hybrid search", await _search_seconds(client, root))
    _add_percentiles(add, "lexical search", await _search_seconds(client, root, lexical_only=True))
    without_pause = await _search_seconds(client, root, pause=0.0, lexical_only=True)
    add("lexical without pause, p50", 1000 * median(without_pause), "ms", f"of {len(without_pause)}")
    status = await client.status(str(root))
    add("engine's memory", status["memory"] / 2**20, "MiB")
    add("disk", status["disk"] / max(1, status["chunks"]), "bytes/chunk")


async def _measure_save(client: Client, root: Path, add: AddFigure) -> None:
    """Measure the time from a save that an editor reports to the first search that finds it."""
    delays = []
    for number in range(_SAVES):
        file = root / "saved.py"
        file.write_text(f"def quarantine_parcel_{number}(parcel):\n    return parcel.depot == {number}\n")
        began = time.perf_counter()
        await client.report_saved(str(root), [str(file)])
        query = f"name:quarantine_parcel_{number}"
        while not (await client.search([str(root)], query, lexical_only=True))["hits"]:
            await asyncio.sleep(0.005)
        delays.append(time.perf_counter() - began)
        await _last(client.index(str(root)))
    add("save to searchable", median(delays), "s", f"of {_SAVES}, {max(delays):.2f} at most")


def _add_percentiles(add: AddFigure, name: str, seconds: Sequence[float]) -> None:
    if len(seconds) > 1:
        percentiles = quantiles(seconds, n=100)
        for percent in (50, 95, 99):
            add(f"{name}, p{percent}", 1000 * percentiles[percent - 1], "ms", f"of {len(seconds)}")


@asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client, and stop its engine at the end of the block."""
    engine = EngineSettings.from_environment()
    try:
        yield Client(settings, engine)
    finally:
        await stop(engine)


async def _timed(work: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    result = await work
    return time.perf_counter() - began, result


async def _last(items: AsyncIterator[Any]) -> Any:
    return [item async for item in items][-1]


async def _search_seconds(
    client: Client,
    root: Path,
    goes_on: Callable[[], bool] | None = None,
    pause: float = _PAUSE,
    **options: Any,
) -> list[float]:
    """Return the seconds that each query takes: once each, or again and again while `goes_on` is true."""
    seconds = []
    for query in itertools.cycle(queries()) if goes_on else queries():
        if goes_on and not goes_on():
            break
        taken, _ = await _timed(client.search([str(root)], query, **options))
        seconds.append(taken)
        await asyncio.sleep(pause)
    return seconds


# Front-ends


def _front_end_figures(root: Path) -> Iterator[Figure]:
    """Measure the language server and the commands while the engine runs."""
    figures: list[Figure] = []

    def add(name: str, value: float, unit: str, comment: str) -> None:
        figures.append(Figure(root.name, name, value, unit, comment))

    began = time.perf_counter()
    server = RawClient(dict(os.environ))
    server.start(rootUri=root.as_uri())
    yield Figure(root.name, "initialize answered", time.perf_counter() - began, "s")
    seconds = []
    for query in queries():
        taken, _ = timed(partial(server.ask, "semls/search", {"query": query}))
        seconds.append(taken)
        time.sleep(_PAUSE)
    _add_percentiles(
        lambda *values: figures.append(Figure(root.name, *values)), "search in an editor", seconds
    )
    yield from figures
    status = Path(f"/proc/{server.process.pid}/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        yield Figure(root.name, "front-end's memory", int(line.split()[1]) / 1024, "MiB")
    server.process.kill()
    server.end()
    with _silent_command() as run:
        query = next(queries())
        python = min(timed(lambda: subprocess.run([sys.executable, "-c", ""], check=True))[0] for _ in "123")
        for command in (["search", query, "--path", root], ["--version"]):
            taken = min(run(*command) for _ in "123")
            yield Figure(root.name, f"semls {command[0]}", taken, "s")
            yield Figure(root.name, f"semls {command[0]}", taken / python, "times", "python -c ''")


@contextmanager
def _silent_command() -> Iterator[Callable[..., float]]:
    """Yield a function that runs `semls` without output and returns how many seconds it took."""
    with open(os.devnull, "w") as null:

        def run(*arguments: object) -> float:
            command = [str(Path(sys.executable).with_name("semls")), *map(str, arguments)]
            return timed(lambda: subprocess.run(command, stdout=null, stderr=null, check=False))[0]

        yield run


# Synthetic folders


def generate(root: Path, functions: int) -> Path:
    """Write Python files with so many functions. Their words are spread more evenly than in real code."""
    for number in range(0, functions, _FUNCTIONS):
        folder = root / f"{NOUNS[number // 7 % len(NOUNS)]}s" / f"part{number // 2000}"
        folder.mkdir(parents=True, exist_ok=True)
        last = min(functions, number + _FUNCTIONS)
        (folder / f"module{number}.py").write_text("\n\n".join(map(_function, range(number, last))))
    return root


def _function(number: int) -> str:
    verb, noun = VERBS[number % len(VERBS)], NOUNS[number // 3 % len(NOUNS)]
    other = NOUNS[number // 11 % len(NOUNS)]
    return (
        f"def {verb}_{noun}_{number}({other}, limit={number}):\n"
        f'    """How to {verb} the {noun} of a {other}."""\n'
        f"    found = [item for item in {other} if item.{noun} < limit]\n"
        f"    return {verb}(found) or {number}"
    )


if __name__ == "__main__":
    typer.run(main)
