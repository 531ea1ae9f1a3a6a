"""Identifiers of repositories."""

import os
import sys
from pathlib import Path

import pytest

from semls.engine.files.git import repository_id
from tests.support.trees import git, git_commit, init_repository


@pytest.fixture
def root(tmp_path):
    return init_repository(tmp_path / "project", {})


@pytest.mark.parametrize(
    "url",
    [
        "git@example.org:team/project.git",
        "https://example.org/team/project",
        "https://user:secret@Example.org/team/project.git/",
        "ssh://git@example.org:2222/team/project.git",
    ],
)
def test_repository_id_of_clones_is_equal_and_has_no_password(root, url):
    git(root, "remote", "add", "fork", "https://example.org/fork")
    git(root, "remote", "add", "origin", url)
    (root / "deep").mkdir()
    assert repository_id(root) == repository_id(root / "deep") == "example.org/team/project"


def test_repository_id_of_worktree_is_that_of_repository(root, tmp_path):
    git(root, "remote", "add", "upstream", "https://example.org/team/project")
    git_commit(root)
    git(root, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert repository_id(tmp_path / "tree") == "example.org/team/project"


def test_repository_id_without_remote_is_folder_name(root, tmp_path):
    assert repository_id(root / ".git") == "project"
    (tmp_path / "plain").mkdir()
    assert repository_id(tmp_path / "plain") == "plain"


@pytest.mark.parametrize(
    "config", [b"\xff\xfe[", b'[remote "origin"]\nurl=http://[x\n', b"[remote " * 50_000]
)
def test_repository_id_with_invalid_configuration_is_not_empty(root, config):
    (root / ".git/config").write_bytes(config)
    assert repository_id(root)


def test_repository_id_with_url_that_is_not_utf8_replaces_bytes(root):
    (root / ".git/config").write_bytes(b'[remote "origin"]\nurl = http://example.org/caf\xe9.git\n')
    assert repository_id(root) == "example.org/caf?"


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not UTF-8")
def test_repository_id_with_folder_name_that_is_not_utf8_replaces_bytes(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"\xff")
    os.mkdir(folder)
    assert repository_id(Path(os.fsdecode(folder))) == "?"
