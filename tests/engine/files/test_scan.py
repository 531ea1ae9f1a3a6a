"""The walk through a workspace, and reads of its files."""

import contextlib
import os
import random
import socket
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from semls.engine.files import classify
from semls.engine.files.scan import Found, Skipped, path_to_rescan, read_file, scan
from semls.errors import UsageError
from semls.limits import MAX_FILE_BYTES
from tests.support.trees import (
    found,
    init_repository,
    read_reason,
    skipped,
    write_tree,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX names and files")

pytestmark = pytest.mark.usefixtures("home")


def test_scan_yields_sorted_paths_lazily_with_size_and_time(tmp_path: Path) -> None:
    write_tree(tmp_path, {"b/c.py": "12", "b.py": "", "b-a/x": "1", "a": "123"})
    os.utime(tmp_path / "a", ns=(5, 7_000_000_000))
    items = scan(tmp_path)
    assert next(items) == Found("a", 3, 7_000_000_000)
    rest = [item.path for item in items]
    assert rest == ["b-a/x", "b.py", "b/c.py"]
    assert [item.path for item in scan(tmp_path)] == ["a", *rest]


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_scan_of_missing_folder_raises_at_once(tmp_path: Path, name: str) -> None:
    write_tree(tmp_path, {"file": ""})
    with pytest.raises(UsageError, match=r"There is no folder .*: "):
        scan(tmp_path / name)


def test_scan_with_relative_root_finds_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_tree(tmp_path, {".gitignore": "/a/b", "a/b": "", "a/c": ""}))
    assert found(Path("a")) == {"b", "c"}
    assert found(Path()) == {".gitignore", "a/c"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs paths of several thousand bytes")
def test_scan_of_tree_deeper_than_recursion_limit_finds_file(tmp_path: Path) -> None:
    folders = [tmp_path / ("d/" * depth) for depth in range(1, 1500)]
    for folder in folders:
        folder.mkdir()
    assert list(scan(tmp_path)) == []
    write_tree(folders[-1], {"file": ""})
    assert found(tmp_path) == {"d/" * 1499 + "file"}
    # pytest's own cleanup is recursive and would fail.
    (folders[-1] / "file").unlink()
    for folder in reversed(folders):
        folder.rmdir()


def test_scan_with_folder_deleted_during_scan_skips_it(tmp_path: Path) -> None:
    items = scan(write_tree(tmp_path, {"a": "", "b/c": "", "d": ""}))
    assert next(items).path == "a"
    (tmp_path / "b/c").unlink()
    (tmp_path / "b").rmdir()
    assert [item.path for item in items] == ["b/", "d"]


def test_scan_with_file_deleted_during_scan_skips_it(tmp_path: Path) -> None:
    items = scan(write_tree(tmp_path, {"a": "", "b": "", "c": ""}))
    assert next(items).path == "a"
    (tmp_path / "b").unlink()
    assert [type(item) for item in items] == [Skipped, Found]
    assert read_reason(tmp_path, "b") == "unreadable: No such file or directory"


@posix_only
def test_scan_with_unusual_names_finds_files(tmp_path: Path) -> None:
    names = {"with space", "new\nline", "naïve", "🦀.rs", "e\u0301", "back\\slash", "-", " "}
    assert found(write_tree(tmp_path, dict.fromkeys(names, ""))) == names
    assert all(read_file(tmp_path, name) == b"" for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not UTF-8")
def test_scan_with_names_that_are_not_utf8_skips_files(tmp_path: Path) -> None:
    write_tree(tmp_path, {os.fsdecode(b"caf\xe9"): "", os.fsdecode(b"d\xff/x"): ""})
    assert list(scan(tmp_path)) == [
        Skipped("caf\\xe9", classify.NOT_UTF8),
        Skipped("d\\xff/", classify.NOT_UTF8),
    ]


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Apply permissions even if the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix_only
def test_scan_without_read_permission_skips_files() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = write_tree(Path(name), {"secret": "x", "vault/x": "", "open": "", ".gitignore": "open"})
        root.chmod(0o755)
        for path in ("secret", "vault", ".gitignore"):
            (root / path).chmod(0)
        with unprivileged():
            assert skipped(root) == {"vault/": "unreadable: Permission denied"}
            assert found(root) == {".gitignore", "open", "secret"}
            assert read_file(root, "secret") == Skipped("secret", "unreadable: Permission denied")
        (root / "vault").chmod(0o700)


def test_scan_can_be_abandoned(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"{number}/x": "" for number in range(9)})
    items = scan(tmp_path)
    assert [item.path for item in islice(items, 2)] == ["0/x", "1/x"]


@posix_only
def test_scan_with_links_skips_them_with_reason(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "root", {"file": "", "folder/x": ""})
    write_tree(tmp_path, {"out": ""})
    links = {"a": "file", "b": "folder", "c": "../out", "d": "nowhere", "e": "e", "f": "..", "folder/g": "."}
    for link, target in links.items():
        (root / link).symlink_to(target)
    reasons = {
        "a": classify.LINK_TO_FILE,
        "b": classify.LINK_TO_FOLDER,
        "c": classify.LINK_OUTSIDE,
        "d": classify.LINK_BROKEN,
        "e": classify.LINK_BROKEN,
        "f": classify.LINK_OUTSIDE,
        "folder/g": classify.LINK_TO_FOLDER,
    }
    assert skipped(root) == reasons
    assert {link: read_reason(root, link) for link in links} == reasons
    assert found(root) == {"file", "folder/x"}


@posix_only
def test_scan_with_link_as_root_finds_files(tmp_path: Path) -> None:
    write_tree(tmp_path, {"root/a": "1", "root/d/b": ""})
    (tmp_path / "link").symlink_to("root")
    (tmp_path / "root/c").symlink_to("d/b")
    assert found(tmp_path / "link") == {"a", "d/b"}
    assert skipped(tmp_path / "link") == {"c": classify.LINK_TO_FILE}
    assert read_file(tmp_path / "link", "a") == b"1"


@posix_only
def test_read_file_below_folder_replaced_by_link_skips_file(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"root/d/a": "in", "out/a": "out"}) / "root"
    (root / "d").rename(root / "old")
    (root / "d").symlink_to("../out")
    assert read_reason(root, "d/a") == classify.LINK_OUTSIDE


def test_read_file_outside_workspace_skips_file(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"root/d/a": "", "out": ""}) / "root"
    for path in ("../out", "d/../../out", "d/../d/a", str(tmp_path / "out")):
        assert read_reason(root, path) == classify.OUTSIDE
    assert read_reason(root, "d\0a") == classify.NOT_UTF8


@posix_only
def test_scan_and_read_file_with_special_files_skip_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    assert skipped(tmp_path) == {"fifo": classify.NOT_REGULAR, "socket": classify.NOT_REGULAR}
    assert all(read_reason(tmp_path, name) == classify.NOT_REGULAR for name in ("fifo", "folder", "socket"))


def test_scan_and_read_file_above_size_limit_skip_file(tmp_path: Path) -> None:
    half = MAX_FILE_BYTES // 2
    write_tree(tmp_path, {"at": "x" * half, "empty": "", "over": "x" * (half + 1)})
    assert [type(item) for item in scan(tmp_path, max_bytes=half)] == [Found, Found, Skipped]
    assert read_file(tmp_path, "at", half) == b"x" * half
    assert read_file(tmp_path, "over", half) == Skipped("over", "larger than 0.5 MiB")
    write_tree(tmp_path, {"big": "x" * (MAX_FILE_BYTES + 1)})
    assert skipped(tmp_path) == {"big": "larger than 1 MiB"} == {"big": read_reason(tmp_path, "big")}


def test_scan_and_read_file_with_large_notebook_return_it(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.ipynb": "x" * (3 * MAX_FILE_BYTES), "b.ipynb": "x" * (16 * MAX_FILE_BYTES + 1)})
    assert skipped(tmp_path) == {"b.ipynb": "larger than 16 MiB"}
    assert read_file(tmp_path, "a.ipynb") == b"x" * (3 * MAX_FILE_BYTES)
    assert read_reason(tmp_path, "b.ipynb") == "larger than 16 MiB"


def scanned_paths(root: Path, *paths: str) -> list[str]:
    return [item.path for item in scan(root, paths)]


def test_scan_of_paths_yields_what_is_at_and_below_them(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/b/c": "", "a/b/d": "", "a/bc": "", "a/e": "", "f": "", "g/h": ""})
    assert scanned_paths(tmp_path, "a/b") == ["a/b/c", "a/b/d"]
    assert scanned_paths(tmp_path, "a/b/d", "f") == ["a/b/d", "f"]
    assert scanned_paths(tmp_path, "a", "a/b/d") == ["a/b/c", "a/b/d", "a/bc", "a/e"]
    assert scanned_paths(tmp_path, "") == scanned_paths(tmp_path, "a", "f", "g")
    assert scanned_paths(tmp_path, "a/x", "x/y/z") == []
    assert scanned_paths(tmp_path, "f/y") == ["f"]  # it may have been a folder
    assert scanned_paths(tmp_path) == []


def test_scan_of_paths_applies_rules_of_parent_folders(tmp_path: Path) -> None:
    tree = {
        ".gitignore": "*.log\nout/\n",
        "a/.gitignore": "!b.log\n",
        "a/b.log": "",
        "a/c.log": "",
        "out/x/y": "",
    }
    init_repository(tmp_path, tree)
    assert list(scan(tmp_path, ["a/b.log", "a/c.log", "out/x/y"])) == [
        Found("a/b.log", 0, (tmp_path / "a/b.log").stat().st_mtime_ns),
        Skipped("a/c.log", "ignored by .gitignore"),
        Skipped("out/", "ignored by .gitignore"),
    ]


def test_scan_of_all_paths_equals_scan_of_root(tmp_path: Path) -> None:
    rng = random.Random(3)
    names = ["e", "f", "c.py", ".gitignore", "pyvenv.cfg"]
    for _ in range(60):
        folder = tmp_path.joinpath(*rng.choices(["a", "b", "node_modules", "d"], k=rng.randrange(4)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / rng.choice(names)).write_text(rng.choice(["b/\n", "*.py\n", "!c.py\n"]))
    whole = list(scan(tmp_path))
    for item in whole:
        assert list(scan(tmp_path, [item.path.rstrip("/")])) == [item]
    assert list(scan(tmp_path, [item.path.rstrip("/") for item in whole])) == whole


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.py", "a/b.py"),
        ("a/.gitignore", "a"),
        (".semlsignore", ""),
        ("a/.ignore", "a"),
        (".rgignore", ""),
        ("a/pyvenv.cfg", "a"),
        (".git/HEAD", ""),
        (".git", ""),
        (".git/config", ""),
        (".git/info/exclude", ""),
        ("a/.git/HEAD", "a"),
        (".git/index", None),
        (".git/objects/12/34", None),
        ("a/.hg/store", None),
    ],
)
def test_path_to_rescan_after_change_returns_path(path: str, expected: str | None) -> None:
    assert path_to_rescan(path) == expected
