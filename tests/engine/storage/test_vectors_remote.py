"""Responses of a Chroma server, which is not trusted."""

import gzip
import json
import socket
import threading
import time
from contextlib import closing, suppress

import numpy as np
import pytest

from semls.engine.storage import chroma_http
from semls.engine.storage.vectors_remote import RemoteVectors, server_version
from semls.errors import StoreError
from semls.settings import Server
from tests.support.hostile import chroma

NORTH, EAST = np.eye(2, dtype=np.float32)


def connect(url, **store):
    return closing(
        RemoteVectors(Server(url, **store), "example.org/team/shop", "0123456789abcdef", "a model", 2)
    )


def test_remote_vectors_on_valid_server_returns_its_rows():
    answers = {
        "get": {"ids": ["a", "b"], "embeddings": [[1, 0.0], [0.6, -0.8]], "include": [], "more": None},
        "query": {"ids": [["b", "a"]], "distances": [[-1e-7, 2.0]]},
    }
    with chroma(answers) as server, connect(server.url) as store:
        assert store.existing(["a", "b", "c"]) == {"a", "b"}
        np.testing.assert_allclose(store.get(["a", "b"])["b"], [0.6, -0.8])
        assert store.query(NORTH, 5) == [("b", 1.0), ("a", -1.0)]
        store.upsert({"c": NORTH})
        assert server_version(Server(server.url)) == "1.0.0"


INVALID_ROWS = [
    b"",
    b"<html>",
    b"null",
    b"[]",
    b"[" * 100_000,
    b'{"ids": ["a"], ',
    {},
    {"ids": None},
    {"ids": "a"},
    {"ids": [1]},
    {"ids": {"a": 1}},
    {"ids": ["a", "a"]},
    {"ids": ["a", "other"]},
    b'{"ids": ["\\ud800"]}',
    b'{"ids": ["\xff"]}',
]


@pytest.mark.parametrize("rows", INVALID_ROWS, ids=str)
def test_existing_with_invalid_ids_raises_store_error(rows):
    with (
        chroma({"get": rows}) as server,
        connect(server.url) as store,
        pytest.raises(StoreError) as caught,
    ):
        store.existing(["a", "b"])
    assert server.url in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "embeddings",
    [
        None,
        [],
        "AACAPwAAAAA=",
        [None],
        [1.0, 0.0],
        [[]],
        [[1.0]],
        [[1.0, 0.0, 0.0]],
        [[1.0, "0"]],
        [[1.0, None]],
        [[True, False]],
        [[float("nan"), 0.0]],
        [[float("inf"), 0.0]],
        [[1e300, 0.0]],
        [[0.0, 0.0]],
        [[0.5, 0.5]],
        [[1.0, 1.0]],
        [[1.0, 0.0], [1.0, 0.0]],
    ],
    ids=str,
)
def test_get_with_invalid_vectors_raises_store_error(embeddings):
    rows = {"ids": ["a"], "embeddings": embeddings}
    with chroma({"get": rows}) as server, connect(server.url) as store:
        with pytest.raises(StoreError):
            store.get(["a"])
        with pytest.raises(StoreError):
            store.query(NORTH, 3, among=["a"])


@pytest.mark.parametrize(
    ("ids", "distances"),
    [
        ([], []),
        ([["a"]], None),
        ([["a"]], []),
        ([["a"]], [[]]),
        ([["a"]], [[0.1, 0.2]]),
        ([["a"], ["b"]], [[0.1], [0.1]]),
        ([["a", "a"]], [[0.1, 0.1]]),
        ([["a", "b", "c", "d"]], [[0.1] * 4]),
        ([[1]], [[0.1]]),
        ([["a"]], [[None]]),
        ([["a"]], [["0.1"]]),
        ([["a"]], [[float("nan")]]),
        ([["a"]], [[-0.5]]),
        ([["a"]], [[2.5]]),
        ([["a"]], [[1e999]]),
    ],
    ids=str,
)
def test_query_with_invalid_hits_raises_store_error(ids, distances):
    answers = {"query": {"ids": ids, "distances": distances}}
    with chroma(answers) as server, connect(server.url) as store, pytest.raises(StoreError):
        store.query(NORTH, 3)


def test_query_with_unrequested_id_raises_store_error():
    many = [f"id-{number}" for number in range(500)]
    answers = {"query": {"ids": [["other"]], "distances": [[0.1]]}}
    with chroma(answers) as server, closing(chroma_http.ChromaServer(Server(server.url))) as connection:
        found = connection.get_or_create_collection("name", {}, "cosine")
        with pytest.raises(StoreError, match="not asked for"):
            connection.query(found.id, NORTH, 3, many)


@pytest.mark.parametrize(
    "collection",
    [
        {"id": "../../other"},
        {"id": None},
        {"name": "another"},
        {"metadata": None},
        {"metadata": []},
        {"metadata": {"fingerprint": "another"}},
        {"configuration_json": None},
        {"configuration_json": {}},
        {"configuration_json": {"hnsw": "cosine"}},
        {"configuration_json": {"hnsw": {"space": "l2"}}},
        {"configuration_json": {"hnsw": {"space": "cosine"}, "embedding_function": {"name": "default"}}},
        {"configuration_json": {"hnsw": {"space": "cosine"}, "embedding_function": "default"}},
        {"schema": {"keys": [{"a": {"embedding_function": {"type": "known", "name": "default"}}}]}},
        {"dimension": 3},
        {"dimension": "2"},
    ],
    ids=str,
)
def test_remote_vectors_with_invalid_collection_raises_store_error(collection):
    with chroma(**collection) as server, pytest.raises(StoreError), connect(server.url):
        pass


@pytest.mark.parametrize("version", [b"1.0.0", {}, "", "1\n2", "\x1b[31m", "v" * 1000], ids=str)
def test_server_version_with_invalid_version_raises_store_error(version):
    with chroma({"version": version}) as server, pytest.raises(StoreError):
        server_version(Server(server.url))


def send_error_status(handler):
    handler.send_error(503, "down\x1b[31m")


def send_garbage(handler):
    handler.wfile.write(b"HTTP/1.1 OK\r\n\r\n")


def close_early(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def send_compressed(handler):
    bomb = gzip.compress(b" " * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    handler.wfile.write(head.encode() + bomb)


def send_long_head(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-Header: value\r\n" * 1_000_000 + b"\r\n{}")


@pytest.mark.parametrize("end", ["version", "collections", "get", "query", "upsert"])
@pytest.mark.parametrize(
    "answer",
    [send_error_status, send_garbage, close_early, send_compressed, send_long_head, b"<html>"],
)
def test_request_with_broken_response_raises_store_error(answer, end):
    def use_all():
        server_version(Server(server.url))
        with connect(server.url) as store:
            store.existing(["a"])
            store.upsert({"a": NORTH})
            store.query(NORTH, 3)

    with chroma({end: answer}) as server, pytest.raises(StoreError) as caught:
        use_all()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_request_with_endless_response_is_aborted_at_the_limit():
    sent = 0

    def answer(handler):
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while sent < 1 << 30:
                sent += handler.wfile.write(b" " * (1 << 16))

    with (
        chroma({"get": answer}) as server,
        connect(server.url) as store,
        pytest.raises(StoreError, match="longer than"),
    ):
        store.existing(["a"])
    assert sent < 1 << 26


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=str
)
def test_request_with_slow_response_times_out(monkeypatch, head):
    monkeypatch.setattr(chroma_http, "_REQUEST_TIMEOUT", 0.5)
    finished = threading.Event()

    def answer(handler):
        handler.wfile.write(head)
        with suppress(OSError):
            while not finished.wait(0.02):
                handler.wfile.write(b"2")

    with chroma({"get": answer}) as server:
        try:
            with connect(server.url) as store:
                began = time.monotonic()
                with pytest.raises(StoreError, match="0 s"):
                    store.existing(["a"])
                assert time.monotonic() - began < 10
        finally:
            finished.set()


def test_request_with_redirect_raises_store_error_and_sends_no_token():
    with chroma() as other:

        def answer(handler):
            location = f"Location: {other.url}{handler.path}\r\n"
            handler.wfile.write(f"HTTP/1.1 307 Elsewhere\r\n{location}Content-Length: 0\r\n\r\n".encode())

        with (
            chroma({"get": answer}) as server,
            connect(server.url, token="secret") as store,
            pytest.raises(StoreError, match="redirects") as caught,
        ):
            store.existing(["a"])
        assert other.requests == []
        assert other.url in str(caught.value)


@pytest.mark.parametrize("token", ["secret\ncret", "sécret", "secret\x00"])
def test_request_with_invalid_token_hides_the_token(token):
    with chroma() as server, pytest.raises(StoreError) as caught:
        server_version(Server(server.url, token=token))
    assert "cret" not in str(caught.value)


def test_error_that_contains_the_token_hides_the_token():
    def answer(handler):
        handler.send_error(401, handler.headers["Authorization"])

    with chroma({"version": answer}) as server, pytest.raises(StoreError, match="401") as caught:
        server_version(Server(server.url, token="secret"))
    assert "secret" not in str(caught.value)


def test_request_after_set_cookie_sends_no_cookie():
    def answer(handler):
        content = json.dumps({"ids": []}).encode()
        cookies.append(handler.headers["Cookie"])
        head = f"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: {len(content)}\r\n\r\n"
        handler.wfile.write(head.encode() + content)

    cookies: list[str | None] = []
    with chroma({"get": answer}) as server, connect(server.url) as store:
        for _ in range(2):
            store.existing(["a"])
    assert cookies == [None, None]


def test_request_is_repeated_if_the_server_closes_the_connection():
    def answer(handler):
        requests.append(handler.path)
        handler.close_connection = True
        if len(requests) > 1:
            content = json.dumps({"ids": ["a"]}).encode()
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    requests: list[str] = []
    with chroma({"get": answer}) as server, connect(server.url) as store:
        assert store.existing(["a"]) == {"a"}
    assert len(requests) == 2


def test_close_cancels_running_requests():
    arrived, finished = threading.Event(), threading.Event()

    def answer(_):
        arrived.set()
        finished.wait()

    with chroma({"get": answer}) as server:
        store = RemoteVectors(Server(server.url), "example.org/team/shop", "0123456789abcdef", "a model", 2)
        failures: list[StoreError] = []

        def ask():
            try:
                store.existing(["a"])
            except StoreError as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        arrived.wait()
        store.close()
        store.close()
        thread.join(10)
        finished.set()
        with pytest.raises(StoreError, match="closed"):
            store.existing(["a"])
    assert len(failures) == 1


def test_request_to_unreachable_server_names_its_address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreError, match=f"127.0.0.1:{port} cannot be used"):
        server_version(Server(f"http://127.0.0.1:{port}"))
