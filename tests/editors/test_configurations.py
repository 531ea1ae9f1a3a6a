"""The files of configuration that are ready to copy: well-formed, and naming what the server has."""

import json
import re
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib")  # of Python 3.11

EDITORS = Path(__file__).parents[2] / "editors"


def toml(path):
    return tomllib.loads((EDITORS / path).read_text("utf-8"))


def commented_json(path):
    """Sublime's: JSON with lines that are comments."""
    return json.loads(re.sub(r"(?m)^\s*//.*$", "", (EDITORS / path).read_text("utf-8")))


def test_helix_asks_semls_beside_the_servers_of_a_language():
    given = toml("helix/languages.toml")
    server = given["language-server"]["semls"]
    assert [server["command"], *server["args"]] == ["semls", "lsp"]
    assert all(language["language-servers"][-1] == "semls" for language in given["language"])


def test_sublime_starts_the_server_for_every_syntax_and_has_its_commands_in_the_palette():
    contract = (EDITORS / "README.md").read_text("utf-8")
    client = commented_json("sublime/LSP.sublime-settings")["clients"]["semls"]
    assert client["command"] == ["semls", "lsp"]
    for entry in commented_json("sublime/semls.sublime-commands"):
        assert entry["args"]["session_name"] == "semls"
        assert f"`{entry['args']['command_name']}`" in contract


def test_kate_starts_the_server_for_a_language():
    for name, server in json.loads((EDITORS / "kate/settings.json").read_text("utf-8"))["servers"].items():
        assert server["command"] == ["semls", "lsp"]
        assert re.match(server["highlightingModeRegex"], name.title())


def test_zed_has_an_extension_that_names_the_server():
    extension = toml("zed/extension.toml")
    assert extension["language_servers"]["semls"]["languages"]
    assert toml("zed/Cargo.toml")["lib"]["crate-type"] == ["cdylib"]
    source = (EDITORS / "zed/src/lib.rs").read_text("utf-8")
    assert 'which("semls")' in source
    assert 'vec!["lsp".into()]' in source
