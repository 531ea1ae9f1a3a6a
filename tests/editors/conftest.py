import os
import time
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


@pytest.fixture
def control_embedding(terminal):
    """Runs `semls pause` and `semls resume`, the latter also at the end of a test that fails."""

    def run(command):
        assert terminal.run(command).returncode == 0

    yield run
    run("resume")


@pytest.fixture
def new_code(tmp_path):
    """A folder whose functions were never embedded: `evict_sessions`, and `item_0` to `item_49`."""
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "sessions.py").write_text(f"def evict_sessions():\n    return {time.time_ns()}\n")
    for number in range(50):
        (folder / f"n{number}.py").write_text(f"def item_{number}(x):\n    return x * {time.time_ns()}\n")
    return folder
