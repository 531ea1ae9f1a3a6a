"""Tests of the output: closed, full and narrow terminals, encodings, escape sequences and progress."""

import os
import re
import subprocess
import sys

import pytest

from tests.support.commands import assert_fails, read_all, run_in_pseudoterminal, run_shell


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe has another error on Windows")
def test_search_into_closed_pipe_exits_like_sigpipe(terminal, shop):
    terminal.json("index", shop)
    with subprocess.Popen(
        [sys.executable, "-m", "semls", "search", "session", "-k", "50"],
        cwd=shop,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as search:
        assert search.stdout
        search.stdout.close()
        assert search.stderr
        assert search.stderr.read() == b""
    assert search.returncode == 141  # 1 would mean "no hits"


COMMANDS = [
    "search --lexical evict",
    "search --lexical evict --json",
    "similar --lexical store/session.rs:27",
    "context --lexical evict",
    "index",
    "status",
    "status --json",
    "files",
    "files --skipped --json",
    "why store/session.rs",
    "doctor",
    "engine status",
    "--help",
    "--version",
    "search --help",
]


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_command_with_full_or_closed_output_says_so(terminal, own_shop):
    terminal.json("index", own_shop)
    for command in COMMANDS:
        done = run_shell(terminal, f"$semls {command} > /dev/full", own_shop)
        assert_fails(done, 3, "The output cannot be written: No space")
    for command in ("search --lexical evict", "search --lexical evict --json", "--help"):
        assert_fails(
            run_shell(terminal, f"$semls {command} >&-", own_shop), 3, "The output cannot be written"
        )
        assert run_shell(terminal, f"$semls {command} 2> /dev/full", own_shop).returncode == 0
        assert run_shell(terminal, f"$semls {command} <&- 2>&-", own_shop).returncode == 0
    assert run_shell(terminal, "$semls clear --yes >&-", own_shop).returncode == 0  # it prints nothing


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_command_with_limited_encoding_escapes_characters(terminal, tmp_path, encoding):
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a.py").write_text("def upload():\n    return 'L\u00e4dt \u2713'\n", "utf-8")
    for command in (
        "search --lexical --full upload",
        "context --lexical upload",
        "similar --lexical a.py:1",
        "--help",
    ):
        done = run_shell(terminal, f"$semls {command}", folder, PYTHONIOENCODING=encoding)
        assert (done.returncode in (0, 1), done.stderr) == (True, "")
        assert "help" in command or "similar" in command or "\\u2713" in done.stdout


def test_search_escapes_control_characters_of_files(terminal, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.py").write_text("def evil():\n    return '\x1b]0;owned\x07 \u202e'\n")
    done = terminal.run("search", "evil", cwd=tmp_path / "w")
    assert r"'\x1b]0;owned\x07 \u202e'" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


@pytest.mark.parametrize("columns", ["0", "1", "-5", "none", "\u00b2"])
def test_invalid_terminal_width_is_ignored(own_terminal, columns):
    assert "No engine" in own_terminal.run("engine", "status", COLUMNS=columns, LINES=columns).stdout
    assert "Show this message" in own_terminal.run("--help", COLUMNS=columns).stdout


def search_in_terminal(terminal, folder, *arguments, columns=80, rows=24, pager="cat"):
    """Return what `semls search` prints in a pseudoterminal, without styles and links."""
    return run_in_pseudoterminal(
        terminal, folder, "search", "--lexical", *arguments, columns=columns, rows=rows, PAGER=pager
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
@pytest.mark.parametrize(("columns", "rows"), [(34, 10), (40, 24), (80, 24), (200, 60)])
def test_search_in_terminal_fits_into_it(terminal, shop, columns, rows):
    terminal.json("index", shop)
    output = search_in_terminal(terminal, shop, "the goods of an order", columns=columns, rows=rows)
    lines = output.rstrip("\n").split("\n")
    assert len(lines) < rows
    assert max(map(len, lines)) <= columns
    assert lines[:2] == ["", "api/orders.go"]
    assert re.match(r"  1  14: Order\b", lines[2])


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
def test_search_in_terminal_with_full_code_prints_it_in_the_styles_of_its_language(terminal, shop):
    terminal.json("index", shop)
    output = search_in_terminal(terminal, shop, "evict_expired", "-k", "1", "--full", columns=30)
    assert "pub fn evict_expired(&mut self" in output


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
def test_search_in_terminal_passes_to_the_pager_what_is_longer_than_the_screen(terminal, shop, tmp_path):
    (tmp_path / "page").write_text('#!/bin/sh\nprintf "%s %s\\n" "page of" "$1"\ncat\n')
    (tmp_path / "page").chmod(0o755)
    for pager, heading in ((f"{tmp_path}/page semls", "page of semls\n"), ("", ""), ("/gone/page", "")):
        shown = search_in_terminal(terminal, shop, "evict_expired", "--full", rows=10, pager=pager)
        assert shown.startswith(f"{heading}\nstore/session.rs\n")
    shown = search_in_terminal(
        terminal, shop, "evict_expired", "--full", "-k1", rows=40, pager=f"{tmp_path}/page"
    )
    assert "page of" not in shown


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
def test_search_in_terminal_prints_the_hits_that_a_pipe_gets_below_their_files(terminal, shop):
    question = "the goods of an order of a session"
    in_pipe = terminal.run("search", "--lexical", question, cwd=shop).stdout
    piped = re.findall(r"^ +(\d+)  (\S+):(\d+)  (.+?) — ", in_pipe, re.MULTILINE)
    printed = search_in_terminal(terminal, shop, question, columns=200, rows=60)
    groups = re.split(r"\n\n(?=\S)", printed.removeprefix("\n"))
    hits = [
        (rank, path, line, name)
        for path, _, lines in (group.partition("\n") for group in groups)
        for rank, line, name in re.findall(r"^ +(\d+)  (\d+): (.+?) — ", lines, re.MULTILINE)
    ]
    assert hits == piped
    assert [int(rank) for rank, *_ in hits] == list(range(1, len(hits) + 1))
    assert 1 < len(groups) == len({path for _, path, *_ in hits}) < len(hits)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"FORCE_COLOR": "1"}])
def test_search_without_interactive_stderr_shows_no_progress(terminal, shop, environment):
    import pty

    terminal.json("index", shop)
    reader, writer = pty.openpty() if "TERM" in environment else os.pipe()
    command = [sys.executable, "-m", "semls", "search", "--lexical", "evict_expired", "-k", "1"]
    environment = {**terminal.environment, **environment}
    subprocess.run(command, cwd=shop, env=environment, stdout=subprocess.DEVNULL, stderr=writer, check=True)
    os.close(writer)
    output = read_all(reader).splitlines()
    assert [
        line for line in output if not line.startswith(b"Waiting for the engine")
    ] == []  # the engine may be busy
