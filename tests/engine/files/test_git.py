"""Which repository a workspace belongs to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from semls.engine.files.git import repository_id


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


def git(root, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize(
    "address",
    [
        "git@example.org:team/project.git",
        "https://example.org/team/project",
        "https://user:secret@Example.org/team/project.git/",
        "ssh://git@example.org:2222/team/project.git",
    ],
)
def test_all_clones_have_one_name_and_no_password(root, address):
    git(root, "remote", "add", "fork", "https://example.org/fork")
    git(root, "remote", "add", "origin", address)
    (root / "deep").mkdir()
    assert repository_id(root) == repository_id(root / "deep") == "example.org/team/project"


def test_a_worktree_has_its_repository_s(root, tmp_path):
    git(root, "remote", "add", "upstream", "https://example.org/team/project")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "one")
    git(root, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert repository_id(tmp_path / "tree") == "example.org/team/project"


def test_without_a_remote_the_folder_gives_the_name(root, tmp_path):
    assert repository_id(root / ".git") == "project"
    (tmp_path / "plain").mkdir()
    assert repository_id(tmp_path / "plain") == "plain"


@pytest.mark.parametrize(
    "config", [b"\xff\xfe[", b'[remote "origin"]\nurl=http://[x\n', b"[remote " * 50_000]
)
def test_a_garbled_configuration_does_no_harm(root, config):
    (root / ".git/config").write_bytes(config)
    assert repository_id(root)


def test_repository_with_an_address_that_is_not_utf_8_is_text(root):
    (root / ".git/config").write_bytes(b'[remote "origin"]\nurl = http://example.org/caf\xe9.git\n')
    assert repository_id(root) == "example.org/caf?"


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_name_that_is_no_text_can_be_said(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"\xff")
    os.mkdir(folder)
    assert repository_id(Path(os.fsdecode(folder))) == "?"
