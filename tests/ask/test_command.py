"""Tests of a model that is a command of the user, with commands that misbehave."""

import asyncio
import os
import sys
from contextlib import aclosing

import pytest

from semls.ask.answer import stream_answer
from semls.ask.settings import AskSettings
from semls.errors import AskError, UsageError
from tests.ask.conftest import CONTEXT, context, excerpt, section
from tests.support.waiting import wait_until_async


def python(code):
    return AskSettings(command=(sys.executable, "-c", code))


async def test_command_reads_the_prompt_and_prints_the_answer(ask_text):
    assert "Question: where is it" in await ask_text(python("import sys; print(sys.stdin.read())"))


async def test_command_that_reads_nothing_of_a_long_prompt_answers(ask_text):
    long = context(section("a.py", excerpt(1, *["x" * 100] * 10_000)))
    assert await ask_text(python("print('é')"), long) == "é"


async def test_command_runs_outside_the_workspace(ask_text, tmp_path):
    assert await ask_text(python("import os; print(os.getcwd())")) == str(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
async def test_answer_arrives_before_the_command_has_ended(tmp_path):
    code = f"print('It is', end=' ', flush=True); open({str(tmp_path / 'fifo')!r}).read(); print('there.')"
    os.mkfifo(tmp_path / "fifo")
    async with aclosing(stream_answer(python(code), CONTEXT, tmp_path)) as pieces:
        received = ""
        while received != "It is":
            received += str(await anext(pieces))
        (tmp_path / "fifo").write_text("go on")
        assert [piece async for piece in pieces] == [" there."]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no shell")
@pytest.mark.parametrize("status", [0, 3])
async def test_process_in_the_background_does_not_keep_the_answer_open(ask, ask_text, tmp_path, status):
    os.mkfifo(tmp_path / "fifo")
    code = f"cat > /dev/null; cat fifo & echo $! > pid; echo answer; exit {status}"
    settings = AskSettings(command=("/bin/sh", "-c", code))
    if status:
        with pytest.raises(AskError, match=r"status 3 \(answer\)"):
            await ask(settings)
    else:
        assert await ask_text(settings) == "answer"
    os.kill(int((tmp_path / "pid").read_text()), 9)  # it is still running


async def test_command_that_closes_its_output_is_awaited(ask):
    code = "import os, sys; os.close(1); sys.stdin.read(); sys.stderr.write('No.'); os._exit(4)"
    with pytest.raises(AskError, match=r"status 4 \(No\.\)"):
        await ask(python(code))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
async def test_cancelling_the_answer_ends_the_command(ask, tmp_path):
    code = "import os, signal; print(os.getpid(), file=open('pid', 'w'), flush=True); signal.pause()"
    waiting = asyncio.ensure_future(ask(python(code)))

    async def has_started():
        return (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n")

    await wait_until_async(has_started)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
async def test_silent_command_is_a_timeout_and_ends(ask, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    lock = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    code = "import signal; signal.signal(15, signal.SIG_IGN); fifo = open('fifo', 'w'); signal.pause()"
    with pytest.raises(AskError, match="printed nothing for"):
        await ask(python(code), timeout=0.5)
    assert os.read(lock, 1) == b""  # the process has ended, although it ignores SIGTERM
    os.close(lock)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("import sys; print('Reading…'); sys.exit('Please log in\\n')", r"status 1 \(Please log in\)"),
        ("print('Invalid key'); exit(3)", r"status 3 \(Invalid key\)"),
        ("exit(3)", r"status 3 \(it printed nothing\)"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by the signal SIGKILL"),
        ("pass", "answered nothing"),
        ("print('words ' * 1_000_000)", "1,000,000 characters"),
    ],
)
async def test_failing_command_is_reported_with_its_last_line(ask, code, text):
    with pytest.raises(AskError, match=text):
        await ask(python(code))


@pytest.mark.parametrize("name", ["no-such-program", "./llm", "/nowhere/llm"])
async def test_missing_command_is_named(ask, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llm").write_text("#!/bin/sh\necho hello\n")
    (tmp_path / "llm").chmod(0o700)
    with pytest.raises(UsageError, match=name):
        await ask(AskSettings(command=(name,)))
