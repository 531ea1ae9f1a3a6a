import shutil

import pytest

from tests.conftest import FIXTURES
from tests.editors.nvim.neovim import headless


@pytest.fixture(scope="module")
def folder(tmp_path_factory, terminal):
    place = tmp_path_factory.mktemp("workspace")
    for name in ("shop", "gpt"):
        shutil.copytree(FIXTURES / name, place / name)
        (place / name / ".git").mkdir()
        assert terminal.run("index", place / name).returncode == 0
    return place


@pytest.fixture
def start(tmp_path, terminal):
    started = []

    def start():
        started.append(headless(tmp_path, terminal))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def nvim(start, folder):
    """At a file of the shop."""
    one = start()
    one.setup()
    one.nvim.command(f"edit {folder}/shop/web/src/cart.ts")
    return one
