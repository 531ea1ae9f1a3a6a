"""Ignore rules, compared with git itself where git has them."""

import os
import random
import sys
import time
from pathlib import Path

import pytest

from semls.engine.files.ignore import IGNORED_BY_DEFAULT
from tests.support.trees import (
    Tree,
    found,
    git,
    git_commit,
    git_listed,
    init_repository,
    random_tree,
    skipped,
    write_tree,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX names and files")

pytestmark = pytest.mark.usefixtures("home")


LAYOUTS: list[Tree] = [
    {".gitignore": "*.log\n!keep.log", "a.log": "", "keep.log": "", "d/a.log": "", "d/keep.log": ""},
    {".gitignore": "!keep.log\n*.log", "keep.log": ""},
    {
        ".gitignore": "*.log",
        "d/.gitignore": "!*.log",
        "d/e/.gitignore": "x.log",
        "d/a.log": "",
        "d/e/x.log": "",
    },
    {".gitignore": "d/\n!d/keep", "d/keep": ""},
    {".gitignore": "d/*\n!d/keep", "d/keep": "", "d/x": ""},
    {".gitignore": "d/**\n!d/keep", "d/keep": "", "d/e/keep": ""},
    {".gitignore": "/d/*\n!/d/e/\n/d/e/*\n!/d/e/keep", "d/x": "", "d/e/x": "", "d/e/keep": ""},
    {".gitignore": "d/", "d/.gitignore": "!x", "d/x": ""},
    {".gitignore": "*\n!*/\n!*.py", "a.py": "", "d/a.py": "", "d/a.js": ""},
    {".gitignore": "*\n!.gitignore\n!d", "d/x": "", "x": ""},
    {".gitignore": "/a\nb/c", "a": "", "d/a": "", "b/c": "", "d/b/c": ""},
    {"d/.gitignore": "/a\nb/c", "a": "", "d/a": "", "d/b/c": "", "d/e/b/c": ""},
    {".gitignore": "a/", "a/x": "", "b/a": "", "c/a/x": ""},
    {".gitignore": "**/a\nb/**/c\nd/**", "a": "", "x/a": "", "b/c": "", "b/x/y/c": "", "d/e/f": "", "bc": ""},
    {
        ".gitignore": "a**b\nc**/d\n/e**\n***/f/***",
        "axb": "",
        "a/b": "",
        "c/d": "",
        "cx/y/d": "",
        "ex/y": "",
        "g/f/h": "",
    },
    {".gitignore": "**/", "a": "", "d/a": ""},
    {
        ".gitignore": "a \nb\\ \nc\\  \n d\ne\t",
        "a": "",
        "b ": "",
        "b": "",
        "c ": "",
        "d": "",
        " d": "",
        "e": "",
    },
    {".gitignore": "#a\n\\#b\n\\!c\n!d\n\n/\n!\n//", "#a": "", "#b": "", "!c": "", "d": ""},
    {
        ".gitignore": "[ab]x\n[!c]y\n[^d]z\n[e-g]w",
        "ax": "",
        "cx": "",
        "cy": "",
        "dy": "",
        "dz": "",
        "ez": "",
        "fw": "",
    },
    {".gitignore": "d/[!x]/a\nd[!x]e", "d/y/a": "", "d/x/a": "", "d/e": "", "dye": ""},
    {
        ".gitignore": "[[:digit:]]\n[[:upper:][:space:]]x\n[[:no:]]",
        "1": "",
        "a": "",
        "Ax": "",
        " x": "",
        "n": "",
    },
    {
        ".gitignore": "[]-]a\n[a\\]b]b\n[z-a]\n[--0]c\n[!]d]e",
        "]a": "",
        "-a": "",
        "]b": "",
        "z": "",
        "a": "",
        ".c": "",
        "xe": "",
    },
    {".gitignore": "[\n[a\n\\\nb\\", "[": "", "[a": "", "a": "", "b": "", "b\\": ""},
    {".gitignore": "a?c\n\\*d\n\\?e\n\\f", "abc": "", "a/c": "", "*d": "", "xd": "", "?e": "", "f": ""},
    {".gitignore": "\ufeffa\nb\r\nc", "a": "", "b": "", "c": ""},
    {".gitignore": "foo/bar/\n*.d/", "foo/bar/x": "", "foo/bar.d/x": "", "x.d": ""},
    {".gitignore": "ä*\n[é]", "ärger": "", "é": "", "e": ""},
    {".gitignore": "d", ".git/info/exclude": "*.tmp\n!d", "a.tmp": "", "d": ""},
    {
        ".gitignore": "!b.tmp",
        ".git/info/exclude": "*.tmp\n/x/y",
        "a.tmp": "",
        "b.tmp": "",
        "x/y": "",
        "z/x/y": "",
    },
]


@posix_only
@pytest.mark.parametrize("tree", LAYOUTS, ids=lambda tree: repr(tree.get(".gitignore", "")))
def test_scan_of_repository_ignores_same_files_as_git(tmp_path: Path, tree: Tree) -> None:
    init_repository(tmp_path, tree)
    assert found(tmp_path) == git_listed(tmp_path)


@posix_only
@pytest.mark.parametrize("seed", range(6))
def test_scan_of_random_repositories_ignores_same_files_as_git(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(50):
        root = tmp_path / str(number)
        tree = random_tree(rng)
        init_repository(root, tree)
        assert found(root) == git_listed(root), tree


@posix_only
def test_global_ignore_file_is_relative_to_repository(tmp_path: Path, home: Path) -> None:
    write_tree(home, {"config/git/ignore": "*.swp\n/sub/x"})
    init_repository(
        tmp_path, {"a.swp": "", "sub/x": "", "sub/sub/x": "", "sub/.gitignore": "!b.swp", "sub/b.swp": ""}
    )
    assert found(tmp_path) == git_listed(tmp_path) == {"sub/.gitignore", "sub/b.swp", "sub/sub/x"}
    assert skipped(tmp_path)["a.swp"] == "ignored by git's global ignore file"
    assert found(tmp_path / "sub") == git_listed(tmp_path / "sub")


def test_global_ignore_file_without_xdg_config_home_is_read_from_home(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    write_tree(home, {".config/git/ignore": "a"})
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", str(home)))
    assert found(write_tree(tmp_path, {"a": "", "b": ""})) == {"b"}


def test_scan_of_subfolder_of_repository_applies_parent_rules(tmp_path: Path) -> None:
    tree = {".gitignore": "*.log\n/sub/x\nd/", "sub/.gitignore": "!b.log", ".git/info/exclude": "*.tmp"}
    paths = ["a.log", "b.log", "x", "a.tmp", "e/x", "e/d/y", "keep"]
    init_repository(tmp_path, tree | {f"sub/{path}": "" for path in paths})
    assert found(tmp_path / "sub") == git_listed(tmp_path / "sub") == {".gitignore", "b.log", "e/x", "keep"}
    assert skipped(tmp_path / "sub") == {
        "a.log": "ignored by ../.gitignore",
        "a.tmp": "ignored by ../.git/info/exclude",
        "e/d/": "ignored by ../.gitignore",
        "x": "ignored by ../.gitignore",
    }
    assert found(tmp_path / "sub/e") == {"x"}


def test_scan_of_ignored_folder_as_root_finds_files(tmp_path: Path) -> None:
    init_repository(
        tmp_path, {".gitignore": "*", "work/here/a": "", "work/here/.gitignore": "b", "work/here/b": ""}
    )
    assert found(tmp_path / "work/here") == {".gitignore", "a"}


def test_scan_of_nested_repository_does_not_inherit_git_rules(tmp_path: Path) -> None:
    init_repository(tmp_path, {".gitignore": "*.log\nlost/", ".semlsignore": "*.txt", "a.log": ""})
    init_repository(tmp_path / "inner", {"a.log": "", "b": "", "c.txt": "", ".git/info/exclude": "b"})
    init_repository(tmp_path / "lost", {"a": ""})
    assert found(tmp_path / "inner") == {"a.log", "c.txt"}
    assert found(tmp_path) == {".gitignore", ".semlsignore", "inner/a.log"}
    assert skipped(tmp_path)["inner/b"] == "ignored by inner/.git/info/exclude"


def test_scan_of_worktree_with_git_file_ignores_same_files_as_git(tmp_path: Path) -> None:
    main = init_repository(tmp_path / "main", {"a": "", ".gitignore": "*.log", ".git/info/exclude": "*.tmp"})
    git(main, "add", ".")
    git_commit(main)
    git(main, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = write_tree(tmp_path / "tree", {"a.log": "", "a.tmp": "", "b": ""})
    assert (tree / ".git").is_file()
    assert found(tree) == git_listed(tree) == {".gitignore", "a", "b"}
    assert skipped(tree)[".git"] == IGNORED_BY_DEFAULT


def test_scan_with_broken_git_file_finds_files(tmp_path: Path) -> None:
    assert found(write_tree(tmp_path, {".git": "gitdir: \0nowhere", "a": ""})) == {"a"}


def test_gitignore_without_repository_is_applied(tmp_path: Path) -> None:
    write_tree(tmp_path, {".gitignore": "*.log", "a.log": "", "d/.gitignore": "!a.log", "d/a.log": ""})
    assert found(tmp_path) == {".gitignore", "d/.gitignore", "d/a.log"}


def test_semlsignore_takes_precedence_over_gitignore(tmp_path: Path) -> None:
    tree = {".gitignore": "gen/\n*.log", "gen/a": "", "a.log": "", "sub/b.log": "", "sub/c.sql": ""}
    rules = {".semlsignore": "!gen/\n*.sql", "sub/.semlsignore": "!c.sql\n!*.log", "sub/.gitignore": "*.sql"}
    write_tree(tmp_path, tree | rules | {"d.sql": ""})
    assert found(tmp_path) == {"gen/a", "sub/b.log", "sub/c.sql", *rules, ".gitignore"}
    assert skipped(tmp_path) == {"a.log": "ignored by .gitignore", "d.sql": "ignored by .semlsignore"}


def test_semlsignore_above_workspace_in_repository_is_applied(tmp_path: Path) -> None:
    init_repository(tmp_path, {".semlsignore": "*.sql", "sub/a.sql": "", "sub/b": ""})
    assert found(tmp_path / "sub") == {"b"}


def test_scan_skips_default_folders(tmp_path: Path) -> None:
    paths = ["node_modules/a.js", "d/__pycache__/a.py", "env/pyvenv.cfg", ".hg/a", ".git/config"]
    write_tree(tmp_path, dict.fromkeys([*paths, "venv/a.py", "node_modules.js"], ""))
    assert found(tmp_path) == {"venv/a.py", "node_modules.js"}
    assert skipped(tmp_path) == dict.fromkeys(
        [".git/", ".hg/", "d/__pycache__/", "env/", "node_modules/"], IGNORED_BY_DEFAULT
    )


@pytest.mark.parametrize("name", [".gitignore", ".semlsignore"])
def test_ignore_file_with_negated_default_keeps_folder(tmp_path: Path, name: str) -> None:
    rules = {name: "!node_modules/\n!/env\n!.git\n!.hg/"}
    write_tree(tmp_path, rules | {"node_modules/a": "", "env/pyvenv.cfg": "", ".git/a": "", ".hg/a": ""})
    assert found(tmp_path) == {name, "node_modules/a", "env/pyvenv.cfg"}


def test_scan_of_virtual_environment_as_root_finds_files(tmp_path: Path) -> None:
    assert found(write_tree(tmp_path, {"pyvenv.cfg": ""})) == {"pyvenv.cfg"}


@posix_only
def test_ignore_files_that_are_not_regular_are_not_read(tmp_path: Path) -> None:
    write_tree(tmp_path, {"rules": "a", "a": "", "d/a": ""})
    (tmp_path / ".gitignore").symlink_to("rules")
    os.mkfifo(tmp_path / ".semlsignore")
    (tmp_path / "d/.gitignore").mkdir()
    assert found(tmp_path) == {"a", "d/a", "rules"}


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 20 + "b",
        "**/a/" * 20 + "b",
        "**/*a*a*a/" * 8 + "b",
        "**/*a*a*a/**/" * 300 + "b",
        "[" + "[:" * 30_000 + "y]",
        "[" + "[:" * 30_000,
    ],
    ids=lambda pattern: pattern[:20],
)
def test_scan_with_hostile_pattern_is_fast(tmp_path: Path, pattern: str) -> None:
    write_tree(
        tmp_path, {".gitignore": pattern, "a" * 200: "", "a/" * 80 + "x": "", "aaaaaaaaaaaa/" * 40 + "x": ""}
    )
    began = time.monotonic()
    assert len(found(tmp_path)) == 4
    assert time.monotonic() - began < 5


def test_gitignore_with_5000_rules_applies_last_match(tmp_path: Path) -> None:
    lines = [f"{'!' * (number % 2)}{number}.x" for number in range(5000)]
    write_tree(tmp_path, {".gitignore": "\n".join(["*.x", *lines]), "17.x": "", "18.x": "", "x": ""})
    assert found(tmp_path) == {".gitignore", "17.x", "x"}


def test_ignore_file_above_size_limit_applies_complete_lines(tmp_path: Path) -> None:
    rules = "a\n" + "#" * 65000 + "\nb\n" + "c" * 1000
    write_tree(tmp_path, {".gitignore": rules, "a": "", "b": "", "c" * 200: ""})
    assert found(tmp_path) == {".gitignore", "c" * 200}


def test_rgignore_precedes_ignore_and_ignore_precedes_gitignore_at_any_depth(tmp_path: Path) -> None:
    rules = {
        ".gitignore": "*.log\nout/\n",
        ".ignore": "!keep.log\n!out/\n*.txt\n",
        ".rgignore": "!notes.txt\n*.md\n",
        "d/.gitignore": "keep.log\n",
        "d/.ignore": "!*.md\nnotes.txt\n!b.log\n",
    }
    names = ["a.log", "keep.log", "a.txt", "notes.txt", "a.md"]
    tree = dict.fromkeys([*names, *(f"d/{name}" for name in names), "d/b.log", "out/x"], "")
    write_tree(tmp_path, rules | tree)
    kept = {"keep.log", "notes.txt", "d/keep.log", "d/notes.txt", "d/b.log", "out/x"}
    assert found(tmp_path) == {*rules, *kept}
    assert skipped(tmp_path) == {
        "a.log": "ignored by .gitignore",
        "a.md": "ignored by .rgignore",
        "a.txt": "ignored by .ignore",
        "d/a.log": "ignored by .gitignore",
        "d/a.md": "ignored by .rgignore",
        "d/a.txt": "ignored by .ignore",
    }


def test_ignore_file_applies_to_tracked_files_and_to_nested_repositories(tmp_path: Path) -> None:
    init_repository(tmp_path, {"a.x": "", "b": "", ".ignore": "*.x\n"})
    git(tmp_path, "add", ".")
    init_repository(tmp_path / "inner", {"c.x": "", "d": "", ".gitignore": "!c.x"})
    assert found(tmp_path) == {".ignore", "b", "inner/d", "inner/.gitignore"}


def test_ignore_file_does_not_keep_secrets_and_yields_to_semlsignore(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {".ignore": "!.env\n*.sql\n", ".semlsignore": "!a.sql", "a.sql": "", "b.sql": "", ".env": ""},
    )
    assert found(tmp_path) == {".ignore", ".semlsignore", "a.sql"}


def test_ignore_files_above_workspace_are_applied_without_and_above_a_repository(tmp_path: Path) -> None:
    rules = {
        ".ignore": "*.log\n/p/q/x\n",
        ".rgignore": "!b.log\n",
        ".gitignore": "*.py\n",
        ".semlsignore": "*.py\n",
    }
    write_tree(
        tmp_path, rules | dict.fromkeys(["p/q/a.log", "p/q/b.log", "p/q/x", "p/q/r/x", "p/q/c.py"], "")
    )
    expected = {"b.log", "r/x", "c.py"}
    assert found(tmp_path / "p/q") == expected
    assert skipped(tmp_path / "p/q")["a.log"] == "ignored by ../../.ignore"
    init_repository(tmp_path / "p", {})
    assert found(tmp_path / "p/q") == expected


def test_workspace_that_an_ignore_file_above_excludes_is_scanned(tmp_path: Path) -> None:
    write_tree(
        tmp_path, {".ignore": "p/\n*.log\n", "p/a.log": "", "p/q/.ignore": "b", "p/q/a": "", "p/q/b": ""}
    )
    assert found(tmp_path / "p/q") == {".ignore", "a"}
    assert found(tmp_path / "p") == {"a.log", "q/.ignore", "q/a"}
