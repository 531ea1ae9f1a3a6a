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
from semls.engine.syntax.parser_process import ParserProcess
from semls.errors import EngineError
from tests.conftest import HANG
from tests.support.chunks import language
from tests.support.parsers import cpu_time, parser_pid
from tests.support.waiting import wait_until

CRASHING = {
    "markdown": b"> " * 300 + b"found\n",
    "yaml": b"- " * 300 + b"found\n",
    "typst": b"[" * 1000 + b"found\n",
}
ENGINE = """
from semls.engine.syntax import languages
from semls.engine.syntax.parser_process import ParserProcess
parser = ParserProcess()
parser.chunk(b"def f(): pass", languages.TEXT)
print("ready", flush=True)
input()
"""


SLOW = (b"x = [" + b"f(1), " * 60_000 + b"]", language("python"))
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists processes in /proc")


@pytest.fixture
def parser():
    parser = ParserProcess()
    yield parser
    parser.close()


def test_chunk_in_process_returns_same_chunks(parser):
    for path in sorted(Path(__file__).parents[2].glob("fixtures/**/*.*")):
        source = path.read_bytes()
        language = languages.detect(path.name, source)
        assert parser.chunk(source, language) == chunk(source, language)


@pytest.mark.parametrize("name", CRASHING)
def test_chunk_with_crash_splits_by_lines(parser, name):
    assert [one.text.endswith("found") for one in parser.chunk(CRASHING[name], language(name))] == [True]
    assert [one.name for one in parser.chunk(b"def f(): pass", language("python"))] == ["f"]


def test_chunk_all_with_crash_splits_only_that_file_by_lines(parser):
    good = (b"def f(): pass", language("python"))
    bad = (CRASHING["markdown"], language("markdown"))
    found = parser.chunk_all([good, bad, good, bad, bad, good])
    assert [one.chunks[0].name for one in found] == ["f", "", "f", "", "", "f"]
    assert all(one.chunks[-1].text.endswith("found") for one in (found[1], found[3], found[4]))


@pytest.mark.parametrize("name", CRASHING)
def test_chunk_all_with_crash_reports_failure(parser, name):
    (found,) = parser.chunk_all([(CRASHING[name], language(name))])
    assert found.failure == "crash"


def test_chunk_all_with_internal_error_reports_and_logs_it(parser, caplog):
    good = (b"def f(): pass", language("python"))
    broken = replace(language("python"), grammar="there is no such grammar")
    found = parser.chunk_all([good, (b"def g(): pass", broken), good])
    assert [one.failure for one in found] == ["", "internal error", ""]
    assert [one.chunks[0].text for one in found] == ["def f(): pass", "def g(): pass", "def f(): pass"]
    assert "Traceback" in caplog.text


@needs_proc
def test_chunk_all_after_process_was_killed_finds_definitions(parser):
    for _ in range(3):
        assert [one.name for one in parser.chunk(b"def f(): pass", language("python"))] == ["f"]
        os.kill(parser_pid(), signal.SIGKILL)
    assert parser.chunk_all([(b"def f(): pass", language("python"))])[0].failure == ""


@needs_proc
def test_chunk_all_with_process_killed_during_request_finds_definitions(parser):
    parser.chunk(b"", language("python"))
    first = parser_pid()
    with ThreadPoolExecutor() as threads:
        parsing = threads.submit(parser.chunk_all, [SLOW, SLOW])
        before = cpu_time(first)
        while cpu_time(first) < before + 0.1:
            time.sleep(0.01)
        os.kill(first, signal.SIGKILL)
        assert [one.failure for one in parsing.result(HANG)] == ["", ""]


@needs_proc
def test_chunk_all_with_process_suspended_temporarily_finds_definitions():
    parser = ParserProcess(cpu_limit=1.0)
    try:
        parser.chunk(b"", language("python"))
        os.kill(parser_pid(), signal.SIGSTOP)
        with ThreadPoolExecutor() as threads:
            parsing = threads.submit(parser.chunk_all, [(b"def f(): pass", language("python"))])
            time.sleep(2.0)  # longer than the CPU limit, but without CPU time
            os.kill(parser_pid(), signal.SIGCONT)
            (found,) = parsing.result(HANG)
        assert [one.name for one in found.chunks] == ["f"]
    finally:
        parser.close()


@needs_proc
def test_chunk_all_with_process_suspended_forever_starts_another():
    parser = ParserProcess(cpu_limit=0.5)
    try:
        parser.chunk(b"", language("python"))
        os.kill(parser_pid(), signal.SIGSTOP)
        (found,) = parser.chunk_all([(b"def f(): pass", language("python"))])
        assert [one.name for one in found.chunks] == ["f"]
    finally:
        parser.close()


def test_chunk_all_without_files_returns_nothing(parser):
    assert parser.chunk_all([]) == []


@pytest.mark.slow
def test_chunk_all_applies_cpu_limit_to_each_file(parser):
    began = time.monotonic()
    alone = parser.chunk_all([SLOW])
    slow_parser = ParserProcess(cpu_limit=10 * (time.monotonic() - began))
    try:
        assert slow_parser.chunk_all([SLOW] * 15) == alone * 15
    finally:
        slow_parser.close()


def test_chunk_all_above_cpu_limit_splits_file_by_lines():
    parser = ParserProcess(cpu_limit=1.0)
    try:
        (found,) = parser.chunk_all([(b"[" * 200_000 + b"\nfound\n", language("json"))])
        assert found.chunks[-1].text.endswith("found")
        assert found.failure == "timeout"
        assert [one.name for one in parser.chunk(b"def f(): pass", language("python"))] == ["f"]
    finally:
        parser.close()


@needs_proc
def test_process_exits_when_engine_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdout
        assert engine.stdout.readline() == "ready\n"
        child = int(Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text())
        os.kill(engine.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and "zombie" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("lost", ["half of a request", "a response"])
def test_process_exits_without_output_when_engine_is_killed_during_request(lost):
    request = pickle.dumps([(b"def f(): pass", languages.TEXT)])
    process = subprocess.Popen(
        [sys.executable, "-m", "semls.engine.syntax.parser_process", "10"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    requests, responses, errors = cast(
        "tuple[IO[bytes], ...]", (process.stdin, process.stdout, process.stderr)
    )
    with errors:
        if lost == "a response":
            responses.close()
        requests.write(request if responses.closed else request[:-5])
        requests.close()
        assert process.wait(HANG) == 0
        assert errors.read() == b""
        responses.close()


@needs_proc
def test_close_while_a_file_is_parsed_starts_no_other_process():
    parser = ParserProcess()
    parser.chunk(b"", language("python"))
    pid = parser_pid()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as threads:
        parsing = threads.submit(parser.chunk, b"def f(): pass", language("python"))
        wait_until(parser._lock.locked)
        parser.close()
        with pytest.raises(EngineError, match="stopping"):
            parsing.result(HANG)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert parser._process is None
