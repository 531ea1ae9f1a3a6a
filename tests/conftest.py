"""What tests share: places of their own for caches and state, and the command line as a process."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from semls.errors import EngineError
from semls.service import launcher
from semls.settings import EngineSettings

FIXTURES = Path(__file__).parent / "fixtures"
HANG = 300  # seconds after which something hangs


class Terminal:
    """Runs `semls` as a user does; the engine that it starts is stopped at the end."""

    def __init__(self, directory: Path, model: str = "hashing") -> None:
        self.cache, self.state = directory / "cache", directory / "state"
        self.state_file = self.cache / "engine.json"
        self.environment = {
            **os.environ,
            "SEMLS_CACHE_DIR": str(self.cache),
            "SEMLS_STATE_DIR": str(self.state),
            "SEMLS_MODEL": model,
            "HF_HUB_CACHE": str(directory / "hub"),
            "HF_ENDPOINT": "http://127.0.0.1:9",  # the discard port: no server listens there
        }

    def run(self, *arguments, cwd=None, stdin=None, **environment):
        return subprocess.run(
            [sys.executable, "-m", "semls", *map(str, arguments)],
            cwd=cwd,
            env={**self.environment, **environment},
            input=stdin,
            stdin=None if stdin else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=HANG,
            check=False,
        )

    def json(self, *arguments, status=0, **options):
        done = self.run(*arguments, "--json", **options)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def engine_of_version(self, version):
        """An engine that says it is of another version; ended at the end."""
        program = f"import semls; semls.__version__ = {version!r}; from semls.cli.main import main; main()"
        engine = subprocess.Popen([sys.executable, "-c", program, "engine", "run"], env=self.environment)
        try:
            deadline = time.monotonic() + HANG
            while not self.state_file.exists():
                assert engine.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield engine
        finally:
            engine.kill()
            engine.wait()

    def stop(self):
        """Stop the engine as `semls engine stop` does, without the time that a process takes to start."""
        with contextlib.suppress(EngineError):
            asyncio.run(launcher.stop(EngineSettings(self.cache, self.state)))


def pytest_xdist_auto_num_workers():
    """Use two processes for each core: many tests wait for other processes."""
    return min(2 * (os.cpu_count() or 1), 8)


@pytest.fixture(scope="module")
def shared_terminal(tmp_path_factory):
    """For tests that leave the engine and the settings as they are; workspaces are their own."""
    started = Terminal(tmp_path_factory.mktemp("shared"))
    yield started
    started.stop()


@pytest.fixture
def own_terminal(tmp_path):
    started = Terminal(tmp_path / "semls")
    yield started
    started.stop()


@pytest.fixture
def terminal(own_terminal):
    """A module may share an engine by replacing this."""
    return own_terminal


@pytest.fixture
def workspace(tmp_path):
    """Copies a fixture to where it can be changed."""

    def copy(name):
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return copy


@pytest.fixture
def alone(tmp_path_factory, monkeypatch):
    """Hide the user's settings from git and semls; the home folder is another."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home
