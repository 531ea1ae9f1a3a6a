"""Tests of `semls ask`, with a fake command and a fake server as language models."""

import os
import re
import shlex
import sys

import pytest

from tests.support.chat_server import answering, serve_chat
from tests.support.commands import assert_fails, run_in_pseudoterminal, run_shell

QUESTION = ("ask", "--lexical", "where are expired sessions evicted")


def command(code):
    return shlex.join([sys.executable, "-c", code])


def test_ask_without_a_model_shows_both_ways(terminal, tmp_path):
    (tmp_path / ".env").write_text("SEMLS_ASK_COMMAND=cat\n")  # a workspace configures no model
    done = terminal.run(*QUESTION, cwd=tmp_path)
    assert_fails(done, 2, "SEMLS_ASK_COMMAND", "claude -p", "SEMLS_ASK_URL", "SEMLS_ASK_MODEL", "11434")


def test_ask_with_a_missing_program_names_it(terminal, shop):
    done = terminal.run(*QUESTION, cwd=shop, SEMLS_ASK_COMMAND="no-such-model -p")
    assert_fails(done, 2, "no program no-such-model")


def test_ask_prints_the_answer_and_lists_what_it_cites(terminal, shop):
    code = "print('<think>Hm.</think>It is in `store/session.rs:27-29`, not in store/session.rs:9999.')"
    done = terminal.run(*QUESTION, cwd=shop, SEMLS_ASK_COMMAND=command(code))
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "It is in `store/session.rs:27-29`, not in store/session.rs:9999 [unverified].\n"
        "\n"
        "  1  store/session.rs:27 — pub fn evict_expired(&mut self, limit: Duration) -> usize {\n"
    )
    assert re.fullmatch(r"Asking \S*python\S* with code of \d+ files?…\n", done.stderr)
    opened = terminal.run("open", "1", EDITOR="echo")
    assert opened.stdout == f"+27 {shop}/store/session.rs\n"


def test_ask_server_sends_the_code_and_prints_the_answer(terminal, shop):
    with serve_chat(answering("See sto", "re/session.rs:27", ".")) as server:
        environment = {"SEMLS_ASK_URL": server.url, "SEMLS_ASK_MODEL": "qwen3", "SEMLS_ASK_KEY": "secret"}
        done = terminal.run(*QUESTION, cwd=shop, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("See store/session.rs:27.\n\n  1  store/session.rs:27 — ")
    assert "Asking qwen3 with code of" in done.stderr
    ((path, headers, body),) = server.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert "27\t    pub fn evict_expired" in body["messages"][0]["content"]
    assert "Question: where are expired sessions evicted\n" in body["messages"][0]["content"]


def test_ask_in_two_workspaces_tells_their_files_apart(terminal, tmp_path):
    for number, name in enumerate(("wa", "wb")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s.py").write_text(f"def evict_expired_sessions():\n    return {number}\n")
    answer = f"It is wa/s.py:2, ../wb/s.py:2 and {tmp_path}/wb/s.py:1, not s.py:2."
    code = f"import sys; open({str(tmp_path / 'prompt')!r}, 'w').write(sys.stdin.read()); print({answer!r})"
    folders = ("--path", ".", "--path", "../wb")
    done = terminal.run(*QUESTION, *folders, cwd=tmp_path / "wa", SEMLS_ASK_COMMAND=command(code))
    assert done.stdout == (
        f"It is wa/s.py:2, ../wb/s.py:2 and {tmp_path}/wb/s.py:1, not s.py:2 [unverified].\n"
        "\n"
        "  1  s.py:2 — return 0\n"
        "  2  ../wb/s.py:2 — return 1\n"
        "  3  ../wb/s.py:1 — def evict_expired_sessions():\n"
    )
    headings = re.findall("^## (.*)", (tmp_path / "prompt").read_text(), re.MULTILINE)
    assert sorted(headings) == ["wa/s.py", "wb/s.py"]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            20,
            """
  1  …/session.rs:27
     pub fn evict_e…
  2  …/session.rs:28
     let before = s…
""",
        ),
        (
            40,
            """
  1  store/session.rs:27
     pub fn evict_expired(&mut self, li…
  2  store/session.rs:28
     let before = self.sessions.len();
""",
        ),
        (
            80,
            """
  1  store/session.rs:27 — pub fn evict_expired(&mut self, limit: Duration) -> …
  2  store/session.rs:28 — let before = self.sessions.len();
""",
        ),
    ],
)
def test_ask_in_terminal_fits_places_into_it(terminal, shop, columns, expected):
    code = "print('See session.rs:27, session.rs:28.')"
    output = run_in_pseudoterminal(
        terminal, shop, *QUESTION, columns=columns, SEMLS_ASK_COMMAND=command(code)
    )
    assert output == f"See session.rs:27, session.rs:28.\n{expected}"


def test_ask_without_citations_keeps_the_places_of_the_last_search(terminal, shop):
    terminal.run("search", "--lexical", "evict_expired", "-k", "1", cwd=shop)
    done = terminal.run(*QUESTION, cwd=shop, SEMLS_ASK_COMMAND=command("print('I do not know.')"))
    assert done.stdout == "I do not know.\n"
    assert terminal.run("search", "--lexical", "no_such_word_anywhere", cwd=shop).returncode == 1
    assert terminal.run("open", "1", EDITOR="echo").stdout == f"+27 {shop}/store/session.rs\n"


def test_ask_reports_an_answer_that_the_model_has_cut_off(terminal, shop):
    def behaviour(handler):
        handler.begin()
        handler.send("It is in store/session.rs:27")
        handler.send_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})

    with serve_chat(behaviour) as server:
        done = terminal.run(*QUESTION, cwd=shop, SEMLS_ASK_URL=server.url, SEMLS_ASK_MODEL="qwen3")
    assert done.returncode == 0
    assert done.stdout.startswith("It is in store/session.rs:27\n\n  1  store/session.rs:27 — ")
    assert done.stderr.endswith(
        "The answer is incomplete: the model qwen3 has reached its limit of tokens.\n"
    )


def test_ask_escapes_what_the_model_prints(terminal, shop):
    code = r"print('\x1b]0;owned\x07\u202ex\r\n\tstore/session.rs:27\x1b[2J')"
    done = terminal.run(*QUESTION, cwd=shop, SEMLS_ASK_COMMAND=command(code), FORCE_COLOR="1")
    assert done.stdout.startswith(
        "\\x1b]0;owned\\x07\\u202ex\n\t\x1b[36mstore/session.rs:27\x1b[0m\\x1b[2J\n"
    )


def test_ask_reports_a_failure_below_the_partial_answer(terminal, shop):
    code = r"import sys; print('It is', flush=True); sys.exit('No credit.\x1b[2J')"
    done = terminal.run(*QUESTION, cwd=shop, SEMLS_ASK_COMMAND=command(code))
    assert_fails(done, 3, "failed with status 1 (No credit.\\x1b[2J).")
    assert done.stdout == "It is\n"


def test_ask_refused_by_the_server_fails(terminal, shop):
    with serve_chat(lambda handler: handler.respond(401, b"{}")) as server:
        done = terminal.run(*QUESTION, cwd=shop, SEMLS_ASK_URL=server.url, SEMLS_ASK_MODEL="x")
    assert_fails(done, 3, "status 401", "SEMLS_ASK_KEY")


def test_ask_without_hits_sends_nothing(terminal, tmp_path):
    (tmp_path / "empty").mkdir()
    with serve_chat(answering("Yes.")) as server:
        environment = {"SEMLS_ASK_URL": server.url, "SEMLS_ASK_MODEL": "x"}
        done = terminal.run(*QUESTION, cwd=tmp_path / "empty", **environment)
    assert (done.returncode, done.stdout) == (1, "No hits. No file is indexed.\n")
    assert not server.requests


def test_ask_into_a_closed_pipe_ends(terminal, shop):
    code = "import itertools; [print('word', flush=True) for _ in itertools.count()]"
    line = f"$semls {shlex.join(QUESTION)} | head -1; exit ${{PIPESTATUS[0]}}"
    done = run_shell(terminal, f"bash -c {shlex.quote(line)}", shop, SEMLS_ASK_COMMAND=command(code))
    assert done.stdout == "word\n"
    assert done.returncode == 141
