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
        ("server/packaging/README.md", r'^version = "(.+)"$'),
        ("server/packaging/server.json", r'^  "version": "(.+)",$'),
        ("server/packaging/server.json", r'^      "version": "(.+)",$'),
        ("editors/agents/.claude-plugin/plugin.json", r'^  "version": "(.+)",$'),
        ("server/packaging/flake.nix", r'^ +version = "(.+)";$'),
        ("server/packaging/mason-package.yaml", r"^  id: pkg:pypi/semls@(.+)$"),
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


@pytest.mark.parametrize("editor", ["nvim", "zed"])
def test_license_of_editor_plugin_is_that_of_the_project(editor):
    assert read(f"editors/{editor}/LICENSE") == read("LICENSE")


def test_repository_in_all_files_is_that_of_the_package():
    repository = re.search(r'^Repository = "https://github.com/(.+)"$', read("pyproject.toml"), re.MULTILINE)
    assert repository
    files = ["editors/vscode/package.json", "editors/zed/extension.toml"]
    files += ["README.md", "editors/agents/README.md", "editors/agents/.claude-plugin/plugin.json"]
    packaging = ["README.md", "server.json", "mason-package.yaml", "melpa-recipe", "nvim-lspconfig.lua"]
    for file in [*files, *(f"server/packaging/{name}" for name in packaging)]:
        found = re.findall(r'(?:github\.com/|github:|io\.github\.|add |:repo ")([\w-]+/semls)\b', read(file))
        assert set(found) == {repository[1]}, file


def test_dependencies_of_the_flake_are_those_of_the_package():
    listed = re.search(r"^dependencies = \[$(.+?)^\]$", read("pyproject.toml"), re.MULTILINE | re.DOTALL)
    assert listed
    names = re.findall(r'^    "([\w-]+)', listed[1], re.MULTILINE)
    packaged = re.search(
        r"dependencies = with python; \[(.+?)\]", read("server/packaging/flake.nix"), re.DOTALL
    )
    assert packaged
    assert packaged[1].split() == names


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
