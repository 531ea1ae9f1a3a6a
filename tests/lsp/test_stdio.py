"""The stream and the process of the language server, with a client that writes its own bytes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HANG
from tests.support.raw_client import RawClient


def test_initialize_returns_server_capabilities(raw):
    capabilities = raw().start()["capabilities"]
    assert capabilities["workspaceSymbolProvider"]
    assert sorted(capabilities["executeCommandProvider"]["commands"]) == [
        "semls.ask",
        "semls.clear",
        "semls.context",
        "semls.openBest",
        "semls.pause",
        "semls.reindex",
        "semls.resume",
        "semls.search",
        "semls.similar",
        "semls.status",
    ]
    assert capabilities["textDocumentSync"]["change"] == 2
    assert capabilities["workspace"]["workspaceFolders"]["supported"]


def test_initialize_returns_before_engine_starts(raw):
    assert "capabilities" in raw(SEMLS_CACHE_DIR="/dev/null/nowhere").start()


def test_exit_code_depends_on_shutdown(raw):
    after_shutdown = raw()
    after_shutdown.start()
    assert after_shutdown.ask("shutdown")["result"] is None
    after_shutdown.send(method="exit")
    assert after_shutdown.end() == 0
    without_shutdown = raw()
    without_shutdown.start()
    without_shutdown.send(method="exit")
    assert without_shutdown.end() == 1
    with_closed_input = raw()
    with_closed_input.start()
    assert with_closed_input.end() == 1


def test_request_before_initialize_or_after_shutdown_is_refused(raw):
    client = raw()
    client.send(method="textDocument/didSave", params={"textDocument": {"uri": "file:///a.py"}})
    assert client.ask("workspace/symbol", {"query": "x"})["error"]["code"] == -32002
    client.start()
    assert client.ask("initialize", {"processId": None, "capabilities": {}})["error"]["code"] == -32600
    assert client.ask("workspace/symbol", {"query": ""})["result"] == []
    assert client.ask("shutdown")["result"] is None
    client.send(method="textDocument/didSave", params={"textDocument": {"uri": "file:///a.py"}})
    assert client.ask("workspace/symbol", {"query": ""})["error"]["code"] == -32600
    client.send(method="exit")
    assert client.end() == 0


def test_initialize_with_unknown_enum_values_is_answered(raw):
    client = raw()
    symbol = {"symbolKind": {"valueSet": [1, 99]}, "tagSupport": {"valueSet": [1, 7]}}
    edit = {"failureHandling": "later", "resourceOperations": ["create", "copy"]}
    result = client.start(
        capabilities={
            "workspace": {"symbol": symbol, "workspaceEdit": edit, "telepathy": True},
            "general": {"positionEncodings": ["utf-64", "utf-8"]},
            "textDocument": {"documentSymbol": symbol, "completion": {"completionItemKind": symbol}},
        },
        trace="loud",
        clientInfo={"name": "tomorrow's editor"},
    )
    assert result["capabilities"]["positionEncoding"] == "utf-8"
    assert client.ask("workspace/symbol", {"query": ""})["result"] == []


@pytest.fixture
def suspended(raw, shared_terminal, workspace):
    """Return a client whose engine is suspended, and a function that resumes the engine."""
    client, shop = raw(), workspace("shop")
    client.start(rootUri=shop.as_uri())
    assert client.search("evict_expired")
    pid = shared_terminal.json("status", shop)["pid"]
    os.kill(pid, signal.SIGSTOP)
    yield client, lambda: os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGSTOP")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("workspace/symbol", {"query": "evict"}),
        ("semls/search", {"query": "evict"}),
        ("semls/duplicates", {}),
        ("workspace/executeCommand", {"command": "semls.search", "arguments": [{"query": "evict"}]}),
        ("workspace/executeCommand", {"command": "semls.status"}),
    ],
)
def test_cancelled_request_is_answered_at_once(suspended, method, params):
    client, resume = suspended
    number = client.request(method, params)
    client.send(method="$/cancelRequest", params={"id": number})
    assert client.answer(number)["error"]["code"] == -32800
    resume()
    assert client.search("evict_expired")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGSTOP")
def test_workspace_symbol_superseded_by_newer_one_is_cancelled(suspended):
    client, resume = suspended
    older = [client.request("workspace/symbol", {"query": "evict_expired"[:end]}) for end in range(3, 8)]
    newest = client.request("workspace/symbol", {"query": "evict_expired"})
    for number in older:
        assert client.answer(number)["error"]["code"] == -32801
    resume()
    assert client.answer(newest)["result"][0]["name"] == "evict_expired"


def test_root_path_without_workspace_folders_is_searched(raw, workspace):
    client = raw()
    client.start(rootPath=str(workspace("shop")))
    assert client.search("evict_expired")[0]["name"] == "evict_expired"


def test_folder_that_is_not_a_file_uri_is_ignored(raw, workspace):
    client, shop = raw(), workspace("shop")
    others = ["vscode-vfs://github/a/b", "untitled:one", "vsls:/", shop.as_uri()]
    client.start(workspaceFolders=[{"uri": uri, "name": "one"} for uri in others])
    client.send(
        method="textDocument/didSave", params={"textDocument": {"uri": "vscode-vfs://github/a/b/c.py"}}
    )
    assert client.search("evict_expired")[0]["name"] == "evict_expired"
    assert len(client.ask("semls/status")["result"]["folders"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not UTF-8")
@pytest.mark.parametrize(
    ("name", "uri"),
    [
        (b"one", "file://localhost{}/one"),
        (b"one", "FILE://{}/%6Fne/"),
        (b"one", "file:{}//x/../one"),
        (b"a;b", "file://{}/a;b"),
        (b"a#b?", "file://{}/a%23b%3f"),
        (b"caf\xe9", "file://{}/caf%E9"),
        ("café".encode(), "file://{}/café"),
    ],
)
def test_folder_with_unusual_uri_is_searched(raw, workspace, name, uri):
    shop = workspace("shop")
    folder = os.path.join(os.fsencode(shop.parent), name)
    os.rename(shop, folder)
    client, file = raw(), os.path.join(folder, b"store/session.rs")
    client.start(workspaceFolders=[{"uri": uri.format(shop.parent), "name": "one"}])
    (found,) = client.search("name:evict_expired")
    assert (found["uri"], found["folder"]) == (Path(os.fsdecode(file)).as_uri(), "one")
    document = {"uri": f"{uri.format(shop.parent)}/store/session.rs", "languageId": "rust", "version": 1}
    document["text"] = "// new\n" + Path(os.fsdecode(file)).read_text()
    client.send(method="textDocument/didOpen", params={"textDocument": document})
    (moved,) = client.search("name:evict_expired")
    assert moved["range"]["start"]["line"] == found["range"]["start"]["line"] + 1
    similar = client.ask("semls/similar", {"uri": document["uri"], "position": moved["range"]["start"]})
    assert similar["result"]["name"] == "evict_expired"


def test_refused_request_is_not_logged(shared_terminal, workspace):
    client = RawClient(shared_terminal.environment, stderr=subprocess.PIPE)
    client.start(rootUri=workspace("shop").as_uri())
    assert client.ask("semls/search", {"colour": 1})["error"]["code"] == -32602
    assert client.ask("workspace/symbol", [])["error"]["code"] == -32602
    assert client.ask("semls/dance")["error"]["code"] == -32601
    client.input.close()
    assert client.process.stderr
    assert client.process.stderr.read() == b""
    client.process.stderr.close()
    client.end()


def test_params_that_cannot_be_structured_return_error(raw):
    client = raw()
    client.start()
    assert client.ask("workspace/symbol", [])["error"]["code"] == -32602
    assert client.ask("workspace/symbol", {})["error"]["code"] == -32602
    assert client.ask("workspace/symbol", {"query": ""})["result"] == []


def test_unknown_command_is_refused(raw):
    client = raw()
    client.start()
    answer = client.ask("workspace/executeCommand", {"command": "semls.dance"})
    assert answer["error"]["code"] == -32602


def test_engine_that_cannot_start_is_explained(raw, tmp_path):
    client = raw(SEMLS_CACHE_DIR="/dev/null/nowhere")
    client.start(rootUri=tmp_path.as_uri())
    answer = client.ask("workspace/symbol", {"query": "anything"})
    assert "SEMLS_CACHE_DIR" in answer["error"]["message"]


@pytest.mark.skipif(os.name == "nt", reason="on Windows the server ends with its pipe")
def test_server_exits_with_editor_while_pipe_stays_open(raw):
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    client = raw()
    client.start(processId=editor.pid)
    editor.communicate(b"\n")
    assert client.process.wait(HANG) == 1


def test_stray_output_does_not_corrupt_protocol(raw, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import threading, os, subprocess, sys\n"
        "def noise():\n"
        "    while True:\n"
        "        print('noise'); os.write(1, b'noise')\n"
        "        subprocess.run([sys.executable, '-S', '-c', 'print(1)'])\n"
        "def begin():\n"
        "    import semls.lsp.stdio as stdio\n"
        "    claim = stdio.claim\n"
        "    def claimed():\n"
        "        streams = claim(); threading.Thread(target=noise, daemon=True).start(); return streams\n"
        "    stdio.claim = claimed\n"
        "if 'lsp' in sys.orig_argv: begin()\n"
    )
    client = raw("-u", PYTHONPATH=str(tmp_path))
    client.start()
    for _ in range(50):
        assert client.ask("workspace/symbol", {"query": ""})["result"] == []
