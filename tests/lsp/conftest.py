import shutil

import pytest

from tests.conftest import FIXTURES, Terminal
from tests.support.raw_client import RawClient


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """Return a directory with two indexed workspaces, and a terminal with the offline model."""
    directory = tmp_path_factory.mktemp("lsp")
    shutil.copytree(FIXTURES / "shop", directory / "shop")
    shutil.copytree(FIXTURES / "gpt", directory / "gpt")
    terminal = Terminal(directory / "semls", model="")
    for name in ("shop", "gpt"):
        done = terminal.run("index", directory / name)
        assert done.returncode == 0, done.stderr
    yield directory, terminal
    terminal.stop()


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
