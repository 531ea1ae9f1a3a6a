"""Engines that are busy or blocked answer requests for their state within two seconds."""

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
from tests.support.engines import EngineProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.serial

MAX_SECONDS = 2.0
HASHING = {"model": "hashing"}


@pytest.fixture
def shop(workspace):
    return workspace("shop")


@pytest.fixture
def start(tmp_path):
    """Starts engines that share a cache, and stops them after the test."""
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
    """Return the address of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def post(engine, path, **body):
    url, headers = f"http://127.0.0.1:{engine.state.port}", {"Authorization": f"Bearer {engine.state.token}"}
    return httpx.post(url + path, json=body, headers=headers, trust_env=False, timeout=HANG)


def post_within_two_seconds(engine, path, **body):
    """Return the JSON of a response, which must come within two seconds."""
    began = time.monotonic()
    answer = post(engine, path, **body).json()
    assert time.monotonic() - began < MAX_SECONDS
    return answer


@contextlib.contextmanager
def locked(engine, mode):
    """Lock the index database in another connection: SQLite and the executor wait for it."""
    (database,) = engine.paths.cache_directory.glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript(mode)
        yield


def test_status_while_workspace_opens_reports_it_within_two_seconds(start, shop):
    first = start()
    assert post(first, "/index", workspace=str(shop), settings=HASHING).is_success
    post(first, "/stop")
    first.process.wait(HANG)
    with locked(first, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"):
        second = start()
        status = post_within_two_seconds(second, "/status", workspace=str(shop), settings=HASHING)
        assert "still being opened" in status["notice"]
    assert post(second, "/status", workspace=str(shop), settings=HASHING).json()


def test_status_and_doctor_while_executor_is_blocked_answer_within_two_seconds(start, shop):
    engine = start()

    def state():
        return post_within_two_seconds(engine, "/status", workspace=str(shop), settings=HASHING)

    assert post(engine, "/index", workspace=str(shop), settings=HASHING).is_success
    with locked(engine, "BEGIN IMMEDIATE;"):
        (shop / "new.py").write_text("def quarantine_parcel(): pass\n")
        post(engine, "/changed", workspace=str(shop), settings=HASHING, files=[str(shop / "new.py")])
        wait_until(lambda: "The engine is busy" in state()["notice"])
        found = {
            finding["name"]: finding
            for finding in post_within_two_seconds(engine, "/doctor", settings=HASHING)
        }
        assert found["python"]["well"]
    wait_until(lambda: state()["files"] == 8)


def test_doctor_with_silent_store_names_it_within_two_seconds(start, silent):
    store = {"url": silent, "token": "", "headers": {}, "tenant": "t", "database": "d"}
    engine = start()
    for _ in range(2):
        found = post_within_two_seconds(engine, "/doctor", settings={**HASHING, "store": store})
        (finding,) = (finding for finding in found if finding["name"] == "store")
        assert not finding["well"]
        assert silent in finding["detail"]
        assert "SEMLS_STORE_URL" in finding["advice"]


def test_doctor_while_model_downloads_answers_within_two_seconds(start, silent):
    engine = start(HF_ENDPOINT=silent)
    model = {"model": "nomic-ai/nomic-embed-text-v1"}
    (finding,) = (
        one for one in post_within_two_seconds(engine, "/doctor", settings=model) if one["name"] == "model"
    )
    assert not finding["well"]
    assert "still being loaded" in finding["detail"]


# Simulates a network file system that does not respond, which needs a mount: the process waits while a
# file exists.
HUNG_FILE_SYSTEM = """
import os, time

lstat = os.lstat

def wait(path, **options):
    while os.fspath(path).startswith({folder!r}) and os.path.exists({hung!r}):
        time.sleep(0.05)
    return lstat(path, **options)

os.lstat = wait
"""


def test_engine_with_hung_file_system_answers_other_workspaces(start, shop, tmp_path):
    other, hung = tmp_path / "other", tmp_path / "hung"
    other.mkdir()
    (tmp_path / "site").mkdir()
    code = HUNG_FILE_SYSTEM.format(folder=str(shop), hung=str(hung))
    (tmp_path / "site" / "sitecustomize.py").write_text(code)
    engine = start(PYTHONPATH=str(tmp_path / "site"))
    for root in (shop, other):
        assert post(engine, "/index", workspace=str(root), settings=HASHING).is_success
    hung.touch()
    for _ in range(3):
        status = post_within_two_seconds(engine, "/status", workspace=str(shop), settings=HASHING)
        assert status["message"].startswith(f"The file system of {shop} has not answered")
        assert (
            post_within_two_seconds(engine, "/status", workspace=str(other), settings=HASHING)["phase"]
            == "ready"
        )
    hung.unlink()
    wait_until(
        lambda: post(engine, "/status", workspace=str(shop), settings=HASHING).json().get("files") == 7
    )


async def first_hit(client, root):
    return (await client.search([root], "evict_expired"))["hits"][0]


async def first_progress(client, root):
    return await anext(client.index(root))


@pytest.mark.parametrize("request_of", [first_hit, first_progress], ids=["search", "index"])
async def test_client_with_busy_engine_reports_activity_and_times_out(start, shop, monkeypatch, request_of):
    first = start()
    assert post(first, "/index", workspace=str(shop), settings=HASHING).is_success
    post(first, "/stop")
    first.process.wait(HANG)
    monkeypatch.setattr(client_module, "_REQUEST_TIMEOUT", 3.5)
    shown: list[str] = []
    with locked(first, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"):
        settings = EngineSettings(first.paths.cache_directory, first.paths.log.parent)
        start()
        client = Client(Settings(model="hashing"), settings, on_wait=shown.append)
        expected = rf"not answered for 4 s \(opening {shop}\).*semls engine stop"
        with pytest.raises(EngineError, match=expected):
            await request_of(client, str(shop))
    assert f"opening {shop}" in shown
