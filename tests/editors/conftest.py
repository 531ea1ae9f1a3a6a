import os
from pathlib import Path

import pytest

from tests.conftest import Terminal


@pytest.fixture(scope="session")
def installed():
    folder = os.environ.get("SEMLS_EDITORS")
    if not folder:
        pytest.skip("SEMLS_EDITORS does not name a folder that tests/editors/install.sh has filled")
    return Path(folder).absolute()


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    started = Terminal(tmp_path_factory.mktemp("semls"), model="sentence-transformers/all-MiniLM-L6-v2")
    yield started
    started.stop()
