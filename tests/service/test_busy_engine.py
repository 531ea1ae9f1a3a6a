"""A busy engine, and one that waits for something that does not come, tell their state within two seconds."""

import contextlib
import socket
import sqlite3
import time

import httpx
import pytest

from semls.errors import EngineError
from semls.service import client as client_module
from semls.service.client import Client
from semls.settings import EngineSettings, Settings
from tests.conftest import HANG, Terminal
from tests.service.test_connections import EngineProcess
from tests.service.test_lifecycle import until

pytestmark = pytest.mark.slow

SOON = 2.0  # seconds
HASHING = {"model": "hashing"}


@pytest.fixture
def shop(workspace):
    return workspace("shop")


@pytest.fixture
def start(tmp_path):
    """Starts engines that share a cache; ends them at the end."""
    with contextlib.ExitStack() as ends:

        def start(**environment):
            terminal = Terminal(tmp_path / "semls")
            terminal.environment.update(environment)
            engine = EngineProcess(terminal)
            ends.callback(engine.stop)
            return engine

        yield start


@pytest.fixture
def silent():
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def ask(engine, path, **asked):
    """The lines of an answer, the last one as JSON."""
    url, headers = f"http://127.0.0.1:{engine.state.port}", {"Authorization": f"Bearer {engine.state.token}"}
    return httpx.post(url + path, json=asked, headers=headers, trust_env=False, timeout=HANG)


def soon(engine, path, **asked):
    """An answer that comes within two seconds."""
    began = time.monotonic()
    answer = ask(engine, path, **asked).json()
    assert time.monotonic() - began < SOON
    return answer


@contextlib.contextmanager
def locked(engine, mode):
    """Another program locks the index database: SQLite waits for it, and so does the executor."""
    (database,) = engine.paths.cache_directory.glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript(mode)
        yield


def test_status_while_workspace_opens_reports_it_within_two_seconds(start, shop):
    first = start()
    assert ask(first, "/index", workspace=str(shop), settings=HASHING).is_success
    ask(first, "/stop")
    first.process.wait(HANG)
    with locked(first, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"):
        second = start()
        status = soon(second, "/status", workspace=str(shop), settings=HASHING)
        assert "still being opened" in status["notice"]
    assert ask(second, "/status", workspace=str(shop), settings=HASHING).json()


def test_status_and_doctor_while_executor_is_blocked_answer_within_two_seconds(start, shop):
    engine = start()

    def state():
        return soon(engine, "/status", workspace=str(shop), settings=HASHING)

    assert ask(engine, "/index", workspace=str(shop), settings=HASHING).is_success
    with locked(engine, "BEGIN IMMEDIATE;"):
        (shop / "new.py").write_text("def quarantine_parcel(): pass\n")
        ask(engine, "/changed", workspace=str(shop), settings=HASHING, files=[str(shop / "new.py")])
        until(lambda: "The engine is busy" in state()["notice"])
        found = {finding["name"]: finding for finding in soon(engine, "/doctor", settings=HASHING)}
        assert found["python"]["well"]
    until(lambda: state()["files"] == 8)


def test_doctor_with_silent_store_names_it_within_two_seconds(start, silent):
    store = {"url": silent, "token": "", "headers": {}, "tenant": "t", "database": "d"}
    engine = start()
    for _ in range(2):
        found = soon(engine, "/doctor", settings={**HASHING, "store": store})
        (finding,) = (finding for finding in found if finding["name"] == "store")
        assert not finding["well"]
        assert silent in finding["detail"]
        assert "SEMLS_STORE_URL" in finding["advice"]


def test_doctor_while_model_downloads_answers_within_two_seconds(start, silent):
    engine = start(HF_ENDPOINT=silent)
    model = {"model": "nomic-ai/nomic-embed-text-v1"}
    (finding,) = (one for one in soon(engine, "/doctor", settings=model) if one["name"] == "model")
    assert not finding["well"]
    assert "still being loaded" in finding["detail"]


# In place of a file system whose server is gone, which takes a mount: a process waits while a file exists.
DEAD_FILE_SYSTEM = """
import os, time

lstat = os.lstat

def wait(path, **options):
    while os.fspath(path).startswith({folder!r}) and os.path.exists({dead!r}):
        time.sleep(0.05)
    return lstat(path, **options)

os.lstat = wait
"""


def test_engine_with_hung_file_system_answers_other_workspaces(start, shop, tmp_path):
    other, dead = tmp_path / "other", tmp_path / "dead"
    other.mkdir()
    (tmp_path / "site").mkdir()
    code = DEAD_FILE_SYSTEM.format(folder=str(shop), dead=str(dead))
    (tmp_path / "site" / "sitecustomize.py").write_text(code)
    engine = start(PYTHONPATH=str(tmp_path / "site"))
    for root in (shop, other):
        assert ask(engine, "/index", workspace=str(root), settings=HASHING).is_success
    dead.touch()
    for _ in range(3):
        status = soon(engine, "/status", workspace=str(shop), settings=HASHING)
        assert status["message"].startswith(f"The file system of {shop} has not answered")
        assert soon(engine, "/status", workspace=str(other), settings=HASHING)["phase"] == "ready"
    dead.unlink()
    until(lambda: ask(engine, "/status", workspace=str(shop), settings=HASHING).json().get("files") == 7)


async def first_hit(client, root):
    return (await client.search([root], "evict_expired"))["hits"][0]


async def first_step(client, root):
    return await anext(client.index(root))


@pytest.mark.parametrize("request_of", [first_hit, first_step], ids=["search", "index"])
async def test_client_with_busy_engine_reports_activity_and_times_out(start, shop, monkeypatch, request_of):
    first = start()
    assert ask(first, "/index", workspace=str(shop), settings=HASHING).is_success
    ask(first, "/stop")
    first.process.wait(HANG)
    monkeypatch.setattr(client_module, "_REQUEST_TIMEOUT", 1.5)
    shown: list[str] = []
    with locked(first, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"):
        settings = EngineSettings(first.paths.cache_directory, first.paths.log.parent)
        start()
        client = Client(Settings(model="hashing"), settings, on_wait=shown.append)
        expected = rf"not answered for 2 s \(opening {shop}\).*semls engine stop"
        with pytest.raises(EngineError, match=expected):
            await request_of(client, str(shop))
    assert f"opening {shop}" in shown
    await client.close()
