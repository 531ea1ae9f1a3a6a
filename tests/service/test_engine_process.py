"""The engine's process: started on demand, one per cache directory, reachable only by its user."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from semls import __version__
from semls.service.client import Client
from semls.service.state import EnginePaths
from semls.settings import EngineSettings, Settings
from tests.conftest import HANG
from tests.support.waiting import complete_answer

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(workspace):
    return workspace("shop")


@pytest.fixture
def state(terminal, shop):
    """Return the state file of a running engine."""
    terminal.json("index", shop)
    return read_state(terminal)


def read_state(terminal):
    return json.loads(terminal.state_file.read_text())


def post(state, path="/", *, token=None, **headers):
    authorization = {"Authorization": f"Bearer {token or state['token']}"}
    url = f"http://127.0.0.1:{state['port']}{path}"
    return httpx.post(url, headers=authorization | headers, trust_env=False, timeout=HANG)


def test_state_file_is_readable_only_by_its_user(shared_terminal, shared_state):
    path = shared_terminal.state_file
    assert len(shared_state["token"]) > 30
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_request_without_valid_token_is_refused(shared_state):
    assert post(shared_state).status_code == 200
    assert post(shared_state, token="guess").status_code == 401
    assert httpx.post(f"http://127.0.0.1:{shared_state['port']}/", trust_env=False).status_code == 401
    assert post(shared_state, "/stop", token="guess").status_code == 401
    assert post(shared_state).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "evil.example:80"}, {"Origin": "https://evil.example"}]
)
def test_request_with_foreign_host_or_origin_is_refused(shared_state, headers):
    assert post(shared_state, **headers).status_code == 403


def test_engine_listens_only_on_loopback_interface(shared_state):
    if not os.path.exists("/proc/net/tcp"):
        pytest.skip("needs /proc")
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A"]
    assert f"0100007F:{shared_state['port']:04X}" in listening
    assert f"00000000:{shared_state['port']:04X}" not in listening


def test_request_with_invalid_body_is_refused(shared_state):
    url, headers = (
        f"http://127.0.0.1:{shared_state['port']}/search",
        {"Authorization": f"Bearer {shared_state['token']}"},
    )
    for body in (
        b"",
        b"[]",
        b"{",
        b'{"query": 3}',
        b'{"workspaces": [], "query": "x", "colour": 1}',
        b"x" * (2 << 20),
    ):
        answer = httpx.post(url, content=body, headers=headers, trust_env=False)
        assert answer.status_code == 400
        assert answer.json()["error"] == "usage"


def test_concurrent_commands_start_one_engine(terminal, shop):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: terminal.run("search", "cart", "--json", cwd=shop), range(8)))
    assert [one.returncode for one in done] == [0] * 8, [one.stderr for one in done]
    (log,) = terminal.state.glob("engine-*.log")
    assert log.read_text().count("Engine 0.") == 1


def test_second_engine_on_same_cache_exits(shared_terminal, shared_state):
    done = shared_terminal.run("engine", "run")
    assert done.returncode == 3
    assert "already running" in done.stderr
    assert read_state(shared_terminal) == shared_state


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_engine_is_replaced(terminal, shop, state):
    os.kill(state["pid"], signal.SIGKILL)
    assert terminal.json("search", "cart", cwd=shop)["hits"]
    assert read_state(terminal)["pid"] != state["pid"]


@pytest.mark.parametrize("version", ["0.0.1", f"{__version__}rc1", f"{__version__}.dev3", "nightly"])
def test_engine_of_older_version_is_replaced(terminal, shop, version):
    with terminal.engine_of_version(version) as engine:
        assert read_state(terminal)["version"] == version
        assert terminal.json("search", "cart", cwd=shop)["hits"]
        assert engine.wait(HANG) == 0
    assert read_state(terminal)["version"] == __version__


@pytest.mark.parametrize("version", ["99.0.0", "99.0.0a1", f"{__version__}.post1"])
def test_client_older_than_engine_asks_for_restart_and_keeps_engine(terminal, shop, version):
    with terminal.engine_of_version(version) as engine:
        done = terminal.run("search", "cart", cwd=shop)
        assert done.returncode == 3
        assert f"semls was updated to {version}" in done.stderr
        assert read_state(terminal)["pid"] == engine.pid


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"port": 1}', '{"port": "x", "token": 1, "pid": [], "version": 2}']
)
def test_malformed_state_file_is_ignored(terminal, shop, content):
    terminal.cache.mkdir(parents=True)
    terminal.state_file.write_text(content)
    assert terminal.json("search", "cart", cwd=shop)["hits"]


def test_idle_engine_stops(terminal, shop):
    terminal.environment["SEMLS_IDLE_MINUTES"] = "0.01"
    process = subprocess.Popen([sys.executable, "-m", "semls", "engine", "run"], env=terminal.environment)
    assert process.wait(HANG) == 0
    assert not terminal.state_file.exists()
    # Otherwise the next engine may stop before a slow command reaches it.
    del terminal.environment["SEMLS_IDLE_MINUTES"]
    assert terminal.json("index", shop)["chunks"] > 0


def test_module_named_semls_in_workspace_is_not_imported(terminal, shop):
    (shop / "semls").mkdir()
    (shop / "semls/__init__.py").write_text(f"open({str(shop / 'ran')!r}, 'w')")
    (shop / "torch.py").write_text(f"open({str(shop / 'ran')!r}, 'w')")
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "semls"), "search", "cart"],
        cwd=shop,
        env=terminal.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (shop / "ran").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
async def test_client_whose_engine_is_killed_starts_another(terminal, shop, monkeypatch):
    for name in ("SEMLS_CACHE_DIR", "SEMLS_STATE_DIR"):
        monkeypatch.setenv(name, terminal.environment[name])
    client = Client(Settings(model="hashing"), EngineSettings.from_environment())
    for _ in range(2):
        answer = await complete_answer(partial(client.search, [str(shop)], "evict_expired"))
        assert answer["hits"][0]["name"] == "evict_expired"
        os.kill(read_state(terminal)["pid"], signal.SIGKILL)


def test_engine_restores_deleted_or_changed_state_file(terminal, state):
    for damage in (
        lambda path: path.unlink(),
        lambda path: path.write_text("{"),
        lambda path: path.write_text(json.dumps({**state, "port": 9, "token": "of another engine"})),
    ):
        damage(terminal.state_file)
        done = terminal.run("engine", "status")
        assert done.stdout.startswith(f"Engine {__version__} is running: process {state['pid']}")
        assert read_state(terminal) == state


def test_engine_with_deleted_state_directory_keeps_running(terminal, shop, state):
    shutil.rmtree(terminal.state)
    (shop / "new.py").write_text("def quarantine_parcel(): pass\n")
    assert terminal.json("search", "quarantine_parcel", cwd=shop)["hits"][0]["name"] == "quarantine_parcel"
    assert read_state(terminal) == state
    assert terminal.run("engine", "stop").stdout == "Engine stopped.\n"
    (log,) = terminal.state.glob("engine-*.log")
    assert "Engine stopped" in log.read_text()


def test_clients_with_different_state_directories_share_engine(terminal, shop, state, tmp_path):
    other = {"SEMLS_STATE_DIR": str(tmp_path / "other")}
    assert terminal.json("search", "cart", cwd=shop, **other)["hits"]
    assert read_state(terminal) == state
    assert terminal.run("engine", "stop", **other).stdout == "Engine stopped.\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot delete a locked file")
@pytest.mark.parametrize("only_the_lock", [False, True], ids=["cache directory", "lock"])
def test_engine_with_deleted_lock_stops(terminal, shop, only_the_lock):
    engine = subprocess.Popen([sys.executable, "-m", "semls", "engine", "run"], env=terminal.environment)
    while not terminal.state_file.exists():
        assert engine.poll() is None
    assert terminal.json("search", "cart", cwd=shop)["hits"]
    assert read_state(terminal)["pid"] == engine.pid
    if only_the_lock:
        (terminal.cache / "engine.lock").unlink()
    else:
        shutil.rmtree(terminal.cache, ignore_errors=True)
    assert terminal.json("search", "cart", cwd=shop)["hits"]
    assert engine.wait(HANG) == 0
    assert terminal.json("search", "cart", cwd=shop)["hits"]
    assert read_state(terminal)["pid"] != engine.pid


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot read a locked file")
def test_stop_of_unreachable_engine_names_its_lock(terminal):
    terminal.cache.mkdir(parents=True)
    with FileLock(terminal.cache / "engine.lock"):  # as an engine that has not written its state yet
        for command in ("status", "stop"):
            done = terminal.run("engine", command)
            assert done.returncode == 3
            assert str(terminal.cache / "engine.lock") in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a signal ends a process at once on Windows")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_engine_in_foreground_stops_in_order_at_signal(terminal, number):
    command = [sys.executable, "-m", "semls", "engine", "run"]
    with subprocess.Popen(
        command,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as engine:
        while terminal.run("engine", "status").returncode:
            assert engine.poll() is None
        engine.send_signal(number)
        assert engine.communicate(timeout=HANG) == (b"", b"")
    assert engine.returncode == 0
    assert not terminal.state_file.exists()
    (log,) = terminal.state.glob("*.log")
    assert "Engine stopped" in log.read_text()


def test_command_with_engine_that_fails_to_start_says_why(terminal, shop, tmp_path):
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "uvicorn.py").write_text("raise ImportError('uvicorn is broken')\n")
    failed = terminal.run("search", "cart", cwd=shop, PYTHONPATH=str(modules))
    assert failed.returncode == 3
    assert "The engine did not start (ImportError: uvicorn is broken)" in failed.stderr.replace("\n", " ")
    (output,) = terminal.state.glob("*.out")
    assert "Traceback" in output.read_text()


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows reports a folder at the path of a lock as locked"
)
@pytest.mark.parametrize("name", ["engine.lock", "engine-start.lock", "engine.json", ".out", ".log"])
def test_command_with_unusable_engine_file_names_it(terminal, shop, name):
    file = terminal.cache / name
    if name.startswith("."):  # a suffix
        file = EnginePaths(EngineSettings(terminal.cache, terminal.state)).log.with_suffix(name)
    file.mkdir(parents=True)  # like a file of another user, which root could read
    done = terminal.run("search", "evict_expired", "--path", shop)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"The file {file} cannot be used (" in done.stderr
    assert "Traceback" not in done.stderr
    file.rmdir()
    assert terminal.json("search", "evict_expired", "--path", shop)["hits"]
