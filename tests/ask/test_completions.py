"""Tests of a model behind a server with OpenAI's API, with a fake server that misbehaves."""

import itertools
import json
import threading
from contextlib import aclosing

import pytest

from semls.ask.answer import stream_answer
from semls.ask.citations import Citation
from semls.ask.notice import Notice
from semls.ask.settings import AskSettings
from semls.errors import AskError
from tests.ask.conftest import CONTEXT, TIMEOUT
from tests.support.chat_server import answering, serve_chat

KEY = "sk-secret-4711"


def settings(url, key=""):
    return AskSettings(url=f"{url}/chat/completions", model="qwen3", key=key)


async def fails(ask, behaviour, *texts, key="", timeout=TIMEOUT):
    with serve_chat(behaviour) as server, pytest.raises(AskError) as raised:
        await ask(settings(server.url, key), timeout=timeout)
    for text in texts:
        assert text in str(raised.value)
    return str(raised.value)


async def test_request_has_model_key_question_and_numbered_code(ask_text):
    with serve_chat(answering("Yes.")) as server:
        assert await ask_text(settings(server.url, KEY)) == "Yes."
    ((path, headers, body),) = server.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["stream"]) == ("qwen3", True)
    (message,) = body["messages"]
    assert message["role"] == "user"
    code = "10\tdef sell():\n11\t    return 1\n…\n30\tdef buy(): pass\n```\n"
    assert f"## src/shop.py\n\n```python\n{code}" in message["content"]
    assert "\n1\t```\n2\tx = '\\x1b[31m'\n```\n" in message["content"]
    assert message["content"].endswith("Question: where is it\n")


async def test_answer_arrives_before_the_server_has_ended(tmp_path):
    gate = threading.Event()

    def behaviour(handler):
        handler.begin()
        handler.send("It ", "is ", "th")
        gate.wait(TIMEOUT)
        handler.send("ere.")
        handler.end()

    with serve_chat(behaviour) as server:
        async with aclosing(stream_answer(settings(server.url), CONTEXT, tmp_path)) as pieces:
            received = ""
            while received != "It is":
                received += str(await anext(pieces))
            gate.set()
            assert [piece async for piece in pieces] == [" there."]


async def test_thoughts_are_dropped(ask_text):
    def behaviour(handler):
        handler.begin()
        handler.send_event({"choices": []})
        handler.send_event({"choices": [{"delta": {"reasoning_content": "hm", "content": None}}]})
        handler.send("\n<thi", "nk>let me", " see</th", "ink>\n\n<think></think>The tag ", "<think> is kept.")
        handler.end()

    with serve_chat(behaviour) as server:
        assert await ask_text(settings(server.url)) == "The tag <think> is kept."


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["<b>bold</b>"], "<b>bold</b>"),
        (["<thi"], "<thi"),
        (["<think>a</think>", "x"], "x"),
    ],
)
async def test_answer_that_resembles_a_thought_is_kept(ask_text, parts, expected):
    with serve_chat(answering(*parts)) as server:
        assert await ask_text(settings(server.url)) == expected


async def test_answer_of_thoughts_alone_is_an_error(ask):
    await fails(ask, answering("<think>", "for ever"), "answered nothing")


async def test_response_that_is_no_stream_is_read(ask_text):
    def behaviour(handler):
        body = {"choices": [{"message": {"role": "assistant", "content": "At once."}}]}
        handler.respond(200, json.dumps(body, indent=1).encode(), Content_Type="application/json")

    with serve_chat(behaviour) as server:
        assert await ask_text(settings(server.url)) == "At once."


async def test_silent_server_is_a_timeout(ask):
    gate = threading.Event()

    def behaviour(handler):
        handler.begin()
        handler.send("It ")
        gate.wait(TIMEOUT)

    try:
        await fails(ask, behaviour, "sent no part of the answer for", timeout=0.3)
    finally:
        gate.set()


async def test_server_that_sends_comments_only_is_a_timeout(ask):
    gate = threading.Event()

    def behaviour(handler):
        handler.begin()
        while not gate.wait(0.05):
            handler.wfile.write(b": keep-alive\n\ndata:\n\n")

    try:
        await fails(ask, behaviour, "sent no part of the answer for", timeout=0.3)
    finally:
        gate.set()


@pytest.mark.parametrize("content_length", [{}, {"Content_Length": 100_000}])
async def test_answer_without_end_broke_off(ask, content_length):
    def behaviour(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        for name, value in content_length.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.send("It is ", "in ")

    await fails(ask, behaviour, "broke off", "Try again")


async def test_refused_key_is_not_shown(ask):
    def behaviour(handler):
        body = {"error": {"message": f"Incorrect key {KEY}\x1b[2J", "code": None}}
        handler.respond(401, json.dumps(body).encode(), Content_Type="application/json")

    message = await fails(ask, behaviour, "status 401: Incorrect key …", "SEMLS_ASK_KEY", key=KEY)
    assert KEY not in message


async def test_unknown_model_is_named_by_the_server(ask):
    def behaviour(handler):
        handler.respond(404, b'{"error": {"message": "model qwen3 not found"}}')

    await fails(ask, behaviour, "status 404: model qwen3 not found", "SEMLS_ASK_MODEL")


async def test_error_during_the_answer_is_reported(ask):
    def behaviour(handler):
        handler.begin()
        handler.send("It ")
        handler.send_event({"error": {"message": "out of memory"}})

    await fails(ask, behaviour, "qwen3 failed (out of memory)")


@pytest.mark.parametrize("body", [b"<html>Hello</html>", b"[" * 100_000, b"{}", b"\xff\xfe", b""])
async def test_response_that_is_no_answer_is_an_error(ask, body):
    def behaviour(handler):
        handler.respond(200, body)

    await fails(ask, behaviour, "something else than chat completions", "SEMLS_ASK_URL")


@pytest.mark.parametrize("data", [b'{"response": "Yes.", "done": true}', b"Yes."])
async def test_stream_of_another_api_is_an_error(ask, data):
    def behaviour(handler):
        handler.begin()
        handler.wfile.write(b"data: " + data + b"\n\n")

    await fails(ask, behaviour, "something else than chat completions", "SEMLS_ASK_URL")


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
async def test_failing_server_is_to_be_asked_later(ask, status):
    def behaviour(handler):
        handler.respond(status, b'{"error": {"message": "too many requests"}}')

    text = f"is overloaded or fails (status {status}: too many requests). Try again later."
    assert "SEMLS" not in await fails(ask, behaviour, text)


async def test_answer_at_the_limit_of_tokens_is_incomplete(ask):
    def stream(handler):
        handler.begin()
        handler.send("It is", " in")
        handler.send_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
        handler.send_event({"choices": [], "usage": {"completion_tokens": 2}})
        handler.wfile.write(b"data: [DONE]\n\n")

    def body(handler):
        choice = {"message": {"content": "It is in"}, "finish_reason": "length"}
        handler.respond(200, json.dumps({"choices": [choice]}).encode(), Content_Type="application/json")

    for behaviour in (stream, body):
        with serve_chat(behaviour) as server:
            *texts, notice = await ask(settings(server.url))
        assert "".join(texts) == "It is in"
        assert isinstance(notice, Notice)
        assert "incomplete: the model qwen3 has reached its limit" in notice.text


async def test_text_before_a_failure_is_complete(tmp_path):
    def behaviour(handler):
        handler.begin()
        handler.send("It is in src/shop.py", ":1", "1")

    received = []

    async def read(server):
        async with aclosing(stream_answer(settings(server.url), CONTEXT, tmp_path)) as pieces:
            while True:
                received.append(await anext(pieces))

    with serve_chat(behaviour) as server, pytest.raises(AskError, match="broke off"):
        await read(server)
    assert received[:-1] == ["It is in", " "]
    assert isinstance(received[-1], Citation)
    assert received[-1].text == "src/shop.py:11"
    assert received[-1].place


async def test_invalid_address_is_named(ask):
    with pytest.raises(AskError, match="SEMLS_ASK_URL"):
        await ask(settings("http://a b"))


async def test_redirect_is_not_followed(ask):
    with serve_chat(answering("Hello.")) as other:
        await fails(
            ask,
            lambda handler: handler.respond(307, b"", Location=f"{other.url}/chat/completions"),
            f"redirects to {other.url}",
            key=KEY,
        )
        assert not other.requests


def endless_line(handler):
    handler.begin()
    for _ in itertools.count():
        handler.wfile.write(b"data: " + b"x" * 100_000)


def endless_body(handler):
    handler.send_response(500)
    handler.end_headers()
    for _ in itertools.count():
        handler.wfile.write(b"x" * 100_000 + b"\n")


def endless_answer(handler):
    handler.begin()
    for _ in itertools.count():
        handler.send("words " * 10_000)


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [(endless_line, "1 MiB"), (endless_body, "1 MiB"), (endless_answer, "1,000,000 characters")],
)
async def test_oversized_response_is_an_error(ask, behaviour, text):
    await fails(ask, behaviour, text)


async def test_server_that_is_not_running_is_named(ask):
    with pytest.raises(AskError, match=r"127\.0\.0\.1:9 cannot be reached .*SEMLS_ASK_URL"):
        await ask(settings("http://127.0.0.1:9/v1"))


async def test_proxy_is_used_for_other_machines_only(ask_text, monkeypatch):
    with serve_chat(answering("By proxy.")) as proxy, serve_chat(answering("Directly.")) as server:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")
        assert await ask_text(settings(server.url)) == "Directly."
        assert await ask_text(settings("http://models.example/v1")) == "By proxy."
        assert [path for path, _, _ in proxy.requests] == ["http://models.example/v1/chat/completions"]
