"""The language server reads only files of the workspace, and bounded parts of them."""

import os
from pathlib import Path

import pytest

from semls.limits import MAX_FILE_BYTES

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc and pipes")


@pytest.fixture
def client(raw, workspace):
    """Return a client with a workspace."""
    started = raw()
    started.shop = workspace("shop")
    started.start(rootUri=started.shop.as_uri())
    assert started.search("evict_expired")
    return started


def params_for(path):
    uri = path if isinstance(path, str) else path.as_uri()
    return {"uri": uri, "position": {"line": 0, "character": 0}}


def peak(client):
    """Return the peak resident memory of the server in bytes."""
    lines = Path(f"/proc/{client.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def test_similar_with_huge_file_uses_little_memory(client):
    with (client.shop / "huge.py").open("wb") as file:
        file.truncate(3 << 30)
    before = peak(client)
    assert client.ask("semls/similar", params_for(client.shop / "huge.py"))["error"]["code"] == -32602
    assert peak(client) - before < 20 * MAX_FILE_BYTES


def test_similar_with_named_pipes_does_not_block(client):
    os.mkfifo(client.shop / "pipe.py")
    requests = [client.request("semls/similar", params_for(client.shop / "pipe.py")) for _ in range(50)]
    for number in requests:
        assert client.answer(number)["error"]["code"] == -32602
    assert client.ask("workspace/symbol", {"query": "evict_expired"})["result"]


def test_similar_does_not_read_files_outside_folders(client, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    os.mkfifo(outside / "pipe.py")
    (client.shop / "linked").symlink_to(outside, target_is_directory=True)
    (client.shop / "link.py").symlink_to(outside / "pipe.py")
    shop = client.shop.as_uri()
    paths = [outside / "pipe.py", client.shop / "linked/pipe.py", client.shop / "link.py"]
    for path in [*paths, f"{shop}/../outside/pipe.py", f"{shop}/%2e%2e/outside/pipe.py", "file:///dev/zero"]:
        assert client.ask("semls/similar", params_for(path))["error"]["code"] == -32602
    assert client.ask("workspace/symbol", {"query": "evict_expired"})["result"]
