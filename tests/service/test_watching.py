"""Workspaces whose changes the system does not report: the engine polls, and watches again when it can."""

import asyncio
import contextlib
import os
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from semls.engine.engine import Engine
from semls.engine.files import watch
from semls.engine.indexing import crawler, watcher
from semls.engine.search.query import parse_query
from semls.settings import Settings
from tests.support.namespace import USER_LIMITS, in_user_namespace, without_override
from tests.support.waiting import wait_until_async

HASHING = Settings(model="hashing")
INDEX_TIMEOUT = 60.0  # seconds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify exists only on Linux")


class Workspace:
    """A folder with one file and two folders, indexed by an engine."""

    def __init__(self, directory: Path):
        self.root, self.engine = directory / "root", Engine(directory / "cache")
        (self.root / "one").mkdir(parents=True)
        (self.root / "two").mkdir()
        (self.root / "first.py").write_text("def first(): pass\n")

    async def index(self):
        async for _ in self.engine.index(str(self.root), HASHING, lexical_only=True):
            pass

    async def find(self, name):
        """Return whether a search finds a definition, without a request to index."""
        answer = await self.engine.search({str(self.root): HASHING}, parse_query(name, lexical_only=True))
        return any(hit.entry.name == name for _, hit in answer.hits)

    async def notice(self):
        return (await self.engine.status(str(self.root), HASHING))[0].notice

    async def write(self, name):
        """Write a definition to a new file and wait until it is found."""
        (self.root / f"two/{name}.py").write_text(f"def {name}(): pass\n")
        await wait_until_async(lambda: self.find(name))

    async def wait_for_notice(self, text):
        """Wait until the notice contains a text; "" waits until there is none."""
        await wait_until_async(lambda: self._has_notice(text))

    async def _has_notice(self, text):
        notice = await self.notice()
        return text in notice if text else not notice


@pytest.fixture
async def workspace(tmp_path):
    opened = Workspace(tmp_path)
    yield opened
    await opened.engine.close()


@in_user_namespace
async def test_search_without_inotify_instances_polls_until_available(workspace):
    (USER_LIMITS / "max_inotify_instances").write_text("0")
    await asyncio.wait_for(workspace.index(), INDEX_TIMEOUT)
    assert "the limit of inotify instances or of open files is reached" in await workspace.notice()
    await workspace.write("found_by_polling")
    (USER_LIMITS / "max_inotify_instances").write_text("10")
    await workspace.wait_for_notice("")
    await workspace.write("found_by_watching")


@in_user_namespace
async def test_search_without_inotify_watches_polls_until_available(workspace):
    (USER_LIMITS / "max_inotify_watches").write_text("2")  # of three folders
    await asyncio.wait_for(workspace.index(), INDEX_TIMEOUT)
    assert "the limit of inotify watches is reached" in await workspace.notice()
    await workspace.write("found_by_polling")
    (USER_LIMITS / "max_inotify_watches").write_text("100")
    await workspace.wait_for_notice("")


@pytest.mark.slow
@in_user_namespace
async def test_folder_beyond_inotify_watch_limit_is_polled(workspace, monkeypatch):
    monkeypatch.setattr(watcher, "_SWEEP_INTERVAL", 0.5)
    monkeypatch.setattr(crawler, "_REPORT_TIMEOUT", 0.5)
    (USER_LIMITS / "max_inotify_watches").write_text("3")  # as many as there are folders
    await workspace.index()
    assert not await workspace.notice()
    (workspace.root / "three").mkdir()
    await workspace.write("found_by_watching")  # the new folder has been reported before
    for name in ("found_by_sweeping", "found_by_polling"):
        file = workspace.root / f"three/{name}.py"
        file.write_text(f"def {name}(): pass\n")
        os.utime(file, (1e9, 1e9))  # an old time, so that the file does not count as just changed
        await wait_until_async(partial(workspace.find, name))
        await workspace.wait_for_notice("the system does not report all changes")


async def test_sweep_that_finds_reported_changes_keeps_watching(workspace, monkeypatch):
    monkeypatch.setattr(watcher, "_SWEEP_INTERVAL", 0.1)
    await workspace.index()
    for number in range(20):
        file = workspace.root / f"two/file_{number}.py"
        file.write_text(f"def file_{number}(): pass\n")
        os.utime(file, (1e9, 1e9))
        await wait_until_async(partial(workspace.find, f"file_{number}"))
        assert not await workspace.notice()


async def test_watching_continues_after_file_name_that_is_not_utf8(workspace):
    await workspace.index()
    (workspace.root / os.fsdecode(b"bad\xff.py")).touch()
    await workspace.wait_for_notice(r"bad\xFF.py")
    await workspace.wait_for_notice("")
    await workspace.write("found_by_watching")


async def test_search_with_folder_name_that_is_not_utf8_polls(workspace):
    bad = workspace.root / os.fsdecode(b"dir\xe9")
    bad.mkdir()
    (bad / "left_out.py").touch()
    await asyncio.wait_for(workspace.index(), INDEX_TIMEOUT)
    await workspace.wait_for_notice(r"dir\xE9")
    await workspace.write("found_by_polling")
    bad.rename(workspace.root / "renamed")
    await workspace.wait_for_notice("")
    await workspace.write("found_by_watching")


@without_override
async def test_search_with_unreadable_folder_polls(workspace):
    (workspace.root / "one").chmod(0)
    try:
        await asyncio.wait_for(workspace.index(), INDEX_TIMEOUT)
        assert "Permission denied" in await workspace.notice()
        await workspace.write("found_by_polling")
    finally:
        (workspace.root / "one").chmod(0o755)


async def test_search_on_a_network_file_system_polls(workspace, monkeypatch):
    types = {mount.partition(" - ")[2].split()[0] for mount in watch._MOUNTS.read_text().splitlines()}
    monkeypatch.setattr(watch, "_REMOTE", types)
    await workspace.index()
    assert "does not report changes" in await workspace.notice()
    await workspace.write("found_by_polling")


async def test_recreated_workspace_is_watched(workspace):
    await workspace.index()
    for number in range(5):
        shutil.rmtree(workspace.root)
        (workspace.root / "two").mkdir(parents=True)  # often with the same inode number
        await workspace.write(f"found_{number}")
    assert not await workspace.find("first")
    await workspace.wait_for_notice("")


async def test_workspace_that_reappears_later_is_watched(workspace, tmp_path, caplog):
    await workspace.index()
    workspace.root.rename(tmp_path / "away")

    async def is_unwatched():
        return "polling instead" in caplog.text

    await wait_until_async(is_unwatched)
    (tmp_path / "away").rename(workspace.root)
    await workspace.wait_for_notice("")
    await workspace.write("found_by_watching")


async def test_closed_workspace_releases_its_inotify_instance(workspace):
    def instances():
        count = 0
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has been closed
                count += os.readlink(descriptor) == "anon_inode:inotify"
        return count

    async def all_are_released():
        return instances() == 0

    await wait_until_async(all_are_released)  # by the engines of other tests
    await workspace.index()
    assert instances() == 1

    async def is_closed():
        await workspace.engine.close_unused(0)
        return not workspace.engine.workspaces

    await wait_until_async(is_closed)
    await wait_until_async(all_are_released)
