import shutil

import pytest

from tests.conftest import FIXTURES, Terminal
from tests.lsp.raw import Raw


@pytest.fixture(scope="module")
def place(tmp_path_factory):
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
    """Start language servers that share an engine."""
    started = []

    def start(*options, **environment):
        started.append(Raw({**shared_terminal.environment, **environment}, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.end()
