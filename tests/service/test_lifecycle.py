"""Engines are started, replaced, killed and suspended; clients get an answer or a clear error."""

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
from functools import partial

import pytest

from semls.errors import EngineError
from semls.service.client import Client
from semls.service.state import EnginePaths
from semls.settings import EngineSettings, Settings
from tests.conftest import HANG
from tests.support.raw_client import RawClient
from tests.support.waiting import complete_answer, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")]


class EngineSetup:
    """A workspace, and the engine of a terminal."""

    def __init__(self, terminal, root, monkeypatch):
        self.terminal, self.root = terminal, root
        self.settings = EngineSettings(terminal.cache, terminal.state)
        self.paths = EnginePaths(self.settings)
        for name in ("SEMLS_CACHE_DIR", "SEMLS_STATE_DIR", "SEMLS_IDLE_MINUTES"):
            monkeypatch.setenv(name, terminal.environment.get(name, ""))

    def client(self):
        return Client(Settings(model="hashing"), self.settings)

    async def find(self, client):
        search = partial(client.search, [str(self.root)], "evict_expired")
        answer = await asyncio.wait_for(complete_answer(search), HANG)
        return answer["hits"][0]["name"]

    def find_in_terminal(self):
        return self.terminal.json("search", "evict_expired", cwd=self.root)["hits"][0]["name"]

    @property
    def pid(self):
        """The process id of the engine."""
        state = self.paths.read_state()
        assert state
        return state.pid

    @property
    def start_count(self):
        """The number of engines that were started."""
        return self.paths.log.read_text().count("Engine 0.")

    def change_state_file(self, **changes):
        path = self.terminal.state_file
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def kill(self):
        """Kill the engine and wait until its lock is released."""
        os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: not self.paths.is_locked())


@pytest.fixture
def stopped(terminal, workspace, monkeypatch):
    """A setup whose engine was not started."""
    return EngineSetup(terminal, workspace("shop"), monkeypatch)


@pytest.fixture
def running(stopped):
    """A setup whose engine is running."""
    stopped.terminal.json("index", stopped.root)
    return stopped


def start_editor(stopped):
    """Return a client of a language server that has the workspace open."""
    server = RawClient(stopped.terminal.environment)
    server.start(rootUri=stopped.root.as_uri())
    return server


def test_ten_concurrent_front_ends_start_one_engine(stopped):
    editors = [RawClient(stopped.terminal.environment) for _ in range(3)]

    def ask(number):
        if number < len(editors):
            editors[number].start(rootUri=stopped.root.as_uri())
            return editors[number].symbols("evict_expired")[0]["name"]
        return stopped.find_in_terminal()

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, range(10))) == ["evict_expired"] * 10
    assert stopped.start_count == 1
    for server in editors:
        server.end()


async def test_concurrent_requests_of_one_client_start_one_engine(stopped):
    client = stopped.client()
    assert set(await asyncio.gather(*(stopped.find(client) for _ in range(10)))) == {"evict_expired"}
    assert stopped.start_count == 1


def test_process_with_pid_of_killed_engine_is_not_touched(running):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    running.kill()
    running.change_state_file(pid=other.pid)
    assert running.find_in_terminal() == "evict_expired"
    assert running.pid != other.pid
    assert other.poll() is None
    other.communicate(b"\n")


def silent(connection, _):
    """Never respond."""
    while connection.recv(4096):
        pass


def malformed(connection, _):
    connection.recv(4096)
    connection.sendall(b"\0\xff no protocol at all\r\n\r\n" * 100)


def endless(connection, _):
    """Respond endlessly."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b" " * 4096)


def forged(connection, killed):
    """Respond like the killed engine."""
    request = connection.recv(1 << 16)
    body = json.dumps({"pid": killed.pid, "hits": [{"name": "forged"}]}).encode()
    assert request
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


@contextlib.contextmanager
def other_program(killed, behaviour):
    """Another program at the port of a killed engine; yields its connections."""
    listener = socket.create_server(("127.0.0.1", killed.port))
    connections = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=talk, args=[connection], daemon=True).start()

    def talk(connection):
        with contextlib.suppress(OSError), connection:
            behaviour(connection, killed)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("behaviour", [silent, malformed, endless, forged])
async def test_program_at_port_of_killed_engine_gets_no_request(running, behaviour):
    client = running.client()
    assert await running.find(client) == "evict_expired"
    killed = running.paths.read_state()
    running.kill()
    with other_program(killed, behaviour) as connections:
        assert await running.find(client) == "evict_expired"
        running.kill()
        running.paths.write_state(killed)
        assert await asyncio.to_thread(running.find_in_terminal) == "evict_expired"
        assert connections == []


async def test_replacing_older_engine_answers_all_clients(stopped):
    with stopped.terminal.engine_of_version("0.0.1") as older:
        client, server = stopped.client(), start_editor(stopped)
        found = await asyncio.gather(stopped.find(client), asyncio.to_thread(stopped.find_in_terminal))
        assert set(found) == {"evict_expired"}
        assert server.symbols("evict_expired")[0]["name"] == "evict_expired"
        assert older.wait(HANG) == 0
    assert stopped.start_count == 2
    server.end()


async def test_request_during_suspend_is_answered_after_resume(running):
    client, new_client = running.client(), running.client()
    assert await running.find(client) == "evict_expired"
    pid = running.pid
    os.kill(pid, signal.SIGSTOP)
    requests = [asyncio.create_task(running.find(one)) for one in (client, new_client)]
    await asyncio.wait(requests, timeout=1)  # while the engine is suspended
    os.kill(pid, signal.SIGCONT)
    assert await asyncio.gather(*requests) == ["evict_expired"] * 2
    assert running.pid == pid


@pytest.mark.serial
async def test_hung_engine_is_reported_with_its_process(running):
    client = running.client()
    assert await running.find(client) == "evict_expired"
    os.kill(running.pid, signal.SIGSTOP)
    try:
        with pytest.raises(EngineError, match=f"process {running.pid}.* does not answer"):
            await running.find(client)
        for arguments in (["search", "cart"], ["engine", "status"], ["engine", "stop"]):
            done = await asyncio.to_thread(running.terminal.run, *arguments, cwd=running.root)
            assert done.returncode == 3
            assert f"process {running.pid}) does not answer" in done.stderr
    finally:
        os.kill(running.pid, signal.SIGCONT)
    assert await running.find(client) == "evict_expired"
    assert running.start_count == 1


@pytest.mark.parametrize("jump", ["86_400 * 365", "-86_400 * 365"])
def test_jumping_clock_changes_nothing(stopped, tmp_path, jump):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/sitecustomize.py").write_text(
        "import itertools, time\n"
        "now, calls = time.time, itertools.count()\n"
        f"time.time = lambda: now() + ({jump} if next(calls) % 2 else 0)\n"
    )
    paths = [str(tmp_path / "odd"), os.environ.get("PYTHONPATH", "")]
    stopped.terminal.environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    first = stopped.terminal.json("index", stopped.root)
    (stopped.root / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    assert stopped.terminal.json("index", stopped.root)["chunks"] == first["chunks"] + 1
    (stopped.root / "worker/new.py").unlink()
    assert stopped.terminal.json("index", stopped.root)["chunks"] == first["chunks"]
    assert stopped.terminal.json("status", stopped.root)["encoded"] == first["embedded"] + 1
    assert stopped.find_in_terminal() == "evict_expired"
    assert stopped.start_count == 1


async def test_engine_killed_during_requests_still_answers_them(stopped):
    for number in range(200):
        (stopped.root / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {number}\n")
    client, server = stopped.client(), start_editor(stopped)
    seconds = []
    for _ in range(5):
        progress = client.index(str(stopped.root))
        await anext(progress)  # indexing has begun
        requests = [stopped.find(client), stopped.find(client), asyncio.to_thread(stopped.find_in_terminal)]
        tasks = [asyncio.create_task(one) for one in requests]
        await asyncio.sleep(random.uniform(0, 0.05))
        os.kill(stopped.pid, signal.SIGKILL)
        killed_at = time.monotonic()
        assert await asyncio.gather(*tasks) == ["evict_expired"] * 3
        symbols = await asyncio.to_thread(server.symbols, "evict_expired")
        assert symbols[0]["name"] == "evict_expired"
        seconds.append(time.monotonic() - killed_at)
        assert [message async for message in progress][-1]["files"] == 207
    print(f"All requests were answered within {max(seconds):.1f} s.")
    server.end()


def test_idle_engine_stops_only_without_editor(stopped):
    stopped.terminal.environment["SEMLS_IDLE_MINUTES"] = "0.05"
    server = start_editor(stopped)
    assert server.symbols("evict_expired")[0]["name"] == "evict_expired"
    with pytest.raises(subprocess.TimeoutExpired):  # longer than the idle time
        server.process.wait(7)
    assert stopped.start_count == 1
    server.process.kill()
    server.end()
    wait_until(lambda: not stopped.paths.is_locked())
    assert stopped.paths.read_state() is None


def test_engine_stops_after_indexing_command_is_killed(stopped):
    stopped.terminal.environment["SEMLS_IDLE_MINUTES"] = "0.01"
    for number in range(300):
        (stopped.root / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {number}\n")
    command = [sys.executable, "-m", "semls", "index", str(stopped.root)]
    terminal = subprocess.Popen(command, env=stopped.terminal.environment)
    wait_until(stopped.paths.read_state)
    terminal.kill()
    terminal.wait()
    wait_until(lambda: not stopped.paths.is_locked())
    stopped.terminal.environment["SEMLS_IDLE_MINUTES"] = ""
    assert stopped.terminal.json("index", stopped.root)["files"] == 307


@pytest.mark.parametrize("minutes", ["0", "0.01"])
async def test_request_while_engine_stops_is_answered_by_another(stopped, monkeypatch, minutes):
    monkeypatch.setenv("SEMLS_IDLE_MINUTES", minutes)
    client = stopped.client()
    for _ in range(12):
        assert await stopped.find(client) == "evict_expired"
        await asyncio.sleep(random.uniform(0.4, 1.6))
    assert stopped.start_count > 1
