"""Tests of `semls engine` and `doctor`, of help and version, and of what a front-end imports."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from semls.service.state import EnginePaths
from semls.settings import EngineSettings
from tests.conftest import HANG


def test_engine_status_and_stop_follow_the_engine(own_terminal, own_shop):
    assert own_terminal.run("engine", "status").returncode == 1
    own_terminal.json("index", own_shop)
    assert "is running" in own_terminal.run("engine", "status").stdout
    assert own_terminal.run("engine", "stop").returncode == 0
    assert own_terminal.run("engine", "status").returncode == 1


def test_relative_cache_directory_is_shared_by_client_and_engine(terminal, shop, tmp_path):
    (tmp_path / "home").mkdir()
    relative = {"SEMLS_CACHE_DIR": "home/cache", "SEMLS_STATE_DIR": "home/state"}
    try:
        terminal.json("index", shop, cwd=tmp_path, **relative)
        assert list((tmp_path / "home/cache").glob("*/index.sqlite"))
    finally:
        assert terminal.run("engine", "stop", cwd=tmp_path, **relative).returncode == 0


def test_doctor_on_a_working_machine_succeeds(terminal):
    done = terminal.run("doctor")
    assert "still being" not in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    expected = [
        "python: 3.",
        "FTS5",
        "grammars: ",
        "vectors: Chroma 1.",
        f"cache: {terminal.cache}",
        "model: ",
    ]
    for text in [*expected, *(["watch limit: "] if sys.platform == "linux" else [])]:
        assert text in done.stdout
    assert not list(terminal.cache.glob("doctor-*"))


def test_doctor_with_missing_model_gives_advice(terminal, tmp_path):
    model = tmp_path / "nowhere"
    done = terminal.run("doctor", SEMLS_MODEL=str(model))
    assert done.returncode == 3
    assert f"warn  model: There is no folder {model}" in done.stdout
    assert "Set SEMLS_MODEL to another model" in done.stdout


def test_help_and_version_are_printed(terminal):
    for arguments in (["--help"], ["search", "--help"], ["engine", "--help"]):
        done = terminal.run(*arguments)
        assert done.returncode == 0
        assert "Usage" in done.stdout
    assert terminal.run("--version").stdout.startswith("semls 0.")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_ends_a_command_at_once(own_terminal, own_shop):
    def interrupt(*arguments, when):
        with subprocess.Popen(
            # A job in the background of a shell ignores SIGINT, and so would the command.
            ["env", "--default-signal=INT", sys.executable, "-m", "semls", *arguments],
            cwd=own_shop,
            env=own_terminal.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as command:
            deadline = time.monotonic() + HANG
            while not when(command.pid):
                assert command.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            command.send_signal(signal.SIGINT)
            assert command.communicate(timeout=20) == (b"", b"")
        assert command.returncode == -signal.SIGINT  # a shell reports 130 and ends its loops

    def has_socket(pid):
        with contextlib.suppress(OSError):
            return any("socket:" in os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir())

    def has_threads(pid):
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1

    def maps(name):
        return lambda pid: name in Path(f"/proc/{pid}/maps").read_text()

    interrupt("search", "x", when=maps("_json.cpython"))  # during the imports
    own_terminal.state.mkdir(parents=True)
    own_terminal.cache.mkdir(parents=True)
    with EnginePaths(EngineSettings(own_terminal.cache, own_terminal.state)).start_lock():
        interrupt("search", "x", when=has_threads)  # while another program starts the engine
    own_terminal.json("index", own_shop)
    pid = own_terminal.json("status", own_shop)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        interrupt("search", "x", when=has_socket)  # while it waits for the engine
    finally:
        os.kill(pid, signal.SIGCONT)


def test_front_end_imports_no_heavy_modules():
    heavy = ["torch", "transformers", "chromadb", "tree_sitter", "numpy", "sqlite3", "uvicorn", "starlette"]
    for front_end, others in (("semls.cli.main", ["pygls", "lsprotocol"]), ("semls.lsp.server", [])):
        program = f"import sys, {front_end}; print(sorted(sys.modules.keys() & {{*{heavy + others}}}))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"
