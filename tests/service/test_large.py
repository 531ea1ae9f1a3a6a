"""Several workspaces and large ones in one engine."""

import asyncio
import contextlib
import functools
import os
import sqlite3

import pytest

from semls.service.client import Client
from semls.settings import EngineSettings, Settings
from tests.support.waiting import wait_until_async

FILES = 10_000
FUNCTIONS = 100_000
BACKLOG = 1500


@pytest.fixture
def client(terminal, monkeypatch):
    """A client with the engine of `terminal`."""
    for name in ("SEMLS_CACHE_DIR", "SEMLS_STATE_DIR"):
        monkeypatch.setenv(name, terminal.environment[name])
    return Client(Settings(model="hashing"), EngineSettings.from_environment())


async def index(client, root, **options):
    return [progress async for progress in client.index(str(root), **options)][-1]


async def names(client, query, *roots, **options):
    answer = await client.search([str(root) for root in roots], query, **options)
    return [hit["name"] for hit in answer["hits"]]


async def is_first(client, name, root):
    return (await names(client, name, root))[:1] == [name]


def count(terminal, pattern):
    """Return how many functions whose name matches a pattern are in the index database."""
    (path,) = terminal.cache.glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT count(*) FROM chunks WHERE kind = 'Function' AND name GLOB ?"
        return connection.execute(query, (pattern,)).fetchone()[0]


def fill(root, files, name="left"):
    """Write files with two functions each into 200 folders."""
    for number in range(files):
        folder = root / f"p{number % 20}" / f"q{number // 20 % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"m{number}.py").write_text(
            f"def {name}_{number}(x):\n    return x + {number}\n\n\n"
            f"def right_{number}(x):\n    return x * {number}\n"
        )


@pytest.mark.serial
async def test_search_while_files_are_read_is_incomplete(client, tmp_path):
    large = tmp_path / "large"
    fill(large, FILES)
    await client.pause()  # embedding thousands of chunks would take minutes
    reading = asyncio.create_task(index(client, large))
    was_read, answer = False, await client.search([str(large)], f"name:right_{FILES - 1}")
    while not answer["complete"]:
        assert not was_read
        was_read, answer = reading.done(), await client.search([str(large)], f"name:right_{FILES - 1}")
    assert [hit["name"] for hit in answer["hits"]] == [f"right_{FILES - 1}"]
    await reading


@pytest.mark.serial
async def test_searches_are_answered_while_many_files_are_read(client, workspace, tmp_path):
    shop, large = workspace("shop"), tmp_path / "large"
    fill(large, FILES)
    await index(client, shop)
    await client.pause()  # embedding thousands of chunks would take minutes
    reading = asyncio.create_task(index(client, large))
    answers = 0
    while not reading.done():
        assert (await names(client, "evict_expired", shop))[0] == "evict_expired"
        answers += 1
    assert answers > 10
    assert (await reading)["files"] == FILES
    for number in (0, FILES // 2, FILES - 1):
        assert await is_first(client, f"right_{number}", large)
    (large / "p1/q1/new.py").write_text("def quarantine_parcel():\n    pass\n")
    await wait_until_async(lambda: is_first(client, "quarantine_parcel", large))
    assert (await index(client, large))["files"] == FILES + 1


@pytest.mark.serial
async def test_edited_file_is_read_before_backlog(client, terminal, tmp_path):
    large = tmp_path / "large"
    fill(large, BACKLOG)
    await client.pause()
    await index(client, large)
    fill(large, BACKLOG, "centre")
    reading = asyncio.create_task(index(client, large))

    async def has_begun():
        return await names(client, "name:centre_*", large, limit=1)

    await wait_until_async(has_begun)
    (large / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    await client.report_saved(str(large), [str(large / "new.py")])
    await wait_until_async(lambda: is_first(client, "quarantine_parcel", large))
    assert count(terminal, "centre_*") < BACKLOG
    await reading
    assert count(terminal, "centre_*") == BACKLOG


@pytest.mark.serial
async def test_edited_file_is_embedded_before_backlog(client, tmp_path):
    large = tmp_path / "large"
    fill(large, BACKLOG)
    await client.pause()
    await index(client, large)
    (large / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    await index(client, large)
    await client.resume()

    async def embedded():
        return (await client.explain(str(large), str(large / "new.py")))["embedded"]

    await wait_until_async(embedded)
    status = await client.status(str(large))
    assert status["embedded"] < status["chunks"] == 2 * BACKLOG + 1


async def test_two_workspaces_are_indexed_concurrently(client, workspace):
    shop, gpt = workspace("shop"), workspace("gpt")
    first, second = await asyncio.gather(index(client, shop), index(client, gpt))
    assert first["embedded"] == first["chunks"] > 0
    assert second["embedded"] == second["chunks"] > 0
    assert (await names(client, "evict_expired", shop))[0] == "evict_expired"
    assert "evict_expired" not in await names(client, "evict_expired", gpt)
    assert {"evict_expired", "load_decoder"} <= set(
        await names(client, "evict_expired load_decoder", shop, gpt)
    )


async def test_nested_workspaces_have_own_indexes(client, workspace):
    outer = workspace("shop")
    inner = outer / "worker"
    await index(client, outer)
    assert (await index(client, inner))["encoded"] == 0
    (inner / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    for root in (inner, outer):
        await wait_until_async(functools.partial(is_first, client, "quarantine_parcel", root))
    assert "evict_expired" not in await names(client, "evict_expired", inner)
    assert "evict_expired" in await names(client, "evict_expired", outer)
    together = await names(client, "quarantine_parcel", outer, inner)
    assert together.count("quarantine_parcel") == 1


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
async def test_folder_under_two_names_has_one_index(client, terminal, workspace, tmp_path):
    shop, link = workspace("shop"), tmp_path / "link"
    link.symlink_to(shop, target_is_directory=True)
    await index(client, shop)
    assert (await index(client, link))["encoded"] > 0  # of the index that both names share
    (link / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    await client.report_saved(str(link), [str(link / "new.py")])
    for root in (shop, link):
        await index(client, root)
        (first, *_) = (await client.search([str(root)], "quarantine_parcel"))["hits"]
        assert first["uri"] == (root / "new.py").as_uri()
    assert (await client.status(str(link)))["workspaces"] == [str(shop)]
    assert len(list(terminal.cache.glob("*/index.sqlite"))) == 1


@pytest.mark.serial
async def test_hundred_thousand_functions_are_searchable(client, terminal, tmp_path):
    root = tmp_path / "many"
    root.mkdir()
    functions = [f"def f{number}():0\n" for number in range(FUNCTIONS)]
    for number in range(4):  # parsing a file may take 10 seconds
        (root / f"{number}.py").write_text("".join(functions[number::4]))
    (root / "all.py").write_text("".join(functions))
    await client.pause()
    done = await index(client, root)
    assert done["files"] == 4
    status = await client.status(str(root))
    assert status["skipped_files"] == [{"path": "all.py", "reason": "larger than 1 MiB"}]
    for number in (0, FUNCTIONS // 2, FUNCTIONS - 1):
        assert await is_first(client, f"f{number}", root)
    assert count(terminal, "f*") == FUNCTIONS


async def test_paused_engine_updates_full_text_index_only(client, workspace):
    shop = workspace("shop")
    before = await index(client, shop)
    await client.pause()
    (shop / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    paused = await index(client, shop)
    assert paused["phase"] == "paused"
    assert (paused["chunks"], paused["encoded"]) == (before["chunks"] + 1, before["encoded"])
    assert (await names(client, "quarantine_parcel", shop))[0] == "quarantine_parcel"
    await client.resume()
    resumed = await index(client, shop)

    async def is_ready():  # the watcher may report the new file only now, and it is read again
        return (await client.status(str(shop)))["phase"] == "ready"

    await wait_until_async(is_ready)
    assert resumed["embedded"] == resumed["chunks"]
    assert resumed["encoded"] == before["encoded"] + 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has other priorities")
async def test_engine_runs_with_lower_priority(client, workspace):
    shop = workspace("shop")
    await index(client, shop)
    engine = (await client.status(str(shop)))["pid"]
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, engine) > own or own >= 15  # 19 is the highest niceness


@pytest.mark.slow
def test_threads_setting_bounds_model_threads(terminal, workspace, tmp_path):
    report = tmp_path / "threads"
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, threading, time\n"
        "def report():\n"
        "    while not hasattr(sys.modules.get('torch'), 'get_num_threads'): time.sleep(0.01)\n"
        f"    open({str(report)!r}, 'w').write(str(sys.modules['torch'].get_num_threads()))\n"
        "threading.Thread(target=report, daemon=True).start()\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    terminal.environment |= {"SEMLS_MODEL": "", "SEMLS_THREADS": "1", "PYTHONPATH": path}
    terminal.json("index", workspace("gpt"))
    assert report.read_text() == "1"
