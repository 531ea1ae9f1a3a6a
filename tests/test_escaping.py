"""Tests that text from files and file names is escaped for terminals, logs, programs and editors."""

import json
import os
import re
import subprocess
import sys
import unicodedata

import pytest

from semls.escaping import escape_line, escape_text
from tests.conftest import HANG
from tests.support.fzf import run_pick
from tests.support.raw_client import RawClient

CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\t\x7f\x9b31m\r\u202e\u2066\u061c\u200b\u200d\u200e\u2028\u2029\ufeff"
    "\U000e0041\u3164\xad"
)
NAME = f"a\nFORGED:1  x{HOSTILE}`.md"
STYLE = re.compile(r"\x1b\[[0-9;]*m")  # of picker rows


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("src/naïve 🦀 日本.py", "src/naïve 🦀 日本.py"),
        ("C:\\new\\table", "C:\\new\\table"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[31m\x7f\x9b", "\\x1b[31m\\x7f\\u009b"),
        ("\u202e\u2028\ufeff\U000e0041", "\\u202e\\u2028\\ufeff\\U000e0041"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),  # Persian
        ("क\u094d\u200dष न\u094d\u200d", "क\u094d\u200dष न\u094d\u200d"),  # Devanagari
        ("a\u200db \u200c", "a\\u200db \\u200c"),
        (
            "👩\u200d💻 🏳\ufe0f\u200d🌈 ❤\ufe0f 1\ufe0f\u20e3",
            "👩\u200d💻 🏳\ufe0f\u200d🌈 ❤\ufe0f 1\ufe0f\u20e3",
        ),
        ("😀\ufe0f\ufe0e\ufe01", "😀\ufe0f\\ufe0e\\ufe01"),  # bytes hidden behind an emoji
        ("a\ufe0f1\ufe0f", "a\\ufe0f1\\ufe0f"),
        ("if (user\u3164)", "if (user\\u3164)"),
    ],
)
def test_escape_line_shows_invisible_characters(text, shown):
    assert escape_line(text) == shown
    assert escape_line(shown) == shown


def test_escape_line_of_all_characters_returns_no_invisible_one():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    left = {character for character in escape_line(every) if unicodedata.category(character) in CATEGORIES}
    assert left <= {"\u200c", "\u200d"}  # after a letter that joins
    assert not {*"\u034f\u115f\u3164\uffa0\ufe00\ufe0f\U000e0100"} & set(escape_line(f"a{'a'.join(every)}"))


def test_escape_text_keeps_tabs_and_ends_lines_with_lf():
    assert escape_text("a\tb\r\nc\rd\n\x0c\u2028e") == "a\tb\nc\nd\n\\x0c\\u2028e"


@pytest.fixture
def hostile(tmp_path):
    """Return a workspace whose file names and contents imitate lines of output."""
    folder = tmp_path / f"w\nFORGED {HOSTILE}"
    folder.mkdir()
    (folder / NAME).write_text(f"# evil {HOSTILE} title\n\nevil text {HOSTILE}\n\n````\nFORGED: evil\n````\n")
    (folder / "evil.py").write_text(f"def evil():\n    return '''{HOSTILE}'''\n", newline="")
    (folder / ".gitignore").write_text("ignored\x1b\u202e*\n")
    (folder / f"ignored\x1b\u202e{NAME}").write_text("x")
    (folder / f"b{NAME}.bin").write_bytes(b"\0")
    return folder


def assert_safe(output: bytes, lines: bool = False) -> str:
    """Return the decoded output after checking that no control character and no forged line is in it."""
    text = output.decode()
    kept = {"\n", "\t"} if lines else {"\n"}
    hidden = {one for one in text if unicodedata.category(one) in CATEGORIES or one == "\u3164"} - kept
    assert not hidden, text
    assert not any(line.startswith("FORGED") for line in text.split("\n")) or lines
    return text


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
def test_commands_escape_hostile_names_and_contents(shared_terminal, hostile):
    def run(*arguments, status=0):
        done = subprocess.run(
            [sys.executable, "-m", "semls", *map(str, arguments)],
            cwd=hostile,
            env={**shared_terminal.environment, "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HANG,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert_safe(done.stderr)
        return done.stdout

    assert "a\\nFORGED:1  x\\x1b]0;owned" in assert_safe(run("search", "evil", "title"), lines=True)
    assert "\\u202e" in assert_safe(run("search", "evil.py", "evil"), lines=True)
    assert "\\u202e" in assert_safe(run("similar", "evil.py:1"), lines=True)
    assert "\\u202e" in assert_safe(run("similar", "evil.py:1", "--lexical"), lines=True)
    assert "ignored\\x1b\\u202e" in assert_safe(run("status"))
    assert "\\nFORGED" in assert_safe(run("why", NAME))
    assert "not indexed" in assert_safe(run("why", f"b{NAME}.bin", status=1))
    assert "\\x1b" in assert_safe(run("why", f"ignored\x1b\u202e{NAME}", status=1))
    for command in (
        ["search", "evil"],
        ["status"],
        ["why", NAME],
        ["similar", "evil.py:1"],
        ["context", "evil"],
    ):
        assert run(*command, "--json").isascii()
    for command in (
        ["search", HOSTILE.replace("\x7f", "") + "\n", "--lang", NAME],
        ["index", hostile / NAME],
        ["why", f"{NAME}.gone"],
        ["similar", f"{NAME}.gone:1"],
        ["similar", NAME],
        ["search", "x", "--path", NAME],
        ["search", "--from", f"{NAME}.gone"],
        ["search", "x", f"--{NAME}"],
        ["cache", "import", NAME],
        [NAME],
    ):
        assert b"\\n" in run(*command, status=2) + b"\\n"
    assert "\\nFORGED" in assert_safe(run("cache", "export", f"{NAME}.export"))


@pytest.mark.skipif(os.name == "nt", reason="fzf runs commands in another shell")
def test_pick_escapes_hostile_names_and_contents(shared_terminal, hostile, tmp_path):
    picked = run_pick(shared_terminal, tmp_path / "tools", hostile, "evil", "title")
    *rows, end = STYLE.sub("", picked.rows.decode()).split("\0")
    assert all(record.count("\t") == 2 and record.replace("\t", "").isprintable() for record in rows)
    assert any(record.endswith(f"\t{(hostile / NAME).as_uri()}") for record in rows)
    assert end == ""
    assert "\\u202e" in assert_safe(STYLE.sub("", picked.preview.decode()).encode(), lines=True)
    assert "\\u202e" in assert_safe(picked.plain, lines=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
def test_context_of_hostile_files_stays_in_fence(shared_terminal, hostile):
    done = shared_terminal.run("context", "evil", "title", cwd=hostile)
    lines = assert_safe(done.stdout.encode(), lines=True).split("\n")
    headings = [line for line in lines if line.startswith("## ")]
    assert any(line.startswith("## `` a\\nFORGED:1  x\\x1b]0;owned") for line in headings)
    inside, fence = [], ""
    for line in lines:
        if not fence and line.startswith("```"):
            fence = "`" * (len(line) - len(line.lstrip("`")))
        elif line == fence:
            fence = ""
        elif fence:
            inside.append(line)
    assert not fence
    assert "FORGED: evil" in inside
    assert "````" in inside


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
def test_engine_log_of_hostile_files_has_no_forged_line(own_terminal, hostile):
    own_terminal.run("index", hostile, SEMLS_MODEL=str(hostile))
    own_terminal.run("search", "evil", cwd=hostile)
    own_terminal.run("engine", "stop")
    for log in own_terminal.state.glob("*.log"):
        for line in assert_safe(log.read_bytes()).split("\n"):
            assert not line or re.match(r"[0-9]{4}-|Traceback|  |\w", line)
            assert not line.startswith("FORGED")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
def test_language_server_messages_are_escaped(shared_terminal, hostile):
    client = RawClient(shared_terminal.environment)
    try:
        client.start(rootUri=hostile.as_uri(), initializationOptions={"model": "/nowhere/model\u3164"})
        while (message := client.receive()).get("method") != "window/showMessage":
            pass
    finally:
        client.process.kill()
        client.end()
    assert "\\u3164" in assert_safe(message["params"]["message"].encode())


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
def test_language_server_results_are_escaped(shared_terminal, hostile):
    (hostile / f"crash{NAME}").write_text("> " * 300 + "crash\n")
    client = RawClient(shared_terminal.environment)
    try:
        client.start(rootUri=hostile.as_uri())
        shared_terminal.json("index", hostile)
        answers = [
            client.answer(client.request("workspace/symbol", {"query": "evil title"})),
            client.answer(client.request("semls/search", {"query": "evil title"})),
            client.answer(client.request("semls/search", {"query": '"\u202e\u2028"'})),
            client.answer(client.request("semls/context", {"query": "evil title"})),
            client.answer(client.request("semls/context", {"query": "path:\u202e"})),
            client.answer(client.request("semls/status", {})),
            client.answer(client.request("semls/search", {"query": "x", "languages": [NAME]})),
            client.answer(
                client.request(
                    "semls/similar",
                    {
                        "uri": (hostile.parent / NAME).as_uri(),
                        "position": {"line": 0, "character": 0},
                    },
                )
            ),
        ]
    finally:
        client.process.kill()
        client.end()

    def texts(value, key=""):
        if isinstance(value, dict):
            for name, one in value.items():
                yield from texts(one, name)
                yield name
        elif isinstance(value, list):
            for one in value:
                yield from texts(one, key)
        elif isinstance(value, str) and key not in ("uri", "query"):
            yield value

    assert "FORGED" in json.dumps(answers)
    assert "crasha" in json.dumps([each["by_lines"] for each in answers[5]["result"]["folders"]])
    for text in texts(answers):
        assert_safe(text.encode(), lines=True)
