"""What several files of the project must agree on."""

import json
import re
from pathlib import Path

import pytest

from semls import __version__

ROOT = Path(__file__).parents[1]


def read(file):
    return (ROOT / file).read_text("utf-8")


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CHANGELOG.md", r"^## ([^\s,]+)"),
        ("editors/vscode/CHANGELOG.md", r"^## ([^\s,]+)"),
        ("editors/emacs/semls.el", r"^;; Version: (.+)$"),
        ("editors/zed/Cargo.toml", r'^version = "(.+)"$'),
        ("editors/zed/extension.toml", r'^version = "(.+)"$'),
    ],
)
def test_version_in_other_file_is_that_of_the_package(file, pattern):
    first = re.search(pattern, read(file), re.MULTILINE)
    assert first
    assert first[1] == __version__


def test_version_of_vscode_extension_is_that_of_the_package():
    package = json.loads(read("editors/vscode/package.json"))
    lock = json.loads(read("editors/vscode/package-lock.json"))
    assert package["version"] == lock["version"] == lock["packages"][""]["version"] == __version__


def test_license_of_neovim_plugin_is_that_of_the_project():
    assert read("editors/nvim/LICENSE") == read("LICENSE")


def test_lint_commands_are_the_same_before_a_commit_and_in_ci():
    lint = read(".ci/run").partition('echo "--- Lint and types"\n')[2]
    commands = re.findall(r"^\.venv/bin/(.+)$", lint, re.MULTILINE)
    assert commands
    assert re.findall(r"- run: ((?:ruff|mypy|lint).*)", read(".github/workflows/ci.yml")) == commands
    quick = [command for command in commands if "--platform" not in command]
    assert re.findall(r"entry: (.+)", read(".pre-commit-config.yaml")) == quick


def test_python_versions_tested_in_ci_are_those_of_the_classifiers():
    listed = re.findall(r"Python :: (3\.\d+)", read("pyproject.toml"))
    tested = re.search(r"python: \[(.+)\]", read(".github/workflows/ci.yml"))
    assert tested
    assert re.findall(r"[\d.]+", tested[1]) == listed
    oldest = listed[0]
    assert f'requires-python = ">={oldest}"' in read("pyproject.toml")
    assert f'python_version = "{oldest}"' in read("pyproject.toml")
