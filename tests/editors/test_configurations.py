"""Tests of the configuration files that users copy: their syntax, and the commands that they name."""

import json
import re
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib")  # from Python 3.11

EDITORS = Path(__file__).parents[2] / "editors"


def toml(path):
    return tomllib.loads((EDITORS / path).read_text("utf-8"))


def commented_json(path):
    """Parse JSON with comment lines, the format of Sublime Text."""
    return json.loads(re.sub(r"(?m)^\s*//.*$", "", (EDITORS / path).read_text("utf-8")))


def test_helix_adds_semls_after_the_servers_of_each_language():
    settings = toml("helix/languages.toml")
    server = settings["language-server"]["semls"]
    assert [server["command"], *server["args"]] == ["semls", "lsp"]
    assert all(language["language-servers"][-1] == "semls" for language in settings["language"])


def test_sublime_starts_semls_and_lists_documented_commands():
    documentation = (EDITORS / "README.md").read_text("utf-8")
    client = commented_json("sublime/LSP.sublime-settings")["clients"]["semls"]
    assert client["command"] == ["semls", "lsp"]
    for entry in commented_json("sublime/semls.sublime-commands"):
        assert entry["args"]["session_name"] == "semls"
        assert f"`{entry['args']['command_name']}`" in documentation


def test_kate_starts_semls_for_each_language():
    for name, server in json.loads((EDITORS / "kate/settings.json").read_text("utf-8"))["servers"].items():
        assert server["command"] == ["semls", "lsp"]
        assert re.match(server["highlightingModeRegex"], name.title())


def test_zed_extension_starts_semls():
    extension = toml("zed/extension.toml")
    assert extension["language_servers"]["semls"]["languages"]
    assert toml("zed/Cargo.toml")["lib"]["crate-type"] == ["cdylib"]
    source = (EDITORS / "zed/src/lib.rs").read_text("utf-8")
    assert 'which("semls")' in source
    assert 'vec!["lsp".into()]' in source
