"""The engine comes and goes, and whatever happens to it: whoever asks next is answered, or told why not."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from semls.errors import EngineError
from semls.service.client import Client
from semls.service.state import EnginePaths
from semls.settings import EngineSettings, Settings
from tests.conftest import HANG
from tests.lsp.raw import Raw

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no signals there")


class Place:
    """A workspace, and the engine that may have it open."""

    def __init__(self, terminal, root, monkeypatch):
        self.terminal, self.root = terminal, root
        self.settings = EngineSettings(terminal.cache, terminal.state)
        self.paths = EnginePaths(self.settings)
        for name in ("SEMLS_CACHE_DIR", "SEMLS_STATE_DIR", "SEMLS_IDLE_MINUTES"):
            monkeypatch.setenv(name, terminal.environment.get(name, ""))

    def client(self):
        return Client(Settings(model="hashing"), self.settings)

    async def find(self, client):
        answer = await asyncio.wait_for(client.search([str(self.root)], "evict_expired"), HANG)
        return answer["hits"][0]["name"]

    def find_in_a_terminal(self):
        return self.terminal.json("search", "evict_expired", cwd=self.root)["hits"][0]["name"]

    @property
    def engine(self):
        """Its process."""
        state = self.paths.read_state()
        assert state
        return state.pid

    @property
    def started(self):
        """How many engines there have been."""
        return self.paths.log.read_text().count("Engine 0.")

    def pretend(self, **changes):
        """Let the state file say something else."""
        path = self.terminal.state_file
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def kill(self):
        """Kill the engine and wait until the system has noticed."""
        os.kill(self.engine, signal.SIGKILL)
        until(lambda: not self.paths.is_locked())


def until(holds):
    deadline = time.monotonic() + HANG
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def place(terminal, workspace, monkeypatch):
    return Place(terminal, workspace("shop"), monkeypatch)


@pytest.fixture
def kept(place):
    """A place whose engine runs."""
    place.terminal.json("index", place.root)
    return place


def editor(place):
    """A language server that has the folder open."""
    server = Raw(place.terminal.environment)
    server.start(rootUri=place.root.as_uri())
    return server


def test_ten_concurrent_front_ends_start_one_engine(place):
    editors = [Raw(place.terminal.environment) for _ in range(3)]

    def ask(number):
        if number < len(editors):
            editors[number].start(rootUri=place.root.as_uri())
            symbols = editors[number].ask("workspace/symbol", {"query": "evict_expired"})
            return symbols["result"][0]["name"]
        return place.find_in_a_terminal()

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, range(10))) == ["evict_expired"] * 10
    assert place.started == 1
    for server in editors:
        server.end()


async def test_concurrent_requests_of_one_client_start_one_engine(place):
    client = place.client()
    assert set(await asyncio.gather(*(place.find(client) for _ in range(10)))) == {"evict_expired"}
    assert place.started == 1
    await client.close()


def test_process_with_pid_of_killed_engine_is_not_touched(kept):
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    kept.kill()
    kept.pretend(pid=stranger.pid)
    assert kept.find_in_a_terminal() == "evict_expired"
    assert kept.engine != stranger.pid
    assert stranger.poll() is None
    stranger.communicate(b"\n")


def silent(connection, _):
    """Never answers."""
    while connection.recv(4096):
        pass


def garbled(connection, _):
    connection.recv(4096)
    connection.sendall(b"\0\xff no protocol at all\r\n\r\n" * 100)


def endless(connection, _):
    """Answers for ever."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b" " * 4096)


def forged(connection, dead):
    """Pretends to be the engine that was there before."""
    request = connection.recv(1 << 16)
    body = json.dumps({"pid": dead.pid, "hits": [{"name": "forged"}]}).encode()
    assert request
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


@contextlib.contextmanager
def stranger(dead, behaviour):
    """Another program at the port of a dead engine; gives what it was asked."""
    listener = socket.create_server(("127.0.0.1", dead.port))
    asked = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                asked.append(connection)
                threading.Thread(target=talk, args=[connection], daemon=True).start()

    def talk(connection):
        with contextlib.suppress(OSError), connection:
            behaviour(connection, dead)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in asked:
            connection.close()


@pytest.mark.parametrize("behaviour", [silent, garbled, endless, forged])
async def test_program_at_port_of_killed_engine_gets_no_request(kept, behaviour):
    client = kept.client()
    assert await kept.find(client) == "evict_expired"
    await client._connection._http._transport._pool.aclose()  # as after a while; else it keeps the port
    dead = kept.paths.read_state()
    kept.kill()
    with stranger(dead, behaviour) as asked:
        assert await kept.find(client) == "evict_expired"
        kept.kill()
        kept.paths.write_state(dead)
        assert await asyncio.to_thread(kept.find_in_a_terminal) == "evict_expired"
        assert asked == []
    await client.close()


async def test_replacing_older_engine_answers_all_clients(place):
    with place.terminal.engine_of_version("0.0.1") as older:
        client, server = place.client(), editor(place)
        found = await asyncio.gather(place.find(client), asyncio.to_thread(place.find_in_a_terminal))
        assert set(found) == {"evict_expired"}
        symbols = server.ask("workspace/symbol", {"query": "evict_expired"})
        assert symbols["result"][0]["name"] == "evict_expired"
        assert older.wait(HANG) == 0
    assert place.started == 2
    await client.close()
    server.end()


async def test_request_during_suspend_is_answered_after_resume(kept):
    client, newcomer = kept.client(), kept.client()
    assert await kept.find(client) == "evict_expired"
    engine = kept.engine
    os.kill(engine, signal.SIGSTOP)
    asking = [asyncio.create_task(kept.find(one)) for one in (client, newcomer)]
    await asyncio.wait(asking, timeout=1)  # of sleep
    os.kill(engine, signal.SIGCONT)
    assert await asyncio.gather(*asking) == ["evict_expired"] * 2
    assert kept.engine == engine
    await client.close()
    await newcomer.close()


@pytest.mark.slow
async def test_hung_engine_is_reported_with_its_process(kept):
    client = kept.client()
    assert await kept.find(client) == "evict_expired"
    os.kill(kept.engine, signal.SIGSTOP)
    try:
        with pytest.raises(EngineError, match=f"process {kept.engine}.* does not answer"):
            await kept.find(client)
        for arguments in (["search", "cart"], ["engine", "status"], ["engine", "stop"]):
            done = await asyncio.to_thread(kept.terminal.run, *arguments, cwd=kept.root)
            assert done.returncode == 3
            assert f"process {kept.engine}) does not answer" in done.stderr
    finally:
        os.kill(kept.engine, signal.SIGCONT)
    assert await kept.find(client) == "evict_expired"
    assert kept.started == 1
    await client.close()


@pytest.mark.parametrize("jump", ["86_400 * 365", "-86_400 * 365"])
def test_jumping_clock_changes_nothing(place, tmp_path, jump):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/sitecustomize.py").write_text(
        "import itertools, time\n"
        "now, calls = time.time, itertools.count()\n"
        f"time.time = lambda: now() + ({jump} if next(calls) % 2 else 0)\n"
    )
    paths = [str(tmp_path / "odd"), os.environ.get("PYTHONPATH", "")]
    place.terminal.environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    first = place.terminal.json("index", place.root)
    (place.root / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    assert place.terminal.json("index", place.root)["chunks"] == first["chunks"] + 1
    (place.root / "worker/new.py").unlink()
    assert place.terminal.json("index", place.root)["chunks"] == first["chunks"]
    assert place.terminal.json("status", place.root)["encoded"] == first["embedded"] + 1
    assert place.find_in_a_terminal() == "evict_expired"
    assert place.started == 1


@pytest.mark.slow
async def test_engine_killed_during_requests_still_answers_them(place):
    for number in range(200):
        (place.root / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {number}\n")
    client, server = place.client(), editor(place)
    seconds = []
    for _ in range(5):
        steps = client.index(str(place.root))
        await anext(steps)  # it is at work
        asking = [place.find(client), place.find(client), asyncio.to_thread(place.find_in_a_terminal)]
        tasks = [asyncio.create_task(one) for one in asking]
        await asyncio.sleep(random.uniform(0, 0.05))
        os.kill(place.engine, signal.SIGKILL)
        killed = time.monotonic()
        assert await asyncio.gather(*tasks) == ["evict_expired"] * 3
        symbols = await asyncio.to_thread(server.ask, "workspace/symbol", {"query": "evict_expired"})
        assert symbols["result"][0]["name"] == "evict_expired"
        seconds.append(time.monotonic() - killed)
        assert [step async for step in steps][-1]["files"] == 207
    print(f"all four were answered after {max(seconds):.1f} s at most")
    await client.close()
    server.end()


def test_idle_engine_stops_only_without_editor(place):
    place.terminal.environment["SEMLS_IDLE_MINUTES"] = "0.05"
    server = editor(place)
    symbols = server.ask("workspace/symbol", {"query": "evict_expired"})
    assert symbols["result"][0]["name"] == "evict_expired"
    with pytest.raises(subprocess.TimeoutExpired):  # longer than it would stay alone
        server.process.wait(7)
    assert place.started == 1
    server.process.kill()
    server.end()
    until(lambda: not place.paths.is_locked())
    assert place.paths.read_state() is None


def test_engine_stops_after_indexing_command_is_killed(place):
    place.terminal.environment["SEMLS_IDLE_MINUTES"] = "0.01"
    for number in range(300):
        (place.root / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {number}\n")
    command = [sys.executable, "-m", "semls", "index", str(place.root)]
    terminal = subprocess.Popen(command, env=place.terminal.environment)
    until(place.paths.read_state)
    terminal.kill()
    terminal.wait()
    until(lambda: not place.paths.is_locked())
    place.terminal.environment["SEMLS_IDLE_MINUTES"] = ""
    assert place.terminal.json("index", place.root)["files"] == 307


@pytest.mark.slow
@pytest.mark.parametrize("minutes", ["0", "0.01"])
async def test_request_while_engine_stops_is_answered_by_another(place, monkeypatch, minutes):
    monkeypatch.setenv("SEMLS_IDLE_MINUTES", minutes)
    client = place.client()
    for _ in range(12):
        assert await place.find(client) == "evict_expired"
        await asyncio.sleep(random.uniform(0.4, 1.6))
    assert place.started > 1
    await client.close()
