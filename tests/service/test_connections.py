"""Hostile HTTP clients of the engine, with and without a token: endless, slow, malformed, too many."""

import contextlib
import itertools
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import HANG, Terminal
from tests.support.engines import EngineProcess, received

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

MAX_SENT = 64 << 20  # bytes that a hostile client sends unless its connection is closed
MAX_GROWTH = 16 << 20  # bytes that the engine's memory may grow by
MARGIN = 4.0  # seconds that a busy machine may take in addition to a timeout


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    started = EngineProcess(Terminal(tmp_path_factory.mktemp("semls")))
    yield started
    started.stop()


def send_all(connection, parts, limit=MAX_SENT):
    """Send until the engine closes the connection, and read nothing."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < limit:
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
        send_all(connection, more)
        received(connection)
    assert engine.memory - before < MAX_GROWTH
    assert engine.ping() == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "path", ["/search", "/pause"]
)  # the one reads the body of a request, the other does not
@pytest.mark.parametrize("more", [CHUNKS, TRAILERS], ids=["chunks", "trailers"])
def test_endless_body_with_token_closes_connection(engine, path, more):
    before = engine.memory
    head = engine.head(CHUNKED, path=path, token=engine.state.token) + b"\r\n"
    with engine.connect(head) as connection:
        send_all(connection, more, limit=sys.maxsize)
    assert engine.memory - before < MAX_GROWTH
    assert engine.ping() == b"HTTP/1.1 200 OK"


def test_too_long_content_length_is_refused_at_once(engine):
    head = engine.head("Content-Length: 1048577", path="/search", token=engine.state.token) + b"\r\n"
    with engine.connect(head) as connection:
        assert b"bytes" in received(connection)  # although no byte of the body was sent


@pytest.mark.slow
def test_pipelined_requests_with_unread_responses_close_connection(engine):
    before = engine.memory
    requests = itertools.repeat((engine.head(token=engine.state.token) + b"\r\n") * 100)
    with engine.connect() as connection:
        send_all(connection, requests, limit=sys.maxsize)
    assert engine.memory - before < MAX_GROWTH
    assert engine.ping() == b"HTTP/1.1 200 OK"


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
    assert engine.ping() == b"HTTP/1.1 200 OK"
    assert log.read_text() == before


def connect_idle(engine, count):
    """Return connections that send nothing, including those that the engine closes."""
    return [engine.connect() for _ in range(count)]


@pytest.fixture
def many_descriptors():
    """Raise this process's limit of descriptors for thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("this user may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def set_descriptor_limit(soft, hard):
    """Return a function that limits the descriptors of a child process."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_engine_with_1024_descriptors_answers_despite_1500_idle_connections(terminal):
    engine = EngineProcess(terminal, preexec_fn=set_descriptor_limit(1024, 1024))
    connections = []
    try:
        log = engine.paths.log.read_text()
        connections += connect_idle(engine, 1500)
        assert engine.ping() == b"HTTP/1.1 200 OK"
        assert len(os.listdir(f"/proc/{engine.state.pid}/fd")) < 600
        assert engine.paths.log.read_text() == log
    finally:
        for connection in connections:
            connection.close()
        engine.stop()


def test_engine_with_low_soft_descriptor_limit_raises_it(terminal):
    engine = EngineProcess(terminal, preexec_fn=set_descriptor_limit(256, 2048))
    limits = Path(f"/proc/{engine.state.pid}/limits").read_text()
    engine.stop()
    assert [line.split()[3:5] for line in limits.splitlines() if "open files" in line] == [["2048", "2048"]]


@pytest.mark.serial  # the engine closes a connection that is idle for some seconds
@pytest.mark.usefixtures("many_descriptors")
def test_concurrent_requests_are_answered_despite_idle_connections(engine):
    complete = engine.head(token=engine.state.token) + b"\r\n"
    connections = connect_idle(engine, 400)
    requests = [engine.connect(complete) for _ in range(400)]
    connections += connect_idle(engine, 400)
    try:
        for connection in requests:  # before any is closed for having been idle
            connection.sendall(complete)
        for connection in requests:
            answers = b""
            while answers.count(b'"pid"') < 2:
                part = connection.recv(1 << 16)
                assert part
                answers += part
    finally:
        for connection in [*connections, *requests]:
            connection.close()
