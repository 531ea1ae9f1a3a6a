"""The command `semls.ask`, with a fake command and a fake server as language models."""

import asyncio
import os
import shlex
import shutil
import sys
from types import SimpleNamespace

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.conftest import FIXTURES
from tests.support.chat_server import answering, serve_chat
from tests.support.language_clients import as_range, editing, execute, to_json
from tests.support.waiting import wait_until, wait_until_async

QUESTION = {"query": "where are expired sessions evicted", "tokens": 2000}


@pytest.fixture(scope="module")
def directory(shared_terminal, tmp_path_factory):
    """A directory with an indexed workspace."""
    directory = tmp_path_factory.mktemp("ask")
    shutil.copytree(FIXTURES / "shop", directory / "shop")
    shared_terminal.json("index", directory / "shop")
    return directory


@pytest.fixture
def asking(shared_terminal, directory):
    """Return a function that starts a client whose server has further environment variables."""

    def start(*, options=None, **variables):
        setup = directory, SimpleNamespace(environment={**shared_terminal.environment, **variables})
        return editing(setup, "shop", initialization_options=options)

    return start


def command(code):
    return shlex.join([sys.executable, "-c", code])


async def fails(client, code, *texts):
    with pytest.raises(JsonRpcException) as raised:
        await execute(client, "semls.ask", QUESTION)
    assert raised.value.code == code
    for text in texts:
        assert text in raised.value.message


async def test_ask_returns_the_answer_and_its_citations(asking, directory):
    session = directory / "shop" / "store" / "session.rs"
    with serve_chat(
        answering("See session.rs:27-29,\x1b[2J\nnot api/orders.go:999. session.rs:27-29")
    ) as server:
        async with asking(SEMLS_ASK_URL=server.url, SEMLS_ASK_MODEL="qwen3") as client:
            unsaved = "// not saved\n" + session.read_text()
            item = types.TextDocumentItem(session.as_uri(), "rust", 1, unsaved)
            client.text_document_did_open(types.DidOpenTextDocumentParams(item))
            result = to_json(await execute(client, "semls.ask", QUESTION))
    assert result["answer"] == (
        "See session.rs:27-29,\\x1b[2J\nnot api/orders.go:999 [unverified]. session.rs:27-29"
    )
    (citation,) = result["citations"]
    assert (citation["text"], citation["path"]) == ("session.rs:27-29", "store/session.rs")
    assert citation["uri"] == session.as_uri()
    lines = as_range(citation["range"])
    assert (lines.start.line, lines.end.line) == (27, 30)  # one line below the place in the file
    assert citation["code"].startswith("pub fn evict_expired")


async def test_ask_without_a_model_shows_how_to_configure_one(asking):
    """The options of an editor may come from a workspace, so that they configure none."""
    options = {"ask": {"command": "cat"}, "askCommand": "cat"}
    async with asking(options=options) as client:
        await fails(client, types.ErrorCodes.InvalidParams, "SEMLS_ASK_COMMAND", "SEMLS_ASK_URL")


async def test_ask_that_fails_is_an_error(asking):
    async with asking(SEMLS_ASK_COMMAND=command("exit('Please log in')")) as client:
        await fails(client, types.LSPErrorCodes.RequestFailed, "status 1 (Please log in)")


async def test_ask_tells_that_the_model_has_cut_off_the_answer(asking):
    def behaviour(handler):
        handler.begin()
        handler.send("It is in session.rs:27")
        handler.send_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})

    with serve_chat(behaviour) as server:
        async with asking(SEMLS_ASK_URL=server.url, SEMLS_ASK_MODEL="qwen3") as client:
            result = to_json(await execute(client, "semls.ask", QUESTION))
    assert result["answer"] == (
        "It is in session.rs:27\n\n"
        "(The answer is incomplete: the model qwen3 has reached its limit of tokens.)"
    )
    assert len(result["citations"]) == 1


async def test_ask_keeps_the_text_of_an_answer_that_breaks_off(asking):
    broken = command("print('It is in session.rs:27.', flush=True); exit('The connection was lost')")
    async with asking(SEMLS_ASK_COMMAND=broken) as client:
        result = to_json(await execute(client, "semls.ask", QUESTION))
    text, _, reason = result["answer"].partition("\n\n")
    assert text.rstrip() == "It is in session.rs:27."
    assert "status 1 (The connection was lost)" in reason
    assert len(result["citations"]) == 1


async def test_ask_without_code_that_matches_sends_nothing(asking):
    with serve_chat(answering("Yes.")) as server:
        async with asking(SEMLS_ASK_URL=server.url, SEMLS_ASK_MODEL="qwen3") as client:
            result = to_json(await execute(client, "semls.ask", {**QUESTION, "languages": ["cobol"]}))
    assert result == {"answer": "", "citations": []}
    assert not server.requests


class Blocking:
    """A command that runs until it is ended. The pipe that it holds open shows when that happens."""

    def __init__(self, folder):
        fifo = folder / "fifo"
        os.mkfifo(fifo)
        self._reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        code = f"import signal; pipe = open({str(fifo)!r}, 'wb', 0); pipe.write(b'.'); signal.pause()"
        self.command = command(code)

    def has_started(self):
        try:
            return os.read(self._reader, 1) == b"."
        except BlockingIOError:
            return False

    def has_ended(self):
        try:
            return os.read(self._reader, 1) == b""
        except BlockingIOError:
            return False


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
async def test_cancelling_the_progress_ends_the_command(asking, tmp_path):
    blocking = Blocking(tmp_path)
    async with asking(SEMLS_ASK_COMMAND=blocking.command) as client:
        answer = asyncio.ensure_future(execute(client, "semls.ask", QUESTION))

        def tokens():
            return [
                token
                for token, reports in client.progress_reports.items()
                for report in reports
                if isinstance(report, types.WorkDoneProgressBegin) and "Asking" in (report.message or "")
            ]

        await until(lambda: tokens() and blocking.has_started())
        (token,) = tokens()
        client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        with pytest.raises(JsonRpcException, match="The question was cancelled"):
            await answer
        await until(blocking.has_ended)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_cancelling_the_request_ends_the_command(raw, directory, tmp_path):
    blocking = Blocking(tmp_path)
    client = raw(SEMLS_ASK_COMMAND=blocking.command)
    client.start(workspaceFolders=[{"uri": (directory / "shop").as_uri(), "name": "shop"}])
    number = client.request("workspace/executeCommand", {"command": "semls.ask", "arguments": [QUESTION]})
    wait_until(blocking.has_started)
    client.send(method="$/cancelRequest", params={"id": number})
    assert client.answer(number)["error"]["code"] == types.LSPErrorCodes.RequestCancelled
    wait_until(blocking.has_ended)


async def until(condition):
    async def is_true():
        return condition()

    await wait_until_async(is_true)
