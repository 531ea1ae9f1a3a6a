"""Hostile HTTP clients of the engine, with and without a token: endless, slow, malformed, too many."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from semls.service.state import EnginePaths
from semls.settings import EngineSettings
from tests.conftest import HANG, Terminal

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is of Linux")

SENT = 64 << 20  # bytes that a hostile client sends if it may
GROWTH = 16 << 20  # bytes that the engine's memory may grow by
WAIT = 30.0  # seconds after which a connection is not closed any more
MARGIN = 4.0  # seconds that a busy machine may take on top of a timeout


class EngineProcess:
    """An engine in a process of its own."""

    def __init__(self, terminal, **options):
        self.paths = EnginePaths(EngineSettings(terminal.cache, terminal.state))
        command = [sys.executable, "-m", "semls", "engine", "run"]
        self.process = subprocess.Popen(command, env=terminal.environment, **options)
        deadline = time.monotonic() + HANG
        while (state := self.paths.read_state()) is None:
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.state = state

    @property
    def memory(self):
        """Bytes in memory."""
        pages = int(Path(f"/proc/{self.state.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def head(self, *lines, path="/", token=None):
        """A request's head, complete but for the empty line at its end."""
        host, authorization = f"Host: 127.0.0.1:{self.state.port}", f"Authorization: Bearer {token}"
        first = f"POST {path} HTTP/1.1"
        return "".join(f"{line}\r\n" for line in (first, host, authorization, *lines)).encode()

    def connect(self, sent=b""):
        connection = socket.create_connection(("127.0.0.1", self.state.port), timeout=WAIT)
        connection.sendall(sent)
        return connection

    def greet(self):
        """The status line of a request with the token."""
        with self.connect(self.head("Connection: close", token=self.state.token) + b"\r\n") as connection:
            return received(connection).split(b"\r\n")[0]

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    started = EngineProcess(Terminal(tmp_path_factory.mktemp("semls")))
    yield started
    started.stop()


def received(connection):
    """What comes until the connection is closed."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 16):
            answer += part
    return answer


def pour(connection, parts, most=SENT):
    """Send until the other side closes the connection, and read nothing."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most:
            sent += connection.send(next(parts))


HEADERS = itertools.repeat(b"X-A: " + b"a" * 60_000 + b"\r\n")
SHORT_HEADERS = itertools.repeat(b"X-A: a\r\n" * 8_000)
LETTERS = itertools.repeat(b"a" * 60_000)
CHUNKS = itertools.repeat(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
TRAILERS = itertools.chain([b"0\r\n"], HEADERS)
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (lambda engine: engine.head(), HEADERS),
        (lambda engine: engine.head(), SHORT_HEADERS),
        (lambda _: b"GET /", LETTERS),
        (lambda engine: engine.head() + b"X-A: ", LETTERS),
        (lambda engine: engine.head(CHUNKED) + b"\r\n1;", LETTERS),
        (lambda engine: engine.head(CHUNKED) + b"\r\n", CHUNKS),
        (lambda engine: engine.head("Content-Length: 1000000000000") + b"\r\n", LETTERS),
        (lambda _: b"", itertools.repeat(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2_000)),
    ],
    ids=[
        "headers",
        "short headers",
        "request line",
        "header value",
        "chunk extension",
        "chunks",
        "body",
        "pipelined requests",
    ],
)
def test_endless_request_without_token_closes_connection(engine, first, more):
    before = engine.memory
    with engine.connect(first(engine)) as connection:
        pour(connection, more)
        received(connection)
    assert engine.memory - before < GROWTH
    assert engine.greet() == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "path", ["/search", "/pause"]
)  # the one reads the body of a request, the other does not
@pytest.mark.parametrize("more", [CHUNKS, TRAILERS], ids=["chunks", "trailers"])
def test_endless_body_with_token_closes_connection(engine, path, more):
    before = engine.memory
    head = engine.head(CHUNKED, path=path, token=engine.state.token) + b"\r\n"
    with engine.connect(head) as connection:
        pour(connection, more, most=sys.maxsize)
    assert engine.memory - before < GROWTH
    assert engine.greet() == b"HTTP/1.1 200 OK"


def test_too_long_content_length_is_refused_at_once(engine):
    head = engine.head("Content-Length: 1048577", path="/search", token=engine.state.token) + b"\r\n"
    with engine.connect(head) as connection:
        assert b"bytes" in received(connection)  # although no byte of the body was sent


def test_pipelined_requests_with_unread_responses_close_connection(engine):
    before = engine.memory
    requests = itertools.repeat((engine.head(token=engine.state.token) + b"\r\n") * 100)
    with engine.connect() as connection:
        pour(connection, requests, most=sys.maxsize)
    assert engine.memory - before < GROWTH
    assert engine.greet() == b"HTTP/1.1 200 OK"


def test_connection_without_complete_head_is_closed_after_5_seconds(engine):
    complete = engine.head(token=engine.state.token) + b"\r\n"
    silent = {
        "nothing": engine.connect(),
        "half a head": engine.connect(engine.head()),
        "kept alive": engine.connect(complete),
        "half a second head": engine.connect(complete + b"POST / HTTP/1.1\r\n"),
        "slow": engine.connect(),
        "slow second head": engine.connect(complete),
    }
    began, closed = time.monotonic(), {}

    def wait(name):
        received(silent[name])
        closed[name] = time.monotonic() - began

    threads = [threading.Thread(target=wait, args=[name]) for name in silent]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and time.monotonic() - began < 4 * MARGIN:
        time.sleep(0.2)
        for name in ("slow", "slow second head"):
            with contextlib.suppress(OSError):
                silent[name].send(b"G")
    for connection in silent.values():
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(HANG)
    for connection in silent.values():
        connection.close()
    assert {name: seconds for name, seconds in closed.items() if not 4 < seconds < 5 + MARGIN} == {}


def test_malformed_requests_are_not_logged(engine):
    log = engine.paths.log
    before = log.read_text()
    upgrade = engine.head("Connection: Upgrade", "Upgrade: websocket") + b"\r\n"
    garbage = engine.head(CHUNKED) + b"\r\nno chunk\r\n"  # in one packet with a head that is answered
    for sent in (b"\0\xff no protocol\r\n\r\n", upgrade, garbage, engine.head("no header") + b"\r\n"):
        for _ in range(5):
            with engine.connect(sent) as connection:
                received(connection)
    assert engine.greet() == b"HTTP/1.1 200 OK"
    assert log.read_text() == before


def idle(engine, count):
    """Connections that send nothing; those that the engine closes stay in the list."""
    return [engine.connect() for _ in range(count)]


@pytest.fixture
def many_descriptors():
    """As many as this process needs for thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("this user may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limited(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_engine_with_1024_descriptors_answers_despite_1500_idle_connections(terminal):
    engine = EngineProcess(terminal, preexec_fn=limited(1024, 1024))
    connections = []
    try:
        log = engine.paths.log.read_text()
        connections += idle(engine, 1500)
        assert engine.greet() == b"HTTP/1.1 200 OK"
        assert len(os.listdir(f"/proc/{engine.state.pid}/fd")) < 600
        assert engine.paths.log.read_text() == log
    finally:
        for connection in connections:
            connection.close()
        engine.stop()


def test_engine_with_low_soft_descriptor_limit_raises_it(terminal):
    engine = EngineProcess(terminal, preexec_fn=limited(256, 2048))
    limits = Path(f"/proc/{engine.state.pid}/limits").read_text()
    engine.stop()
    assert [line.split()[3:5] for line in limits.splitlines() if "open files" in line] == [["2048", "2048"]]


@pytest.mark.usefixtures("many_descriptors")
def test_concurrent_requests_are_answered_despite_idle_connections(engine):
    complete = engine.head(token=engine.state.token) + b"\r\n"
    connections = idle(engine, 400)
    asking = [engine.connect(complete) for _ in range(400)]
    connections += idle(engine, 400)
    try:
        for _ in range(2):  # the connections are kept alive
            for connection in asking:
                answer = b""
                while b'"pid"' not in answer:
                    part = connection.recv(1 << 16)
                    assert part
                    answer += part
                connection.sendall(complete)
    finally:
        for connection in [*connections, *asking]:
            connection.close()
