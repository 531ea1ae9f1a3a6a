"""Fixtures for all tests: the command line as a process, workspaces, and a hidden user configuration."""

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
HANG = 300  # seconds after which a process or request counts as hanging


class Terminal:
    """Runs `semls` as a user does, with a separate cache, state directory and engine."""

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
        """Run an engine that reports another version, until the end of the block."""
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
    """A terminal for all tests of a module; they must not change its engine or settings."""
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
    """A terminal for one test. Modules override this fixture to share one."""
    return own_terminal


@pytest.fixture
def workspace(tmp_path):
    """Return a function that copies a folder of `fixtures` to a temporary directory."""

    def copy(name):
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return copy


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """Hide the user's git configuration: use an empty folder as the home folder, and return it."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home
