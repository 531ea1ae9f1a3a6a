"""Cancel requests to workspaces at every await: nothing leaks, and the next request works."""

import asyncio
import contextlib
import itertools
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from semls.engine.engine import Engine
from semls.engine.index_directory import index_directory
from semls.engine.indexing.context import Target
from semls.engine.indexing.vector_sync import VectorSync
from semls.engine.models import presets
from semls.engine.search.query import parse_query
from semls.engine.storage.catalog import Catalog
from semls.engine.workspace import Workspace
from semls.errors import SemlsError
from semls.settings import Settings
from tests.conftest import HANG

HASHING = Settings(model="hashing")
SHARED_THREADS = ("executor", "lookup", "asyncio_", "loader")  # are kept when an engine is closed


class CountedAwaits(Generator[Any, Any, Any]):
    """A coroutine that calls `on_reached` when it is suspended for the n-th time."""

    def __init__(self, coroutine, number, on_reached: Callable[[], object]) -> None:
        self._awaits, self._remaining, self._on_reached = coroutine.__await__(), number, on_reached

    def __await__(self):
        return self

    def send(self, value):
        return self._count(self._awaits.send(value))

    def throw(self, *error):
        return self._count(self._awaits.throw(*error))

    def _count(self, awaited):
        self._remaining -= 1
        if self._remaining == 0:
            self._on_reached()
        return awaited


class Interruption:
    """Calls `action` at the n-th await of a coroutine; by default it cancels the task."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.happened = False

    async def run(self, coroutine):
        task = asyncio.create_task(self._counted(coroutine))
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    def patch(self, monkeypatch, owner, name):
        """Count the awaits of the next call of a method, in the task that calls it."""
        method = getattr(owner, name)

        async def counted(*arguments):
            monkeypatch.setattr(owner, name, method)
            return await self._counted(method(*arguments))

        monkeypatch.setattr(owner, name, counted)

    def action(self):
        task = asyncio.current_task()
        assert task
        task.cancel()

    async def _counted(self, coroutine):
        return await CountedAwaits(coroutine, self._number, self._reach)

    def _reach(self):
        self.happened = True
        self.action()


def attempts(engines):
    """Yield engines, each with an interruption: at the first await, at the second, and so on to the last."""
    for number, engine in enumerate(engines, 1):
        interruption = Interruption(number)
        yield engine, interruption
        if not interruption.happened:
            assert number > 1
            return


class Resources:
    """The open files, tasks and threads of this process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._threads = set(threading.enumerate())

    async def are_released(self, ignoring="nothing"):
        """Fail unless all that was opened or started since is closed or ended within some seconds."""
        deadline = time.monotonic() + HANG / 10
        while leaked := [*self._started(), *(file for file in self._files() if ignoring not in file)]:
            assert time.monotonic() < deadline, leaked
            await asyncio.sleep(0.01)

    def _started(self):
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        threads = set(threading.enumerate()) - self._threads
        return [*tasks, *(thread for thread in threads if not thread.name.startswith(SHARED_THREADS))]

    def _files(self):
        if sys.platform != "linux":
            return
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/self/fd/{number}")
                if target.startswith(str(self._directory)) or "inotify" in target:
                    yield target


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "parcel.py").write_text("def weigh_parcel():\n    pass\n")
    return folder


@pytest.fixture
async def resources(tmp_path):
    return Resources(tmp_path)


@pytest.fixture
def engines(tmp_path):
    """Engines, each with a separate cache directory."""
    return (Engine(tmp_path / str(number)) for number in itertools.count())


async def index(engine, root):
    last = [progress async for progress in engine.index(str(root), HASHING)][-1]
    assert last.coverage.embedded == last.coverage.chunks == 1


async def search(engine, root):
    return await engine.search({str(root): HASHING}, parse_query("weigh_parcel"))


async def check_works(engine, root):
    while not (answer := await search(engine, root)).complete:  # it waits for the files for two seconds only
        pass
    (_, hit), *_ = answer.hits
    assert hit.entry.name == "weigh_parcel"
    await index(engine, root)
    assert not list(engine._directory.glob("*/vectors/*.broken-*"))


async def test_first_request_cancelled_at_any_await_leaks_nothing(engines, root, resources):
    for engine, interruption in attempts(engines):
        await interruption.run(engine.refresh_files(str(root), HASHING, []))
        await check_works(engine, root)
        await engine.close()
        await resources.are_released()


async def test_open_cancelled_at_any_await_leaks_nothing(engines, root, resources, monkeypatch):
    for engine, interruption in attempts(engines):
        interruption.patch(monkeypatch, Workspace, "open")
        with contextlib.suppress(asyncio.CancelledError):
            await search(engine, root)
        await check_works(engine, root)
        await engine.close()
        await resources.are_released()


async def test_open_that_fails_halfway_leaks_nothing(engines, root, resources):
    engine = next(engines)
    await index(engine, root)
    await engine.clear(str(root))
    path = index_directory(engine._directory, root) / "index.sqlite"
    Catalog(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE files")  # is read after the catalog was opened
    with pytest.raises(sqlite3.OperationalError):
        await search(engine, root)
    await resources.are_released(ignoring="embeddings")
    await engine.clear(str(root))
    await check_works(engine, root)
    await engine.close()
    await resources.are_released()


async def test_close_of_engine_while_workspace_is_opened_leaves_nothing_open(
    engines, root, resources, monkeypatch
):
    for engine, interruption in attempts(engines):
        closing = list[asyncio.Task[None]]()
        interruption.action = lambda engine=engine, closing=closing: closing.append(
            asyncio.create_task(engine.close())
        )
        interruption.patch(monkeypatch, Workspace, "open")
        with contextlib.suppress(SemlsError):
            await search(engine, root)
        await asyncio.gather(*closing, engine.close())
        await resources.are_released()


@pytest.mark.parametrize("closes", [Engine.close, lambda engine: engine.clear(str(engine.root))])
async def test_close_cancelled_at_any_await_is_completed(engines, root, resources, closes):
    for engine, interruption in attempts(engines):
        engine.root = root
        await index(engine, root)
        await interruption.run(closes(engine))
        if closes is not Engine.close:
            await check_works(engine, root)
        await engine.close()
        await resources.are_released()


async def test_vector_sync_cancelled_at_any_await_closes_its_stores(engines, root, resources, monkeypatch):
    for engine, interruption in attempts(engines):
        interruption.patch(monkeypatch, VectorSync, "run")
        await search(engine, root)
        while engine.busy and not interruption.happened:
            await asyncio.sleep(0.01)
        await engine.clear(str(root))
        await check_works(engine, root)
        await engine.close()
        await resources.are_released()


async def test_search_cancelled_while_its_store_fails_leaks_nothing(engines, root, resources, monkeypatch):
    for engine, interruption in attempts(engines):
        await index(engine, root)
        (workspace,) = engine._workspaces
        workspace.indexer.vector_sync(
            Target(presets.HASHING)
        ).index.vectors.close()  # as if the disk had failed
        interruption.patch(monkeypatch, Workspace, "search")
        with contextlib.suppress(asyncio.CancelledError):
            await search(engine, root)
        await check_works(engine, root)
        await engine.close()
        await resources.are_released()
