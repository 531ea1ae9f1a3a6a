"""Invalid input: every request gets a result or an error with a readable message."""

import copy
import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import FIXTURES, Terminal
from tests.support.raw_client import RawClient

SEARCH = {"query": "evict", "limit": 3, "languages": ["rust"], "paths": ["store"], "kinds": ["method"]}
BEST = {key: value for key, value in SEARCH.items() if key != "limit"}
CONTEXT = {**BEST, "tokens": 300}
SIMILAR = {"uri": "URI", "position": {"line": 30, "character": 3}, "limit": 3}

REQUESTS = {
    "semls/search": SEARCH,
    "semls/similar": SIMILAR,
    "semls/context": CONTEXT,
    "semls/duplicates": {"limit": 3, "tests": False},
    "semls/status": None,
    "workspace/symbol": {"query": "evict"},
}
COMMANDS = {
    "semls.search": [SEARCH],
    "semls.openBest": [BEST],
    "semls.similar": [SIMILAR],
    "semls.context": [CONTEXT],
    "semls.status": [],
    "semls.reindex": [],
    "semls.clear": [],
    "semls.pause": [],
    "semls.resume": [],
}


def nested(depth, value):
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    2**31,
    10**300,
    math.nan,
    math.inf,
    "",
    "text",
    "\ud800",
    "\0",
    "x" * 200_000,
    [],
    [[]],
    [None],
    [{}],
    ["x"] * 5_000,
    {},
    {"jsonrpc": "2.0", "id": 1, "method": "exit"},
    {"type_name": 5, "a b": {"\ud800": 1}},
    nested(400, {}),
]
JARGON = ("pydantic", "validation error", "Input should", "http", "Traceback", "Error", "dict", "str ")


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Return a client and the URI of a file; the server must not log a defect."""
    directory = tmp_path_factory.mktemp("input")
    terminal = Terminal(directory / "semls")
    shop = Path(shutil.copytree(FIXTURES / "shop", directory / "shop"))
    client = RawClient(terminal.environment, stderr=subprocess.PIPE)
    client.start(rootUri=shop.as_uri(), capabilities={"window": {"showDocument": {"support": True}}})
    yield client, (shop / "store/session.rs").as_uri()
    client.input.close()
    assert client.process.stderr
    assert client.process.stderr.read() == b""
    client.process.stderr.close()
    client.end()
    terminal.stop()


def variants(params):
    """Yield the parameters with each value at each position."""
    yield from VALUES
    if isinstance(params, dict | list):
        for key in params if isinstance(params, dict) else range(len(params)):
            for changed in variants(params[key]):
                whole = copy.copy(params)
                whole[key] = changed
                yield whole
        if isinstance(params, dict):
            yield {**params, "colour": "red"}
            yield {**params, "x" * 5_000: "red"}


def with_uri(params, uri):
    return json.loads(json.dumps(params).replace('"URI"', json.dumps(uri)))


def check_errors(answers):
    refusals = [answer["error"] for answer in answers if "error" in answer]
    for error in refusals:
        assert error["code"] == -32602, error
        assert 10 < len(error["message"]) < 500, error
        assert error["message"].endswith("."), error
        assert not [word for word in JARGON if word in error["message"]], error
    assert refusals


@pytest.mark.parametrize("method", REQUESTS)
def test_request_with_invalid_params_returns_readable_error(opened, method):
    client, uri = opened
    variations = [with_uri(params, uri) for params in variants(REQUESTS[method])]
    check_errors([client.ask(method, params) for params in variations])
    assert "result" in client.ask(method, with_uri(REQUESTS[method], uri))


@pytest.mark.parametrize("command", COMMANDS)
def test_command_with_invalid_arguments_returns_readable_error(opened, command):
    client, uri = opened
    method = "workspace/executeCommand"
    variations = [with_uri(arguments, uri) for arguments in variants(COMMANDS[command])]
    check_errors(
        [client.ask(method, {"command": command, "arguments": variation}) for variation in variations]
    )
    assert "result" in client.ask(method, {"command": command, "arguments": with_uri(COMMANDS[command], uri)})


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"query": "x", "languages": 5}, "'languages' must be a list of strings, not a number."),
        ({"query": "x", "languages": "rust"}, "'languages' must be a list of strings, not a string."),
        ({"query": "x", "paths": {}}, "'paths' must be a list of strings, not an object."),
        ({"query": "x", "kinds": [None]}, "'kinds[0]' must be a string, not null."),
        ({"query": "x", "limit": math.nan}, "'limit' must be an integer, not a number."),
        ({"query": "x", "limit": 0}, "'limit' must be at least 1."),
        ({"query": "x", "limit": 1_001}, "'limit' must be at most 1,000."),
        ({"limit": 1}, "'query' is missing; required: query."),
        (
            {"query": "x", "colour": 1},
            "'colour' is unknown; expected one of: "
            "query, languages, paths, excluded, kinds, tests, limit, group, wait.",
        ),
        ({"query": "\ud800"}, "'query' contains half of a surrogate pair, which is not a character."),
        ({"query": "x" * 10_000_000}, "'query' must have at most 10,000 characters."),
    ],
)
def test_search_with_invalid_params_names_the_problem(opened, params, sentence):
    client, _ = opened
    assert client.ask("semls/search", params)["error"] == {"code": -32602, "message": sentence}
    answer = client.ask("workspace/executeCommand", {"command": "semls.search", "arguments": [params]})
    assert answer["error"]["message"] == sentence


@pytest.mark.parametrize(
    "uri", ["file:x.py", "file:", "file://[", "file:///a%00b.py", "untitled:x", "x.py", "file:///\ud800.py"]
)
def test_similar_with_invalid_file_uri_is_refused(opened, uri):
    client, _ = opened
    check_errors([client.ask("semls/similar", {**SIMILAR, "uri": uri})])


def test_request_without_params_is_answered(opened):
    """vscode-jsonrpc omits `params`."""
    client, _ = opened
    client.send(id="without", method="semls/status")
    assert client.answer("without")["result"]["folders"]
    client.send(id="without", method="semls/search")
    assert client.answer("without")["error"]["code"] == -32602


def test_malformed_message_returns_json_rpc_error(opened):
    client, _ = opened
    for body, number, code in (
        (b"{", None, -32700),
        (b'{"query": "\xff"}', None, -32700),
        (b"[" * 200_000, None, -32700),
        (b'{"a":' * 200_000, None, -32700),
        (b'{"jsonrpc": "2.0", "id": 1%s, "method": "semls/status"}' % (b"0" * 10_000), None, -32700),
        (b"[]", None, -32600),
        (b"5", None, -32600),
        (b'{"id": 7, "method": "semls/status"}', 7, -32600),
        (b'{"jsonrpc": "1.0", "id": 7, "method": "semls/status"}', 7, -32600),
        (b'{"jsonrpc": "2.0", "id": 7, "method": {}}', 7, -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "semls/status"}', None, -32600),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "semls/status"}', None, -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "semls/status"}', None, -32600),
    ):
        client.write(body)
        error = client.answer(number)["error"]
        assert error["code"] == code, (body[:100], error)
        assert error["message"].endswith(".")
    client.write(b'{"jsonrpc": "2.0"}')  # neither a request nor a response
    assert client.ask("semls/status")["result"]["folders"]


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: %d\r\n\r\n",
        b"CONTENT-LENGTH:%d\r\n\r\n",
        b"Content-Length:  %d \r\ncontent-type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc\r\nContent-length: %d\r\n\r\n",
    ],
)
def test_header_field_names_are_case_insensitive(opened, head):
    client, _ = opened
    client.write(b'{"jsonrpc": "2.0", "id": "head", "method": "semls/status"}', head)
    assert client.answer("head")["result"]["folders"]


def test_notification_with_invalid_params_is_ignored(opened):
    client, uri = opened
    document = {"uri": uri, "languageId": "rust", "version": 1, "text": "one"}
    position = {"line": 0, "character": 0}
    change = {"range": {"start": position, "end": position}, "text": "x"}
    for method, params in (
        ("textDocument/didOpen", {"textDocument": document}),
        ("textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}),
        ("textDocument/didClose", {"textDocument": {"uri": uri}}),
        ("textDocument/didSave", {"textDocument": {"uri": uri}}),
        ("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": []}}),
        ("window/workDoneProgress/cancel", {"token": "semls-1"}),
        ("$/cancelRequest", {"id": 1}),
        ("semls/dance", None),
    ):
        for wrong in variants(params):
            client.send(method=method, params=wrong)
    assert client.search("evict_expired")


def test_invalid_settings_keep_defaults_and_are_reported_once(opened):
    client, _ = opened
    for options in VALUES:
        for wrong in (options, {"store": options}, {"store": {"headers": options}}, {"revision": options}):
            for _ in range(2):
                client.send(method="workspace/didChangeConfiguration", params={"settings": {"semls": wrong}})
    assert client.search("evict_expired")
    messages = [one["params"]["message"] for one in client.shown_messages]
    assert len(messages) == len(set(messages))
    check_errors([{"error": {"code": -32602, "message": message}} for message in messages])


def test_initialization_options_of_wrong_type_are_reported(raw, workspace):
    shop = workspace("shop").as_uri()
    for wrong, kind in ((5, "a number"), (["model"], "a list"), ("text", "a string")):
        client = raw()
        client.start(rootUri=shop, initializationOptions=wrong)
        assert client.search("evict_expired")
        assert f"must be an object, not {kind}" in client.shown_messages[0]["params"]["message"]
