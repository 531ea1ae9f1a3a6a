"""Which folders a call without `path` searches, and which workspace a path belongs to."""

import os

import pytest

from semls.errors import UsageError
from semls.mcp.scope import parse_scope, resolve_file


@pytest.fixture(autouse=True)
def no_variables(monkeypatch, home):
    for name in ("SEMLS_PATH", "CLAUDE_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return home


def test_working_directory_is_the_default(monkeypatch, shop):
    monkeypatch.chdir(shop / "store")
    scope = parse_scope("")
    assert (scope.workspaces, scope.globs) == ([str(shop)], [str(shop / "store")])
    assert scope.relative(str(shop / "store/session.rs")) == "session.rs"


def test_file_uris_are_paths(tmp_path):
    folder = tmp_path / "a b%"
    folder.mkdir()
    (folder / "a.py").touch()
    scope = parse_scope(folder.as_uri())
    assert scope.workspaces == [str(folder)]
    assert resolve_file((folder / "a.py").as_uri(), scope) == (str(folder / "a.py"), str(folder))


def test_variables_precede_the_working_directory(monkeypatch, shop, tmp_path):
    monkeypatch.chdir(os.sep)
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(tmp_path))
    assert parse_scope("").workspaces == [str(tmp_path)]
    monkeypatch.setenv("SEMLS_PATH", f"{shop}{os.pathsep}{tmp_path}")
    scope = parse_scope("")
    assert (scope.workspaces, scope.globs) == ([str(shop), str(tmp_path)], [])
    assert parse_scope("store").globs == [str(shop / "store")]


@pytest.mark.skipif(os.name == "nt", reason="the fixture hides only the home folder of POSIX")
@pytest.mark.parametrize("inside_home", [False, True])
def test_broad_working_directory_is_refused(monkeypatch, home, shop, inside_home):
    monkeypatch.chdir(home if inside_home else os.sep)
    with pytest.raises(UsageError, match=r"too broad to search: pass the project's folder as `path`"):
        parse_scope("")
    assert parse_scope("", str(shop / "store/session.rs")).workspaces == [str(shop)]


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no folder that is in use")
def test_deleted_working_directory_needs_an_absolute_path(monkeypatch, tmp_path, shop):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert parse_scope(str(shop)).workspaces == [str(shop)]
    with pytest.raises(UsageError, match="started in a folder that was deleted: pass"):
        parse_scope("")
    with pytest.raises(UsageError, match="which was deleted: pass an absolute path"):
        parse_scope("src")


def test_relative_path_of_the_environment_is_relative_to_the_working_directory(monkeypatch, tmp_path):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMLS_PATH", "project")
    assert parse_scope("").workspaces == [str(tmp_path / "project")]
    monkeypatch.setenv("SEMLS_PATH", "missing")
    with pytest.raises(UsageError, match=f"There is no folder {tmp_path}/missing: "):
        parse_scope("")


@pytest.mark.skipif(os.name == "nt", reason="the fixture hides only the home folder of POSIX")
def test_repository_of_the_home_folder_is_no_workspace(home):
    (home / ".git").mkdir(exist_ok=True)
    (home / "notes").mkdir(exist_ok=True)
    assert parse_scope(str(home / "notes")).workspaces == [str(home / "notes")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_characters_of_globs_in_names_match_themselves(tmp_path):
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "a{b,c}*"
    folder.mkdir()
    assert parse_scope(str(folder)).globs == [f"{tmp_path}/a?b,c??"]
