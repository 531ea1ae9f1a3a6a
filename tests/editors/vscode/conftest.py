import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import FIXTURES
from tests.editors.vscode.code import Window, browsing, serving

SEMLS = str(Path(sys.executable).with_name("semls"))


@pytest.fixture(scope="session")
def installed():
    folder = os.environ.get("SEMLS_EDITORS")
    if not folder:
        pytest.skip("SEMLS_EDITORS does not name a folder that tests/editors/install.sh has filled")
    return Path(folder).absolute()


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
