"""Engines are killed at random moments; the next one must repair the index."""

import asyncio
import os
import random
import signal
import time

import pytest

from semls.engine.models.encoder import HashingEncoder
from semls.engine.search.retrieval import MIN_CANDIDATES
from semls.engine.storage.vectors_local import LocalVectors
from semls.service.client import Client
from semls.service.state import EnginePaths
from semls.settings import EngineSettings, Settings
from tests.conftest import HANG
from tests.support.snapshots import reference_snapshot, snapshot

ROUNDS = 10
FILES = 60

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


class ChangingWorkspace:
    """A workspace whose files change and whose engine is killed."""

    def __init__(self, root, settings):
        self.root, self.settings, self.chance = root, settings, random.Random(5)
        self.client = Client(Settings(model="hashing"), settings)
        for number in range(FILES):
            self.write(number)

    def write(self, number):
        path = self.root / f"p{number % 7}" / f"{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        functions = (f"def f{self.chance.random()}(): return {number}\n".replace("0.", "_") for _ in range(6))
        path.write_text("\n".join(functions))

    def change(self):
        """Edit, delete, move or append to files."""
        match self.chance.randrange(5):
            case 0 | 1:
                for number in self.chance.choices(range(FILES), k=20):
                    self.write(number)
            case 2:
                for path in self.chance.sample(sorted(self.root.rglob("*.py")), 5):
                    path.unlink()
            case 3:
                folder = self.chance.choice(sorted(self.root.glob("p*")))
                folder.rename(self.root / f"p{self.chance.randrange(100, 10**6)}")
            case 4:
                path = self.chance.choice(sorted(self.root.rglob("*.py")))
                path.write_text(path.read_text() + f"\ndef g{self.chance.randrange(10**6)}(): pass\n")

    async def index(self):
        return [progress async for progress in self.client.index(str(self.root))][-1]

    async def index_until_killed(self):
        """Index while files change, and kill the engine at a random moment."""
        indexing = asyncio.create_task(self.index())
        end = time.monotonic() + self.chance.uniform(0, 1.2)
        state = None
        while time.monotonic() < end or state is None:
            self.change()
            await asyncio.sleep(self.chance.uniform(0, 0.1))
            state = EnginePaths(self.settings).read_state()
        os.kill(state.pid, signal.SIGKILL)
        indexing.cancel()
        await asyncio.gather(indexing, return_exceptions=True)
        self.client = Client(Settings(model="hashing"), self.settings)

    def differences(self, last, reference, stopped):
        """Return the names of the tables and checks that differ from the reference."""
        found = snapshot(self.settings.cache_directory)
        checks = {
            "coverage": last["embedded"] == last["chunks"],
            **{table: rows == reference[table] for table, rows in found.items()},
            **(self.vectors() if stopped else {}),
        }
        return [name for name, is_equal in checks.items() if not is_equal]

    def vectors(self):
        """Check that each chunk has a vector in Chroma and that a query with it finds the chunk.

        The engine must have stopped.
        """
        encoder = HashingEncoder()
        (directory,) = self.settings.cache_directory.glob(f"*/vectors/{encoder.fingerprint}")
        store = LocalVectors(directory, encoder.fingerprint, encoder.model.name, encoder.model.dimension)
        wanted = {row[7] for row in snapshot(self.settings.cache_directory)["chunks"]}
        vectors = store.get(wanted)
        # Of a query for one neighbour, the approximate graph missed some in one of several hundred rounds.
        lost = [
            name for name, vector in vectors.items() if name not in dict(store.query(vector, MIN_CANDIDATES))
        ]
        store.close()
        return {"vectors": vectors.keys() == wanted, "neighbours": not lost}


async def stop(terminal):
    await asyncio.to_thread(terminal.run, "engine", "stop")


@pytest.mark.slow
async def test_engine_killed_at_random_moments_loses_nothing(terminal, tmp_path, monkeypatch, capsys):
    settings = EngineSettings(terminal.cache, terminal.state)
    for name in ("SEMLS_CACHE_DIR", "SEMLS_STATE_DIR"):
        monkeypatch.setenv(name, terminal.environment[name])
    workspace = ChangingWorkspace(tmp_path / "workspace", settings)
    differed = []
    for number in range(ROUNDS):
        await workspace.index_until_killed()
        last = await asyncio.wait_for(workspace.index(), HANG)
        stopped = number % 10 == 9
        if stopped:
            await stop(terminal)
        reference = await reference_snapshot(workspace.root, tmp_path / "fresh")
        differed += [f"{number}: {name}" for name in workspace.differences(last, reference, stopped)]
    with capsys.disabled():
        print(f"\n{ROUNDS} rounds of killing the engine, differed: {differed}")
    assert differed == []
    log = EnginePaths(settings).log.read_text()
    assert "Traceback" not in log
