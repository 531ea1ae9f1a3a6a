"""What tests share: places of their own for caches and state, and the command line as a process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
HANG = 300  # seconds after which something hangs


class Terminal:
    """Runs `semls` as a user does; the engine that it starts is stopped at the end."""

    def __init__(self, directory: Path, model: str = "hashing") -> None:
        self.cache, self.state = directory / "cache", directory / "state"
        self.environment = {
            **os.environ,
            "SEMLS_CACHE_DIR": str(self.cache),
            "SEMLS_STATE_DIR": str(self.state),
            "SEMLS_MODEL": model,
            "HF_HUB_CACHE": str(directory / "hub"),
            "HF_ENDPOINT": "http://127.0.0.1:9",  # nobody listens there
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

    def stop(self):
        self.run("engine", "stop")


@pytest.fixture
def terminal(tmp_path):
    started = Terminal(tmp_path / "semls")
    yield started
    started.stop()


@pytest.fixture
def workspace(tmp_path):
    """Copies a fixture to where it can be changed."""

    def copy(name):
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return copy
