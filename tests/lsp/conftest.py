import shutil

import pytest

from tests.conftest import FIXTURES, Terminal
from tests.support.raw_client import RawClient


def index_workspaces(directory, model):
    """Yield a directory with two indexed workspaces, and its terminal; stop the engine at the end."""
    terminal = Terminal(directory / "semls", model=model)
    for name in ("shop", "gpt"):
        shutil.copytree(FIXTURES / name, directory / name)
        done = terminal.run("index", directory / name)
        assert done.returncode == 0, done.stderr
    yield directory, terminal
    terminal.stop()


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """Return a directory with two indexed workspaces, and a terminal with the offline model."""
    yield from index_workspaces(tmp_path_factory.mktemp("lsp"), model="")


@pytest.fixture(scope="module")
def hashed(tmp_path_factory):
    """Return the same as `offline` for tests to which meaning does not matter."""
    yield from index_workspaces(tmp_path_factory.mktemp("lsp"), model="hashing")


@pytest.fixture
def raw(shared_terminal):
    """Starts language servers that share an engine, and kills them after the test."""
    started = []

    def start(*options, **environment):
        started.append(RawClient({**shared_terminal.environment, **environment}, *options))
        return started[-1]

    yield start
    for client in started:
        client.process.kill()
        client.end()
