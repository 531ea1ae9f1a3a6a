import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import pytest

from semls.engine.syntax import languages
from semls.engine.syntax.chunker import chunk
from semls.engine.syntax.languages import Language
from semls.engine.syntax.parser_process import ParserProcess
from tests.conftest import HANG
from tests.support.parsers import parser, processor_time

CRASHING = {
    "markdown": b"> " * 300 + b"found\n",
    "yaml": b"- " * 300 + b"found\n",
    "typst": b"[" * 1000 + b"found\n",
}
OWNER = """
from semls.engine.syntax import languages
from semls.engine.syntax.parser_process import ParserProcess
chunker = ParserProcess()
chunker.chunk(b"def f(): pass", languages.TEXT)
print("ready", flush=True)
input()
"""


def language(name: str) -> Language:
    found = languages.by_name(name)
    assert found
    return found


SLOW = (b"x = [" + b"f(1), " * 60_000 + b"]", language("python"))
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists processes in /proc")


@pytest.fixture
def chunker():
    chunker = ParserProcess()
    yield chunker
    chunker.close()


def test_chunks_are_the_same_in_a_process_of_its_own(chunker):
    for path in sorted(Path(__file__).parents[2].glob("fixtures/**/*.*")):
        source = path.read_bytes()
        language = languages.detect(path.name, source)
        assert chunker.chunk(source, language) == chunk(source, language)


@pytest.mark.parametrize("name", CRASHING)
def test_a_file_that_crashes_its_grammar_is_cut_by_lines(chunker, name):
    assert [one.text.endswith("found") for one in chunker.chunk(CRASHING[name], language(name))] == [True]
    assert [one.name for one in chunker.chunk(b"def f(): pass", language("python"))] == ["f"]


def test_of_several_files_only_the_one_that_crashes_is_cut_by_lines(chunker):
    good = (b"def f(): pass", language("python"))
    bad = (CRASHING["markdown"], language("markdown"))
    found = chunker.chunk_all([good, bad, good, bad, bad, good])
    assert [one.chunks[0].name for one in found] == ["f", "", "f", "", "", "f"]
    assert all(one.chunks[-1].text.endswith("found") for one in (found[1], found[3], found[4]))


@pytest.mark.parametrize("name", CRASHING)
def test_chunk_all_with_a_crash_reports_it(chunker, name):
    (found,) = chunker.chunk_all([(CRASHING[name], language(name))])
    assert found.failure == "crash"


def test_chunk_all_with_an_error_in_the_parser_reports_and_logs_it(chunker, caplog):
    good = (b"def f(): pass", language("python"))
    broken = replace(language("python"), grammar="there is no such grammar")
    found = chunker.chunk_all([good, (b"def g(): pass", broken), good])
    assert [one.failure for one in found] == ["", "internal error", ""]
    assert [one.chunks[0].text for one in found] == ["def f(): pass", "def g(): pass", "def f(): pass"]
    assert "Traceback" in caplog.text


@needs_proc
def test_chunk_all_after_the_parser_was_killed_finds_definitions(chunker):
    for _ in range(3):
        assert [one.name for one in chunker.chunk(b"def f(): pass", language("python"))] == ["f"]
        os.kill(parser(), signal.SIGKILL)
    assert chunker.chunk_all([(b"def f(): pass", language("python"))])[0].failure == ""


@needs_proc
def test_chunk_all_with_the_parser_killed_meanwhile_finds_definitions(chunker):
    chunker.chunk(b"", language("python"))
    first = parser()
    with ThreadPoolExecutor() as threads:
        parsing = threads.submit(chunker.chunk_all, [SLOW, SLOW])
        before = processor_time(first)
        while processor_time(first) < before + 0.1:
            time.sleep(0.01)
        os.kill(first, signal.SIGKILL)
        assert [one.failure for one in parsing.result(HANG)] == ["", ""]


@needs_proc
def test_chunk_all_with_the_parser_suspended_for_a_while_finds_definitions():
    chunker = ParserProcess(cpu_limit=1.0)
    try:
        chunker.chunk(b"", language("python"))
        os.kill(parser(), signal.SIGSTOP)
        with ThreadPoolExecutor() as threads:
            parsing = threads.submit(chunker.chunk_all, [(b"def f(): pass", language("python"))])
            time.sleep(2.0)  # longer than the limit of processor time, of which it uses none
            os.kill(parser(), signal.SIGCONT)
            (found,) = parsing.result(HANG)
        assert [one.name for one in found.chunks] == ["f"]
    finally:
        chunker.close()


@needs_proc
def test_chunk_all_with_the_parser_suspended_for_ever_starts_another():
    chunker = ParserProcess(cpu_limit=0.5)
    try:
        chunker.chunk(b"", language("python"))
        os.kill(parser(), signal.SIGSTOP)
        (found,) = chunker.chunk_all([(b"def f(): pass", language("python"))])
        assert [one.name for one in found.chunks] == ["f"]
    finally:
        chunker.close()


def test_no_files(chunker):
    assert chunker.chunk_all([]) == []


def test_each_of_several_files_has_its_own_time(chunker):
    began = time.monotonic()
    alone = chunker.chunk_all([SLOW])
    patient = ParserProcess(cpu_limit=10 * (time.monotonic() - began))
    try:
        assert patient.chunk_all([SLOW] * 15) == alone * 15
    finally:
        patient.close()


def test_a_file_that_takes_too_long_is_cut_by_lines():
    chunker = ParserProcess(cpu_limit=1.0)
    try:
        (found,) = chunker.chunk_all([(b"[" * 200_000 + b"\nfound\n", language("json"))])
        assert found.chunks[-1].text.endswith("found")
        assert found.failure == "timeout"
        assert [one.name for one in chunker.chunk(b"def f(): pass", language("python"))] == ["f"]
    finally:
        chunker.close()


@needs_proc
def test_the_process_leaves_when_its_owner_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "ready\n"
        child = int(Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text())
        os.kill(owner.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and "zombie" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("lost", ["half of a question", "an answer"])
def test_the_process_leaves_quietly_when_its_owner_is_killed_meanwhile(lost):
    question = pickle.dumps([(b"def f(): pass", languages.TEXT)])
    process = subprocess.Popen(
        [sys.executable, "-m", "semls.engine.syntax.parser_process", "10"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    questions, answers, errors = cast(
        "tuple[IO[bytes], ...]", (process.stdin, process.stdout, process.stderr)
    )
    with errors:
        if lost == "an answer":
            answers.close()
        questions.write(question if answers.closed else question[:-5])
        questions.close()
        assert process.wait(HANG) == 0
        assert errors.read() == b""
        answers.close()
