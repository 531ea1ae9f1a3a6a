import json

import pytest


@pytest.fixture(scope="module")
def shared_state(shared_terminal, tmp_path_factory):
    """Port, token and process of the shared engine."""
    shared_terminal.json("index", tmp_path_factory.mktemp("empty"))
    return json.loads(shared_terminal.state_file.read_text())
