"""Two editors change one workspace in random order."""

import random
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import HANG, Terminal
from tests.support.raw_client import RawClient
from tests.support.snapshots import reference_snapshot, snapshot

SECONDS = 15  # of editing
EDITS_PER_CHECK = 8


class Editor:
    """A language client that reports the files it saves."""

    def __init__(self, environment, root, settings=None):
        self.server = RawClient(environment)
        self.server.start(rootUri=root.as_uri(), initializationOptions=settings)

    def save(self, path, names):
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(f"def {name}(parcel):\n    return parcel\n" for name in names))
        params = {"textDocument": {"uri": path.as_uri()}}
        self.server.send(method="textDocument/didSave", params=params)

    def search(self, query):
        """Return the path and name of each hit."""
        hits = self.server.ask("semls/search", {"query": query, "limit": 1000})["result"]["hits"]
        return {(Path(hit["uri"].removeprefix("file://")), hit["name"]) for hit in hits}

    def pick(self, name):
        """Return the name of the first symbol in the picker."""
        (first, *_) = self.server.symbols(name)
        return first["name"]

    def shut_down(self):
        self.server.ask("shutdown")
        self.server.send(method="exit")
        assert self.server.end() == 0


class EditorPair:
    """Two editors with one workspace, and the definitions that they have written."""

    def __init__(self, root, environment):
        self.root, self.chance = root, random.Random(8)
        self.editors = [Editor(environment, root) for _ in range(2)]
        self.files: dict[Path, list[str]] = {}
        self.edits = 0

    @property
    def written(self):
        return {(path, name) for path, names in self.files.items() for name in names}

    def edit(self):
        """Change a file in one of the editors."""
        self.edits += 1
        path = self.root / f"p{self.chance.randrange(3)}" / f"{self.chance.randrange(12)}.py"
        names = self.files.get(path, [])
        match self.chance.randrange(6):
            case 0 if names:
                del self.files[path]
                path.unlink()
                return
            case 1 if names:
                renamed = path.with_name(f"renamed_{self.edits}.py")
                self.files[renamed] = self.files.pop(path)
                path.rename(renamed)
                return
            case 2 if names:
                self.files[path] = names[1:]
            case _:
                self.files[path] = [f"edit_{self.edits}", *names[:4]]
        self.chance.choice(self.editors).save(path, self.files[path])

    def check(self):
        """Wait until both editors find exactly the definitions that were written."""
        for editor in self.editors:
            deadline = time.monotonic() + HANG / 10
            while (found := editor.search("name:edit_*")) != self.written:
                assert time.monotonic() < deadline, found ^ self.written
            for _, name in self.chance.sample(sorted(self.written), min(3, len(self.written))):
                assert editor.pick(name) == name


@pytest.fixture
def bundled(tmp_path):
    """A terminal that uses the bundled model."""
    started = Terminal(tmp_path / "semls", model="")
    yield started
    started.stop()


@pytest.mark.slow
async def test_two_editors_share_engine_and_index(bundled, workspace, tmp_path):
    root = workspace("shop")
    pair = EditorPair(root, bundled.environment)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for _ in range(EDITS_PER_CHECK):
            pair.edit()
            time.sleep(pair.chance.choice([0, 0, 0.02, 0.2]))  # noqa: ASYNC251 - nothing else runs here
        pair.check()
    bundled.json("index", root)
    status = bundled.json("status", root)
    assert status["chunks"] == status["embedded"] > 0
    assert snapshot(bundled.cache) == await reference_snapshot(root, tmp_path / "fresh")
    if sys.platform == "linux":  # /proc shows which processes have loaded torch
        servers = [editor.server.process.pid for editor in pair.editors]
        assert [_has_torch(pid) for pid in (status["pid"], *servers)] == [True, False, False]
    (log,) = bundled.state.glob("engine-*.log")
    assert log.read_text().count("Engine 0.") == 1
    assert "Traceback" not in log.read_text()
    for editor in pair.editors:
        editor.shut_down()


def _has_torch(pid):
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def _until_ready(editor):
    deadline = time.monotonic() + HANG
    while (status := editor.server.ask("semls/status")["result"]["folders"][0])["phase"] != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return status


@pytest.mark.slow
def test_command_without_settings_uses_settings_of_editor(bundled, workspace):
    root, own = workspace("shop"), "sentence-transformers/all-MiniLM-L6-v2"
    editor = Editor(bundled.environment, root, {"model": "hashing"})
    assert _until_ready(editor)["model"] == "hashing"
    for _ in range(2):
        assert bundled.json("search", "evict_expired", "--path", root)["model"] == "hashing"
        answer = bundled.json("search", "evict_expired", "--wait", "--path", root, SEMLS_MODEL=own)
        assert answer["model"] == own
        assert _until_ready(editor)["model"] == "hashing"
    (log,) = bundled.state.glob("engine-*.log")
    assert "nomic" not in log.read_text()  # the default model was not looked up
    editor.shut_down()
    assert bundled.json("search", "evict_expired", "--wait", "--path", root)["model"] == own
    assert "nomic" in bundled.json("status", root)["notice"]
