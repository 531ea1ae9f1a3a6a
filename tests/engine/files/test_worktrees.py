"""Linked worktrees (`git worktree add`) in a workspace."""

from pathlib import Path

import pytest

from semls.engine.files import classify
from semls.engine.files.ignore import IGNORED_BY_DEFAULT
from tests.support.trees import found, git, git_commit, init_repository, skipped, write_tree

pytestmark = pytest.mark.usefixtures("home")


def linked_worktree(repository: Path, path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "--detach", str(path))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = init_repository(tmp_path / "repository", {"a.py": "", "sub/b.py": ""})
    git(root, "add", ".")
    git_commit(root)
    return root


def test_scan_of_repository_skips_its_linked_worktrees(repository: Path) -> None:
    linked_worktree(repository, repository / ".worktrees/feature")
    linked_worktree(repository, repository / "sub/other")
    assert found(repository) == {"a.py", "sub/b.py"}
    assert skipped(repository) == {
        ".git/": IGNORED_BY_DEFAULT,
        ".worktrees/feature/": classify.LINKED_WORKTREE,
        "sub/other/": classify.LINKED_WORKTREE,
    }
    assert found(repository / "sub") == {"b.py"}
    assert found(repository / ".worktrees/feature") == {"a.py", "sub/b.py"}
    assert found(repository / ".worktrees/feature/sub") == {"b.py"}


def test_scan_of_linked_worktree_skips_others_in_it(repository: Path, tmp_path: Path) -> None:
    linked_worktree(repository, tmp_path / "first")
    linked_worktree(repository, tmp_path / "first/second")
    assert found(tmp_path / "first") == {"a.py", "sub/b.py"}


def test_scan_of_folder_above_repository_skips_its_linked_worktrees(repository: Path, tmp_path: Path) -> None:
    linked_worktree(repository, tmp_path / "linked")
    other = init_repository(tmp_path / "other", {"c.py": ""})
    assert found(tmp_path) == {"repository/a.py", "repository/sub/b.py", "other/c.py"}
    assert found(other) == {"c.py"}


def test_scan_of_folder_with_linked_worktree_of_repository_elsewhere_finds_its_files(
    repository: Path, tmp_path: Path
) -> None:
    linked_worktree(repository, tmp_path / "work/linked")
    assert found(tmp_path / "work") == {"linked/a.py", "linked/sub/b.py"}


def test_scan_of_folder_with_worktrees_of_bare_repository_finds_all(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "work/project.git")
    linked_worktree(tmp_path / "work/project.git", tmp_path / "work/one")
    assert found(tmp_path / "work") >= {"one/a.py", "one/sub/b.py"}


def test_semlsignore_keeps_linked_worktree(repository: Path) -> None:
    linked_worktree(repository, repository / "linked")
    write_tree(repository, {".semlsignore": "!linked/\n"})
    assert found(repository) == {".semlsignore", "a.py", "sub/b.py", "linked/a.py", "linked/sub/b.py"}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "gitdir:",
        "gitdir: ../.git",
        "gitdir: ../.git/worktrees/none",
        "gitdir: \0",
        "gitdir: /",
        "x" * 5000,
    ],
)
def test_scan_of_folder_with_other_git_file_finds_its_files(repository: Path, line: str) -> None:
    write_tree(repository, {"vendored/.git": line, "vendored/c.py": ""})
    assert "vendored/c.py" in found(repository)


def test_scan_of_folder_with_bare_repository_as_git_file_finds_worktrees(
    repository: Path, tmp_path: Path
) -> None:
    project = write_tree(tmp_path / "project", {".git": "gitdir: ./.bare\n"})
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(project / ".bare"))
    linked_worktree(project / ".bare", project / "feature")
    assert found(project) >= {"feature/a.py", "feature/sub/b.py"}
    linked_worktree(project / ".bare", project / "feature/nested")
    assert not any(path.startswith("nested/") for path in found(project / "feature"))
