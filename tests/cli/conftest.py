"""Fixtures of the command-line tests, which use a fake encoder."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import FIXTURES


@pytest.fixture
def terminal(shared_terminal):
    """Tests that change the engine or count what it has embedded use `own_terminal` instead."""
    return shared_terminal


@pytest.fixture(scope="module")
def shop(shared_terminal, tmp_path_factory):
    """An indexed workspace. Tests that change it use `own_shop` instead."""
    root = Path(shutil.copytree(FIXTURES / "shop", tmp_path_factory.mktemp("cli") / "shop"))
    shared_terminal.json("index", root)
    return root


@pytest.fixture
def own_shop(workspace):
    return workspace("shop")
