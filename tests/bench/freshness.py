"""Measure how soon a saved file is found: python -m tests.bench.freshness FOLDER.

A copy of the folder is indexed by an engine of its own. While the engine is idle, one function is changed
again and again, and searched until lexical search finds it and it has a vector: once with the report that an
editor sends after a save, and once without, when only file watching reports the change.
"""

import asyncio
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from semls.engine.models.presets import FALLBACK
from semls.service.client import Client
from semls.service.launcher import stop
from semls.settings import EngineSettings, Settings

POLL_INTERVAL = 0.01  # seconds between two searches
PAUSE = 1.0  # seconds between two saves


@dataclass
class Delays:
    """Seconds until lexical search finds a saved function, and until it has a vector."""

    lexical: list[float] = field(default_factory=list)
    vectors: list[float] = field(default_factory=list)


def main(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder to index.")],
    saves: Annotated[int, typer.Option(help="How often to save.")] = 20,
    model: Annotated[str, typer.Option(help="The model that embeds the code.")] = FALLBACK.name,
) -> None:
    """Measure how soon a saved file is found, and print a table."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory).resolve() / "workspace"
        shutil.copytree(folder, root, ignore_dangling_symlinks=True)
        os.environ.update(SEMLS_CACHE_DIR=f"{directory}/cache", SEMLS_STATE_DIR=f"{directory}/state")
        measured = asyncio.run(_measure(root, saves, Settings(model=model)))
    table = Table("seconds", "p50", "p95", "max", "saves")
    for name, delays in measured.items():
        for index, seconds in (("full text", delays.lexical), ("vectors", delays.vectors)):
            figures = (median(seconds), sorted(seconds)[int(0.95 * len(seconds))], max(seconds))
            table.add_row(f"{index}, {name}", *(f"{figure:.2f}" for figure in figures), str(len(seconds)))
    Console().print(table)


async def _measure(root: Path, saves: int, settings: Settings) -> dict[str, Delays]:
    engine = EngineSettings.from_environment()
    client = Client(settings, engine)
    try:
        async for _ in client.index(str(root)):
            pass
        return {
            "with a report": await _measure_saves(client, root, saves, report=True),
            "without": await _measure_saves(client, root, saves, report=False),
        }
    finally:
        await stop(engine)


async def _measure_saves(client: Client, root: Path, saves: int, *, report: bool) -> Delays:
    delays, file = Delays(), root / "saved.py"
    for number in range(saves):
        name = f"quarantine_parcel_{report:d}{number}"
        await asyncio.sleep(PAUSE)
        file.write_text(
            f"def {name}(parcel):\n    return parcel.depot == {number}\n\n\ndef other():\n    pass\n"
        )
        saved = time.perf_counter()
        if report:
            await client.report_saved(str(root), [str(file)])
        while not (await client.search([str(root)], f"name:{name}", lexical_only=True))["hits"]:
            await asyncio.sleep(POLL_INTERVAL)
        delays.lexical.append(time.perf_counter() - saved)
        while (state := await client.status(str(root)))["embedded"] < state["chunks"] or state[
            "phase"
        ] != "ready":
            await asyncio.sleep(POLL_INTERVAL)
        delays.vectors.append(time.perf_counter() - saved)
    return delays


if __name__ == "__main__":
    typer.run(main)
