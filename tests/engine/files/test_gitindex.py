"""The readers of git's configuration and index, compared with git itself."""

import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from semls.engine.files import gitconfig
from semls.engine.files.gitindex import IndexReader, TrackedPaths
from semls.engine.files.scan import scan
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

pytestmark = [
    pytest.mark.usefixtures("home"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX names"),
]


def finds_what_git_lists(root: Path) -> bool:
    """Return whether semls finds those files that git lists and that exist."""
    return found(root) == {path for path in git_listed(root) if (root / path).is_file()}


CONFIGS = [
    '[core]\n\texcludesFile = "~/own ignore"\n',
    "[CORE]\nEXCLUDESFILE=~/own",
    '; comment\n[core] # another\n  excludesfile = ~/"own" ; not this\n',
    '[core]\nexcludesfile = ~/"own \\\nignore"\n',
    "[core]\n  excludesfile = ~/none\n[user]\n  name = x\n[core]\n  excludesfile = ~/own\n",
    '\ufeff[core]\r\n\texcludesFile = ~/own\r\n[user "a"]\r\n\tname = y\r\n',
    "[core]\n\texcludesFile =\n",
    "[include]\n\tpath = other\n",
    '[includeIf "gitdir:~/work/"]\n\tpath = other\n',
    '[includeIf "gitdir:~/nowhere/"]\n\tpath = other\n',
    '[includeIf "gitdir/i:**/WORK/**/.git"]\n\tpath = ~/other\n',
    '[includeIf "gitdir:.git"]\n\tpath = other\n',
    '[includeIf "gitdir:./work/"]\n\tpath = other\n',
    "[core]\n\texcludesFile = ~/none\n[include]\n\tpath = other\n",
    "[include]\n\tpath = other\n[core]\n\texcludesFile = ~/none\n",
    "[include]\n\tpath = missing\n\tpath = other\n",
]
IGNORED = {"own": "*.e\n", "own ignore": "*.b\n", "other": "[core]\n\texcludesFile = ~/own\n"}
FILES: Tree = {"x.e": "", "x.b": "", "x.c": "", "x.d": "", "d/x.e": ""}


@pytest.mark.parametrize("config", CONFIGS)
def test_scan_with_user_configuration_ignores_what_git_ignores(home: Path, config: str) -> None:
    write_tree(home, {".gitconfig": config, "config/git/ignore": "*.c\n", **IGNORED})
    root = init_repository(home / "work/r", FILES)
    assert finds_what_git_lists(root)


@pytest.mark.parametrize("value", [".git/own", "own", "d/own", "~/own", "/nowhere"])
def test_scan_with_excludes_file_of_repository_ignores_what_git_ignores(home: Path, value: str) -> None:
    write_tree(home, {".gitconfig": "[core]\n\texcludesFile = ~/other", "other": "*.c\n", "own": "*.d\n"})
    root = init_repository(home / "r", FILES | {".git/own": "*.e\n", "own": "*.b\n", "d/own": "/d/*\n"})
    git(root, "config", "core.excludesFile", value)
    assert finds_what_git_lists(root)
    assert {path: reason for path, reason in skipped(root).items() if path != ".git/"} == dict.fromkeys(
        set(FILES | {"own": "", "d/own": ""}) - found(root), "ignored by git's core.excludesFile"
    )


def test_scan_with_configuration_in_other_files_ignores_what_git_ignores(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(home, {"config/git/config": "[core]\n\texcludesFile = ~/own\n", **IGNORED})
    write_tree(
        home,
        {"elsewhere": "[core]\n\texcludesFile = ~/ignore-b", "ignore-b": "*.b\n", "system": "[core]\n"},
    )
    root = init_repository(tmp_path / "r", FILES)
    assert finds_what_git_lists(root)
    assert found(root) == {"x.b", "x.c", "x.d"}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "elsewhere"))
    assert finds_what_git_lists(root)
    assert found(root) == {"d/x.e", "x.e", "x.c", "x.d"}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.delenv("GIT_CONFIG_NOSYSTEM")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(home / "elsewhere"))
    assert finds_what_git_lists(root)
    assert found(root) == {"d/x.e", "x.e", "x.c", "x.d"}


def test_scan_with_configuration_of_worktree_ignores_what_git_ignores(tmp_path: Path) -> None:
    main = init_repository(tmp_path / "main", {"own": "*.e\n"})
    git_commit(main)
    git(main, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = write_tree(tmp_path / "tree", FILES)
    git(main, "config", "extensions.worktreeConfig", "true")
    git(tree, "config", "--worktree", "core.excludesFile", str(main / "own"))
    assert finds_what_git_lists(tree)
    assert found(tree) == {"x.b", "x.c", "x.d"}


@pytest.mark.parametrize(
    "content",
    [
        "[include]\n" + "\tpath = config\n" * 1000,
        "[a" + " " * 500_000,
        '[a "' + "\\\\" * 250_000,
        '[a]\nb = "' + "\\\n" * 250_000,
        "[a]\nb = " + " \t" * 250_000 + "x",
        "[a]\n" + '"' * 500_000,
        "[" * 500_000,
    ],
    ids=range(7),
)
def test_read_with_hostile_configuration_is_fast(tmp_path: Path, content: str) -> None:
    write_tree(tmp_path, {".git/config": content})
    began = time.process_time()
    gitconfig.read(tmp_path / ".git")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "git",
    [
        {".git/config": "[core]\n\texcludesFile = ~a\0b\n"},
        {".git/config": "[core]\n\texcludesFile = a\0b\n"},
        {".git/config": "[include]\n\tpath = ~a\0b\n"},
        {".git/config": '[includeIf "gitdir:~a\0b"]\n\tpath = other\n'},
        {".git": "gitdir: a\0b\n"},
        {".git/commondir": "a\0b\n"},
    ],
    ids=range(6),
)
def test_scan_with_nul_in_git_files_finds_all_files(home: Path, git: Tree) -> None:
    write_tree(home, {".gitconfig": '[includeIf "gitdir:~/work/"]\n\tpath = other\n'})
    root = write_tree(home / "r", git | {"a.py": "", "d/b.py": ""})
    assert found(root) == {"a.py", "d/b.py"}


def test_scan_with_rule_for_tracked_files_finds_them(tmp_path: Path) -> None:
    tree = {".gitignore": "vendor/\nbuild/\n*.log\n", "vendor/lib/h.py": "", "vendor/lib/x.py": ""}
    init_repository(
        tmp_path, tree | {"build/step.py": "", "build/out.py": "", "a.log": "", "b.log": "", "vendor/y": ""}
    )
    git(tmp_path, "add", "-f", "vendor/lib/h.py", "build/step.py", "a.log")
    assert finds_what_git_lists(tmp_path)
    assert found(tmp_path) == {".gitignore", "vendor/lib/h.py", "build/step.py", "a.log"}
    assert skipped(tmp_path)["vendor/y"] == "ignored by .gitignore"
    git(tmp_path, "rm", "-q", "--cached", "a.log", "build/step.py")
    assert found(tmp_path) == {".gitignore", "vendor/lib/h.py"}
    assert skipped(tmp_path)["build/"] == "ignored by .gitignore"
    git(tmp_path, "add", "-f", "build/out.py")
    assert {item.path for item in scan(tmp_path, ["build/out.py", "build/step.py"])} == {
        "build/out.py",
        "build/step.py",
    }
    assert finds_what_git_lists(tmp_path)


def test_scan_with_tracked_files_applies_other_rules(tmp_path: Path) -> None:
    tree = {
        ".gitignore": "gen/\nlib/\n",
        ".semlsignore": "gen/a.sql\n!lib/mine/\n",
        "gen/a.sql": "",
        "gen/b.py": "",
    }
    init_repository(
        tmp_path, tree | {"gen/.env": "", "node_modules/a.js": "", "lib/mine/x": "", "lib/y": "", "lib/z": ""}
    )
    git(tmp_path, "add", "-f", ".")
    git(tmp_path, "rm", "-q", "--cached", "lib/mine/x", "lib/z")
    assert found(tmp_path) == {".gitignore", ".semlsignore", "gen/b.py", "lib/mine/x", "lib/y"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("version", ["2", "4", "split"])
def test_scan_of_random_repositories_with_tracked_files_finds_what_git_lists(
    tmp_path: Path, seed: int, version: str
) -> None:
    rng = random.Random(seed)
    for number in range(8):
        root = tmp_path / str(number)
        tree = random_tree(rng)
        init_repository(root, tree)
        if version != "split":
            git(root, "config", "index.version", version)
        for _ in range(2):
            some = rng.sample(sorted(tree), rng.randrange(len(tree)))
            if some:
                git(root, "--literal-pathspecs", "add", "-f", "--", *some)
            if version == "split":
                git(root, "update-index", "--split-index")
        assert finds_what_git_lists(root), tree


def test_tracked_paths_with_split_index_omit_deleted_entries(tmp_path: Path) -> None:
    names = [f"{number:03}.x" for number in range(300)]
    init_repository(tmp_path, dict.fromkeys(names, ""))
    write_tree(tmp_path, {".gitignore": "*.x\n"})
    git(tmp_path, "config", "splitIndex.maxPercentChange", "100")
    git(tmp_path, "add", "-f", ".")
    git(tmp_path, "update-index", "--split-index")
    git(tmp_path, "rm", "-q", "--cached", *names[70:200], *names[3::7])
    (tmp_path / names[0]).write_text("changed")
    git(tmp_path, "add", "-u")
    (shared,) = (tmp_path / ".git").glob("sharedindex.*")
    assert shared.stat().st_size > (tmp_path / ".git/index").stat().st_size
    assert finds_what_git_lists(tmp_path)
    assert len(found(tmp_path)) > 100


def test_tracked_paths_with_extended_entries_include_them(tmp_path: Path) -> None:
    tree = {
        ".gitignore": "*.x\n",
        "a.x": "",
        "b.x": "",
        "c.x": "",
        "d.x": "",
        "d" * 200 + "/" + "e" * 200 + ".x": "",
    }
    init_repository(tmp_path, tree)
    git(tmp_path, "add", "-f", "a.x", "d" * 200)
    git(tmp_path, "add", "-f", "-N", "b.x")
    git(tmp_path, "update-index", "--skip-worktree", "a.x")
    assert struct.unpack_from(">I", (tmp_path / ".git/index").read_bytes(), 4) == (3,)
    assert finds_what_git_lists(tmp_path)


def test_tracked_paths_with_long_paths_include_them(tmp_path: Path) -> None:
    folder = "/".join(["d" * 100] * 20)
    init_repository(tmp_path, {".gitignore": "/d*/\n", f"{folder}/a": "", f"{folder}/b": "", "e": ""})
    (tmp_path / ("f" * 200)).mkdir()
    for version in ("2", "4"):
        git(tmp_path, "config", "core.longpaths", "true")
        git(tmp_path, "add", "-f", f"{folder}/a", "e")
        git(tmp_path, "update-index", "--index-version", version)
        assert finds_what_git_lists(tmp_path)


@pytest.mark.parametrize("version", ["2", "4"])
def test_tracked_paths_with_sha256_are_read(tmp_path: Path, version: str) -> None:
    git(tmp_path, "init", "--quiet", "--template=", "--object-format=sha256")
    write_tree(tmp_path, {".gitignore": "*.x\n", "a.x": "", "b.x": "", "d/c.x": ""})
    git(tmp_path, "add", "-f", "a.x", "d")
    git(tmp_path, "update-index", "--index-version", version)
    assert finds_what_git_lists(tmp_path)
    assert found(tmp_path) == {".gitignore", "a.x", "d/c.x"}


def test_tracked_paths_with_sparse_checkout_are_read(tmp_path: Path) -> None:
    init_repository(tmp_path, {".gitignore": "*.x\n", "a/a.x": "", "b/b.x": "", "c.x": ""})
    git(tmp_path, "add", "-f", ".")
    git_commit(tmp_path)
    git(tmp_path, "sparse-checkout", "init", "--cone", "--sparse-index")
    git(tmp_path, "sparse-checkout", "set", "a")
    write_tree(tmp_path, {"a/z.x": ""})
    assert not (tmp_path / "b").exists()
    assert finds_what_git_lists(tmp_path)
    assert found(tmp_path) == {".gitignore", "a/a.x", "c.x"}


def test_tracked_paths_of_worktree_and_submodule_are_read(tmp_path: Path) -> None:
    inner = init_repository(tmp_path / "inner", {".gitignore": "*.x\n", "a.x": "", "b.x": ""})
    git(inner, "add", "-f", ".gitignore", "a.x")
    git_commit(inner)
    main = init_repository(tmp_path / "main", {".gitignore": "*.x\n/sub\n", "m.x": ""})
    git(main, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "-f", str(inner), "sub")
    git(main, "add", "-f", ".")
    git_commit(main)
    git(main, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = write_tree(tmp_path / "tree", {"n.x": ""})
    write_tree(main, {"sub/b.x": "", "n.x": ""})
    assert (main / "sub/.git").is_file()
    assert found(main) == {".gitignore", ".gitmodules", "m.x", "sub/.gitignore", "sub/a.x"}
    assert finds_what_git_lists(main / "sub")
    assert finds_what_git_lists(tree)
    assert found(tree) == {".gitignore", ".gitmodules", "m.x"}


def corrupt(content: bytes, rng: random.Random) -> bytes:
    """Change some bytes of an index, and truncate some indexes."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 20)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.choice([len(changed), rng.randrange(len(changed))])])


@pytest.mark.parametrize("version", ["2", "4", "split"])
def test_scan_with_corrupted_index_finds_other_files(tmp_path: Path, version: str) -> None:
    init_repository(
        tmp_path, {".gitignore": "*.x\n", "a.x": "", "b": "", **{f"d/{name}.x": "" for name in range(40)}}
    )
    git(tmp_path, "add", "-f", ".")
    git(
        tmp_path, "update-index", *(["--split-index"] if version == "split" else ["--index-version", version])
    )
    index, rng = tmp_path / ".git/index", random.Random(version)
    content = index.read_bytes()
    for _ in range(300):
        index.unlink()
        index.write_bytes(corrupt(content, rng))
        assert found(tmp_path) >= {".gitignore", "b"}
    index.unlink()
    os.mkfifo(index)
    assert found(tmp_path) == {".gitignore", "b"}


def test_scan_with_hostile_index_is_fast(tmp_path: Path) -> None:
    init_repository(tmp_path, {".gitignore": "*.x\n", "a.x": ""})
    entry = b"\0" * 60 + b"\0\1" + b"\0" + b"a" * 3000 + b"\0"
    count = 90_000
    (tmp_path / ".git/index").write_bytes(b"DIRC" + struct.pack(">II", 4, count) + entry * count + b"\0" * 20)
    began = time.process_time()
    assert found(tmp_path) == {".gitignore"}
    assert time.process_time() - began < 5


def test_tracked_paths_with_large_index_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init_repository(tmp_path, {".gitignore": "*.x\n", "a.x": "", "b.x": ""})
    blob = git(tmp_path, "hash-object", "-w", "a.x").strip()
    lines = [f"100644 {blob}\tsrc/module_{number // 50}/file_{number}.py\n" for number in range(100_000)]
    command = ["git", "-C", str(tmp_path), "update-index", "--index-info"]
    subprocess.run(command, input="".join([*lines, f"100644 {blob}\ta.x\n"]).encode(), check=True)
    opened = []

    def read(self: IndexReader, name: str) -> list[bytes]:
        opened.append(name)
        return paths(self, name)

    paths = IndexReader.paths
    monkeypatch.setattr(IndexReader, "paths", read)
    began = time.process_time()
    for _ in range(3):
        assert found(tmp_path) == {".gitignore", "a.x"}
    assert TrackedPaths(tmp_path / ".git").contains((tmp_path / "src/module_7").as_posix(), is_folder=True)
    assert opened == ["index"]
    assert time.process_time() - began < 5
