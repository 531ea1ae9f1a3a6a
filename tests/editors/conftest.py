import pytest

from tests.conftest import Terminal


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    started = Terminal(tmp_path_factory.mktemp("semls"), model="sentence-transformers/all-MiniLM-L6-v2")
    yield started
    started.stop()
