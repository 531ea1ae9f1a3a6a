"""Folders that are too broad to index, and how the command line and editors report them."""

import os
from functools import partial
from pathlib import Path

import pytest
from lsprotocol import types

from semls.engine.files.roots import refuse_broad
from semls.errors import BroadWorkspaceError
from tests.conftest import Terminal
from tests.support.fzf import run_pick
from tests.support.language_clients import editing, request
from tests.support.waiting import complete_answer


@pytest.fixture
def home(tmp_path, workspace):
    """Return a home folder that contains a project."""
    shop = workspace("shop")
    (tmp_path / "users/me").mkdir(parents=True)
    shop.rename(tmp_path / "users/me/shop")
    return tmp_path / "users/me"


@pytest.fixture
def terminal(tmp_path, home):
    started = Terminal(tmp_path / "semls")
    started.environment |= {"HOME": str(home), "USERPROFILE": str(home)}
    yield started
    started.stop()


def test_refuse_broad_with_home_and_its_parents_raises(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for folder in (home, *home.parents, Path(os.path.expanduser("~"))):
        with pytest.raises(BroadWorkspaceError):
            refuse_broad(folder)
    for folder in (home / "shop", home.parent / "other"):
        refuse_broad(folder)


@pytest.mark.parametrize(
    "command",
    [
        ["index", "."],
        ["search", "x"],
        ["context", "x"],
        ["pick", "x"],
        ["similar", "shop/store/session.rs:27"],
        ["status", "."],
    ],
    ids=lambda command: command[0],
)
def test_command_in_home_folder_fails(terminal, home, command):
    done = terminal.run(*command, cwd=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{home} is not indexed, because it is your home folder" in done.stderr
    assert "pass --force" in done.stderr


def test_command_with_force_indexes_home_folder(terminal, home, tmp_path):
    assert terminal.run("index", home).returncode == 2
    assert terminal.json("index", home, "--force")["files"] == 7
    found = terminal.json("search", "evict_expired", "--path", home, "--force")
    assert found["hits"][0]["path"] == "shop/store/session.rs"
    assert terminal.run("search", "evict_expired", "--path", home).returncode == 2
    assert b"evict" in run_pick(terminal, tmp_path / "tools", home, "evict", "--force").rows
    assert terminal.run("clear", "--yes", home).returncode == 0
    assert terminal.run("index", home.parent).returncode == 2
    assert terminal.run("index", home / "shop").returncode == 0


async def test_editor_with_home_folder_warns_once_and_serves_other_folders(terminal, home):
    async with editing((home, terminal), ".", "shop") as client:
        search = partial(request, client, "semls/search", {"query": "evict_expired"})
        answer = await complete_answer(search)
        assert answer["hits"][0]["path"] == "store/session.rs"
        (folder,) = (await request(client, "semls/status", None))["folders"]
        assert folder["workspace"] == str(home / "shop")
        await request(client, "semls/context", {"query": "evict_expired"})
        warnings = [one for one in client.messages if "is not indexed" in one.message]
        assert [one.type for one in warnings] == [types.MessageType.Warning]
