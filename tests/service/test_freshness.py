"""Files change while the engine runs: its index must equal one that is built afterwards."""

import asyncio
import os
import random
import shutil
import time

import numpy as np
import pytest

from semls.engine.engine import Engine
from semls.engine.files import watch
from semls.engine.indexing import watcher
from semls.engine.indexing.context import Target
from semls.engine.models import presets
from semls.engine.models.encoder import HashingEncoder
from semls.engine.search.query import parse_query
from semls.engine.storage.vectors_local import LocalVectors
from semls.settings import Settings
from tests.conftest import HANG
from tests.support.snapshots import reference_snapshot, snapshot
from tests.support.trees import git

HASHING = Settings(model="hashing")


class WatchedWorkspace:
    """A workspace and an engine that watches it."""

    def __init__(self, root, directory):
        self.root, self._directory = root, directory
        self.engine = Engine(directory / "cache")

    async def search(self, text, **options):
        """Return the paths of the hits."""
        answer = await self.engine.search({str(self.root): HASHING}, parse_query(text, **options))
        return [hit.entry.path for _, hit in answer.hits]

    async def encoded(self):
        return (await self.engine.status(str(self.root), HASHING))[0].progress.encoded

    async def is_synced(self):
        """Wait until the index equals a new one, without a request to index."""
        deadline = time.monotonic() + HANG / 10
        expected = await reference_snapshot(self.root, self._directory / "fresh")
        while snapshot(self._directory / "cache") != expected or self.engine.busy:
            if time.monotonic() > deadline:
                assert snapshot(self._directory / "cache") == expected
                return False
            await asyncio.sleep(0.05)
        return True


@pytest.fixture
async def watched(workspace, tmp_path):
    shop = WatchedWorkspace(workspace("shop"), tmp_path)
    async for _ in shop.engine.index(str(shop.root), HASHING):
        pass
    yield shop
    await shop.engine.close()


async def test_created_changed_renamed_and_deleted_files_are_synced(watched):
    root = watched.root
    (root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    assert await watched.is_synced()
    assert (await watched.search("quarantine_parcel"))[0] == "new.py"
    (root / "new.py").write_text("def quarantine_letter():\n    pass\n")
    assert await watched.is_synced()
    (root / "new.py").rename(root / "worker/old.py")
    assert await watched.is_synced()
    assert (await watched.search("quarantine_letter"))[0] == "worker/old.py"
    (root / "worker/old.py").unlink()
    assert await watched.is_synced()


async def test_created_moved_and_deleted_folders_are_synced(watched):
    root = watched.root
    deep = root / "a/b/c/d"
    deep.mkdir(parents=True)
    (deep / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    assert await watched.is_synced()
    (root / "a").rename(root / "moved")
    assert await watched.is_synced()
    assert (await watched.search("quarantine_parcel"))[0] == "moved/b/c/d/new.py"
    (root / "moved/b/c/d/new.py").write_text("def quarantine_letter():\n    pass\n")
    assert await watched.is_synced()
    shutil.rmtree(root / "moved")
    shutil.rmtree(root / "worker")
    (root / "worker").write_text("A file now.")
    assert await watched.is_synced()


async def test_changed_ignore_rules_are_applied(watched):
    root = watched.root
    (root / "out").mkdir()
    for number in range(5):
        (root / f"out/{number}.py").write_text(f"def made_{number}():\n    pass\n")
    assert await watched.is_synced()
    (root / ".gitignore").write_text("out/\n*.ts\n")
    git(root, "init", "--quiet")
    assert await watched.is_synced()
    assert await watched.search("made_3", lexical_only=True) == []
    (root / "out/6.py").write_text("def made_6():\n    pass\n")
    (root / "out/.semlsignore").write_text("!*.py\n")
    assert await watched.is_synced()
    (root / ".gitignore").write_text("*.ts\n")
    assert await watched.is_synced()
    assert (await watched.search("made_6"))[0] == "out/6.py"
    (root / ".gitignore").unlink()
    assert await watched.is_synced()
    (root / "out/.semlsignore").unlink()
    (root / ".ignore").write_text("6.py\n")
    assert await watched.is_synced()
    assert "out/6.py" not in await watched.search("made_6")
    (root / "out/.rgignore").write_text("!6.py\n")
    assert await watched.is_synced()
    assert (await watched.search("made_6"))[0] == "out/6.py"


async def test_switching_branches_embeds_nothing_twice(watched):
    root = watched.root
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "one")
    git(root, "checkout", "--quiet", "-b", "other")
    for number in range(1000):
        (root / f"made/{number % 37}").mkdir(parents=True, exist_ok=True)
        (root / f"made/{number % 37}/{number}.py").write_text(f"def made_{number}():\n    return {number}\n")
    (root / "worker/thumbnails.py").write_text("def other():\n    pass\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "two")
    assert await watched.is_synced()
    encoded = await watched.encoded()
    for branch in ("main", "other", "main"):
        git(root, "checkout", "--quiet", branch)
        assert await watched.is_synced()
    (root / "junk.py").write_text("def junk():\n    pass\n")
    (root / "junk").mkdir()
    (root / "junk/more.py").write_text("def junk():\n    pass\n")
    git(root, "clean", "-fdq")
    assert await watched.is_synced()
    assert await watched.encoded() <= encoded + 1


async def test_folder_replaced_by_another_is_synced(watched, workspace, tmp_path):
    gpt = workspace("gpt")
    watched.root.rename(tmp_path / "away")
    gpt.rename(watched.root)
    assert await watched.is_synced()
    assert (await watched.search("load_decoder"))[0] == "model/tokenizer.py"
    (watched.root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    assert await watched.is_synced()


async def test_many_simultaneous_changes_are_synced(watched):
    chance = random.Random(11)
    names = ["a.py", "b.ts", "c.md", ".gitignore", "d/e.go", "d/f/g.py", "h.bin"]
    for _ in range(3):
        for number in range(60):
            path = watched.root.joinpath(chance.choice(["", "x", "x/y", "worker"]), chance.choice(names))
            match chance.randrange(4):
                case 0 if path.exists():
                    path.unlink()
                case 1 if path.parent != watched.root and path.parent.exists():
                    shutil.rmtree(path.parent)
                case _ if not any(part.is_file() for part in path.parents):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(
                        f"def f{number}():\n    pass\n" if path.name != ".gitignore" else "*.md\n"
                    )
            await asyncio.sleep(chance.choice([0, 0, 0.01]))
        assert await watched.is_synced()


@pytest.mark.slow
async def test_ten_cycles_of_change_keep_disk_use_and_recall(tmp_path):
    root, cache = tmp_path / "churned", tmp_path / "cache"
    root.mkdir()
    engine, encoder, sizes = Engine(cache), HashingEncoder(), []
    models = set()

    async def search_continuously():
        while True:
            models.add((await engine.search({str(root): HASHING}, parse_query("return a number"))).model)

    search = None
    for cycle in range(10):
        functions = [f"def made_{cycle}_{number}():\n    return {number}\n" for number in range(600)]
        for number in range(0, 600, 50):
            (root / f"{number}.py").write_text("\n".join(functions[number : number + 50]))
        async for _ in engine.index(str(root), HASHING):
            pass
        sizes.append(sum(path.stat().st_size for path in cache.glob("*/vectors/**/*")))
        for number in range(0, 600, 60):
            assert (await engine.search({str(root): HASHING}, parse_query(f"made_{cycle}_{number}"))).hits[0][
                1
            ].entry.name == f"made_{cycle}_{number}"
        (opened,) = engine._workspaces
        index = opened.indexer.vector_sync(Target(presets.HASHING)).index
        assert index is not None
        assert isinstance(index.vectors, LocalVectors)
        assert len(index.vectors) < 2 * 600 + 1000
        search = search or asyncio.create_task(search_continuously())
    assert search
    assert not search.done()
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)
    await engine.close()
    assert models == {"hashing"}  # although the stores were swapped
    assert max(sizes[5:]) <= 1.2 * max(sizes[:5])
    store = LocalVectors(
        next(cache.glob("*/vectors/*")), encoder.fingerprint, encoder.model.name, encoder.model.dimension
    )
    chunks = [row[7] for row in snapshot(cache)["chunks"]]
    found = [store.query(np.asarray(vector), 1)[0][1] > 0.999 for vector in store.get(chunks).values()]
    store.close()
    assert len(found) == 600
    assert all(found)


async def test_two_writes_in_quick_succession_are_both_synced(watched):
    path = watched.root / "same.py"
    for number in range(10, 40):
        path.write_text(f"def f{number}(): pass\n")
        os.utime(path, ns=(1, 1))
        await asyncio.sleep(0.01)
    assert await watched.is_synced()


async def test_burst_of_writes_is_read_few_times(watched):
    encoded = await watched.encoded()
    for number in range(300):
        (watched.root / "hot.py").write_text(f"def version_{number}(): pass\n")
        (watched.root / f"hot_{number % 50}.py").write_text(f"def other_{number}(): pass\n")
        await asyncio.sleep(0.001)
    assert await watched.is_synced()
    assert await watched.encoded() < encoded + 300  # half of the versions that were written


async def test_missed_change_is_found_when_branch_changes(workspace, tmp_path, monkeypatch):
    async def silent(_):
        yield set()
        await asyncio.Event().wait()

    monkeypatch.setattr(watch, "changes", silent)
    monkeypatch.setattr(watcher, "_POLL_INTERVAL", 0.05)
    root = workspace("shop")
    git(root, "init", "--quiet")
    (root / "src").mkdir()
    shop = WatchedWorkspace(root, tmp_path)
    async for _ in shop.engine.index(str(shop.root), HASHING):
        pass
    (root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    git(root, "checkout", "--quiet", "-b", "other")
    assert await shop.is_synced()
    monkeypatch.setattr(watcher, "_SWEEP_INTERVAL", 0.05)
    (root / "new.py").write_text("def quarantine_letter():\n    pass\n")
    assert await shop.is_synced()
    await shop.engine.close()


async def test_reported_file_is_read_without_file_event(workspace, tmp_path, monkeypatch):
    async def silent(_):
        yield set()
        await asyncio.Event().wait()

    monkeypatch.setattr(watch, "changes", silent)
    shop = WatchedWorkspace(workspace("shop"), tmp_path)
    async for _ in shop.engine.index(str(shop.root), HASHING):
        pass
    (shop.root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    await shop.engine.refresh_files(str(shop.root), HASHING, [str(shop.root / "new.py")])
    assert await shop.is_synced()
    await shop.engine.close()
