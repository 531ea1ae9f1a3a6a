import shutil

import pytest

from tests.conftest import FIXTURES
from tests.editors.nvim.neovim import headless


@pytest.fixture(scope="module")
def folder(tmp_path_factory, terminal):
    root = tmp_path_factory.mktemp("workspace")
    for name in ("shop", "gpt"):
        shutil.copytree(FIXTURES / name, root / name)
        (root / name / ".git").mkdir()
        assert terminal.run("index", root / name).returncode == 0
    return root


@pytest.fixture
def start(tmp_path, terminal):
    started = []

    def start():
        started.append(headless(tmp_path, terminal))
        return started[-1]

    yield start
    for nvim in started:
        nvim.close()


@pytest.fixture
def nvim(start, folder):
    """Return a Neovim that has a file of the shop open."""
    started = start()
    started.setup()
    started.nvim.command(f"edit {folder}/shop/web/src/cart.ts")
    return started
