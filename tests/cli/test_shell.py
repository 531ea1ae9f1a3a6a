"""Tests of what connects the command line with the shell: completion, `open`, `clear`, and locations."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.commands import assert_fails


def complete(terminal, *words, shell="zsh"):
    """Return what a shell completes when the last word is incomplete."""
    environment = {
        **terminal.environment,
        "_SEMLS_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(("semls", *words)),
        "COMP_CWORD": str(len(words)),
        "COMP_LINE": " ".join(("semls", *words)),
        "COMP_WORD": words[-1],
    }
    command = [sys.executable, "-m", "semls"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["zsh", "powershell"])
def test_completion_knows_commands_options_languages_and_kinds(terminal, shell):
    assert "search" in complete(terminal, "sea", shell=shell)
    assert "--files-with-matches" in complete(terminal, "search", "--fi", shell=shell)
    assert "python" in complete(terminal, "search", "--lang", "pyt", shell=shell)
    assert "interface" in complete(terminal, "context", "--kind", "inter", shell=shell)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_script_names_the_variable(terminal, shell):
    done = terminal.run("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{shell}_complete" in done.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_completion_script_is_valid_in_bash(terminal):
    script = terminal.run("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="the editor is a shell script")
def test_open_passes_a_hit_of_the_last_search_to_the_editor(own_terminal, own_shop, tmp_path):
    assert_fails(own_terminal.run("open", 1), 2, "run `semls search` first")
    own_terminal.run("search", "--lexical", "evict_expired", "-k", 1, cwd=own_shop)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    editor.chmod(0o700)
    done = own_terminal.run("open", 1, cwd=tmp_path, VISUAL=str(editor))
    assert done.stdout.splitlines() == ["+27", str(own_shop / "store/session.rs")]
    assert_fails(own_terminal.run("open", 2), 2, "has 1 hit: ")
    for content in ("[", "[1]", "[[1, 2]]", '{"a": 1}'):
        (own_terminal.state / "last-search.json").write_text(content)
        assert_fails(own_terminal.run("open", 1), 2, "search again")


def test_clear_without_terminal_requires_the_option(own_terminal, own_shop):
    own_terminal.json("index", own_shop)
    assert_fails(own_terminal.run("clear", cwd=own_shop, stdin="n"), 2, "Pass --yes")
    assert list(own_terminal.cache.glob("*/index.sqlite"))


def test_why_of_a_folder_opens_no_other_workspace(own_terminal, own_shop):
    assert_fails(own_terminal.run("why", ".", cwd=own_shop / "api"), 2, "api is a folder that is indexed")
    assert_fails(own_terminal.run("why", own_shop / "api", cwd=own_shop / "api"), 2, "api is a folder")
    assert len(list(own_terminal.cache.glob("*/index.sqlite"))) == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
@pytest.mark.parametrize(("answer", "is_kept"), [(b"n\n", True), (b"y\n", False)])
def test_clear_in_terminal_asks_first(own_terminal, own_shop, answer, is_kept):
    import pty

    own_terminal.json("index", own_shop)
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "semls", "clear"]
    os.write(reader, answer)
    done = subprocess.run(
        command, cwd=own_shop, env=own_terminal.environment, stdin=writer, capture_output=True, check=False
    )
    os.close(writer)
    os.close(reader)
    assert f"Delete the index of {own_shop}?" in done.stderr.decode()
    assert done.returncode == (1 if is_kept else 0)
    assert bool(list(own_terminal.cache.glob("*/index.sqlite"))) == is_kept


def test_why_and_similar_use_the_repository_of_the_file(own_terminal, own_shop, tmp_path):
    (own_shop / ".git").mkdir()
    (tmp_path / "elsewhere").mkdir()
    why = own_terminal.json("why", f"{own_shop}/store/session.rs#L27", cwd=tmp_path / "elsewhere")
    assert (why["path"], why["language"]) == ("store/session.rs", "rust")
    done = own_terminal.run(
        "similar", "--lexical", f"{own_shop}/store/session.rs:20-30", cwd=tmp_path / "elsewhere"
    )
    assert done.stdout.splitlines()[0].endswith("shop/store/session.rs:20  SessionStore.sign_in")


def test_short_option_prints_help(terminal):
    assert terminal.run("search", "-h").stdout == terminal.run("search", "--help").stdout
