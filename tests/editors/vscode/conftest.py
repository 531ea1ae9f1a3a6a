import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import FIXTURES
from tests.editors.vscode.code import Window, browsing, serving

SEMLS = str(Path(sys.executable).with_name("semls"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Path(shutil.copytree(FIXTURES / "shop", tmp_path_factory.mktemp("workspace") / "shop"))


@pytest.fixture(scope="module")
def code(installed, terminal, tmp_path_factory):
    with serving(installed, tmp_path_factory.mktemp("code"), terminal.environment, path=SEMLS) as code:
        yield code


@pytest.fixture
def open_window(code):
    """Return a function that opens a window on a folder."""
    with browsing() as page:
        yield lambda folder: Window(page, code.address(folder))
