"""Many concurrent requests, half a minute of typing while a large workspace is indexed, and many saves."""

import os
import threading
import time
from pathlib import Path
from statistics import quantiles

import pytest

from tests.conftest import HANG, Terminal
from tests.support.raw_client import RawClient

pytestmark = pytest.mark.serial

FILES, FUNCTIONS = 300, 25
SECONDS = 30.0  # of typing
RATE = 20.0  # requests a second
SAVES = 1000
MAX_GROWTH = 24  # MiB of a front-end's resident memory


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a client with the offline model, and a workspace that takes minutes to embed."""
    directory = tmp_path_factory.mktemp("load")
    terminal = Terminal(directory / "semls", model="")
    root = directory / "folder"
    root.mkdir()
    for number in range(FILES):
        (root / f"m{number}.py").write_text("\n".join(map(function, [number] * FUNCTIONS, range(FUNCTIONS))))
    client = RawClient(terminal.environment)
    client.start(rootUri=root.as_uri())
    while not (answer := client.ask("semls/search", {"query": "name:task_0_0"})["result"])["complete"]:
        pass  # each answer waits up to two seconds for the files that are still being read
    assert answer["hits"]
    yield client, root
    client.process.kill()
    client.end()
    terminal.stop()


def function(file, number):
    return f"def task_{file}_{number}(parcel, depot):\n    return parcel.weight * {number} + depot[{file}]\n"


def memory(client):
    """Return the resident memory of the front-end in MiB; 0 on systems without /proc."""
    try:
        pages = int(Path(f"/proc/{client.process.pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Receiver(threading.Thread):
    """Receives a number of responses, and records when they came."""

    def __init__(self, client, count):
        super().__init__()
        self.client, self.count = client, count
        self.responses, self.times = {}, {}
        self.start()

    def run(self):
        while len(self.responses) < self.count:
            message = self.client.receive()
            if "method" not in message:
                self.responses[message["id"]] = message
                self.times[message["id"]] = time.monotonic()


def test_two_hundred_concurrent_searches_are_all_answered(served):
    client, _ = served
    receiver = Receiver(client, 200)
    expected = {
        client.request("semls/search", {"query": f"name:task_{n}_1"}): f"task_{n}_1" for n in range(200)
    }
    receiver.join(HANG)
    assert {key: one["result"]["hits"][0]["name"] for key, one in receiver.responses.items()} == expected


def test_symbol_search_at_every_key_while_indexing_stays_fast(served, capsys):
    client, _ = served
    client.ask("semls/search", {"query": "name:task_1_1"})
    before, count = memory(client), int(SECONDS * RATE)
    receiver, sent = Receiver(client, count), {}
    began = time.monotonic()
    for turn in range(count):
        time.sleep(max(0.0, began + turn / RATE - time.monotonic()))
        number = client.request("semls/search", {"query": f"how is task {turn} weighed in the depot"})
        sent[number] = time.monotonic()
    receiver.join(HANG)
    assert [one for one in receiver.responses.values() if not one.get("result", {}).get("hits")] == []
    (folder,) = client.ask("semls/status")["result"]["folders"]
    seconds = [receiver.times[number] - at for number, at in sent.items()]
    cuts, grown = [1000 * cut for cut in quantiles(seconds, n=100)], memory(client) - before
    with capsys.disabled():
        print(f"\n{count} searches, while {folder['embedded']} of {folder['chunks']} chunks were embedded:")
        print(f"p50 {cuts[49]:.0f}, p95 {cuts[94]:.0f}, p99 {cuts[98]:.0f} ms; grown by {grown:.1f} MiB")
        lexical = sum(not one["result"]["model"] for one in receiver.responses.values())
        print(f"{lexical} searches were answered without the model.")
    assert cuts[98] < 1000
    assert grown < MAX_GROWTH


def test_thousand_did_save_notifications_are_all_indexed(served):
    client, root = served
    before = memory(client)
    for number in range(SAVES):
        file = root / f"m{number % FILES}.py"
        if number < FILES:
            file.write_text(function(number, 0) + f"\ndef saved_{number}(parcel):\n    return parcel\n")
        client.send(method="textDocument/didSave", params={"textDocument": {"uri": file.as_uri()}})
    deadline = time.monotonic() + HANG
    missing = set(range(FILES))
    while missing:
        assert time.monotonic() < deadline, missing
        for number in sorted(missing):
            hits = client.ask("semls/search", {"query": f"name:saved_{number}"})["result"]["hits"]
            if not hits:
                break
            missing.discard(number)
    assert memory(client) - before < MAX_GROWTH
