"""How soon a save is found: python -m tests.bench.freshness FOLDER.

A copy of the folder is indexed by an engine of its own. Then one function is changed again and again while
the engine has nothing else to do, and is looked for until words find it and its vector is there: with the
notice that an editor gives of a save, and without, when watching the files must do.
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

from semls.engine.models.presets import BUNDLED
from semls.service.client import Client
from semls.service.launcher import stop
from semls.settings import EngineSettings, Settings

LOOK = 0.01  # seconds between two looks
PAUSE = 1.0  # seconds between two saves


@dataclass
class Delays:
    """Seconds until words find what was saved, and until its vector is there."""

    words: list[float] = field(default_factory=list)
    vectors: list[float] = field(default_factory=list)


def main(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="What to index.")],
    saves: Annotated[int, typer.Option(help="How often to save.")] = 20,
    model: Annotated[str, typer.Option(help="The model of the vectors.")] = BUNDLED.name,
) -> None:
    """Measure how soon a save is found, and print it."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory).resolve() / "workspace"
        shutil.copytree(folder, root, ignore_dangling_symlinks=True)
        os.environ.update(SEMLS_CACHE_DIR=f"{directory}/cache", SEMLS_STATE_DIR=f"{directory}/state")
        measured = asyncio.run(_measure(root, saves, Settings(model=model)))
    table = Table("seconds", "p50", "p95", "max", "saves")
    for name, delays in measured.items():
        for what, seconds in (("words", delays.words), ("vectors", delays.vectors)):
            numbers = (median(seconds), sorted(seconds)[int(0.95 * len(seconds))], max(seconds))
            table.add_row(f"{what}, {name}", *(f"{number:.2f}" for number in numbers), str(len(seconds)))
    Console().print(table)


async def _measure(root: Path, saves: int, settings: Settings) -> dict[str, Delays]:
    engine = EngineSettings.from_environment()
    client = Client(settings, engine)
    try:
        async for _ in client.index(str(root)):
            pass
        return {
            "with a notice": await _saves(client, root, saves, tell=True),
            "without": await _saves(client, root, saves, tell=False),
        }
    finally:
        await client.close()
        await stop(engine)


async def _saves(client: Client, root: Path, saves: int, *, tell: bool) -> Delays:
    delays, file = Delays(), root / "saved.py"
    for number in range(saves):
        name = f"quarantine_parcel_{tell:d}{number}"
        await asyncio.sleep(PAUSE)
        file.write_text(
            f"def {name}(parcel):\n    return parcel.depot == {number}\n\n\ndef other():\n    pass\n"
        )
        saved = time.perf_counter()
        if tell:
            await client.report_saved(str(root), [str(file)])
        while not (await client.search([str(root)], f"name:{name}", lexical_only=True))["hits"]:
            await asyncio.sleep(LOOK)
        delays.words.append(time.perf_counter() - saved)
        while (state := await client.status(str(root)))["embedded"] < state["chunks"] or state[
            "phase"
        ] != "ready":
            await asyncio.sleep(LOOK)
        delays.vectors.append(time.perf_counter() - saved)
    return delays


if __name__ == "__main__":
    typer.run(main)
