"""The stream and the process: what a client with its own bytes sees."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import HANG


class Raw:
    """A language client of few words."""

    def __init__(self, environment, *options):
        self.process = subprocess.Popen(
            [sys.executable, *options, "-m", "semls", "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        self.count = 0

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.input.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.input.flush()

    def receive(self):
        length = 0
        while (line := self.output.readline()) != b"\r\n":
            assert line.startswith(b"Content-"), line
            if line.startswith(b"Content-Length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.output.read(length))

    def ask(self, method, params=None):
        self.count += 1
        self.send(id=self.count, method=method, params=params)
        while True:
            message = self.receive()
            if message.get("id") == self.count and "method" not in message:
                return message

    def start(self, **params):
        answer = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}, **params})
        self.send(method="initialized", params={})
        return answer["result"]

    def end(self):
        self.input.close()
        self.output.close()
        return self.process.wait(HANG)


@pytest.fixture
def raw(terminal):
    started = []

    def start(*options):
        started.append(Raw(terminal.environment, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.end()


def test_what_is_offered(raw):
    capabilities = raw().start()["capabilities"]
    assert capabilities["workspaceSymbolProvider"]
    assert sorted(capabilities["executeCommandProvider"]["commands"]) == [
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
    assert capabilities["textDocumentSync"]["change"] == 0
    assert capabilities["workspace"]["workspaceFolders"]["supported"]


def test_initialize_does_not_wait_for_an_engine(raw, terminal):
    terminal.environment["SEMLS_CACHE_DIR"] = "/dev/null/nowhere"
    assert "capabilities" in raw().start()


def test_the_exit_code_tells_whether_shutdown_came_first(raw):
    orderly = raw()
    orderly.start()
    assert orderly.ask("shutdown")["result"] is None
    orderly.send(method="exit")
    assert orderly.end() == 0
    hasty = raw()
    hasty.start()
    hasty.send(method="exit")
    assert hasty.end() == 1
    gone = raw()
    gone.start()
    assert gone.end() == 1


def test_parameters_that_do_not_decode_are_answered(raw):
    client = raw()
    client.start()
    assert client.ask("workspace/symbol", [])["error"]["code"] == -32602
    assert client.ask("workspace/symbol", {})["error"]["code"] == -32602
    assert client.ask("workspace/symbol", {"query": ""})["result"] == []


def test_an_unknown_command_is_refused(raw):
    client = raw()
    client.start()
    answer = client.ask("workspace/executeCommand", {"command": "semls.dance"})
    assert answer["error"]["code"] == -32602


def test_an_engine_that_cannot_start_is_explained(raw, terminal, tmp_path):
    terminal.environment["SEMLS_CACHE_DIR"] = "/dev/null/nowhere"
    client = raw()
    client.start(rootUri=tmp_path.as_uri())
    answer = client.ask("workspace/symbol", {"query": "anything"})
    assert "SEMLS_CACHE_DIR" in answer["error"]["message"]


@pytest.mark.skipif(os.name == "nt", reason="there the client's end of the pipe tells")
def test_it_leaves_with_its_editor_even_while_another_holds_the_pipe(raw):
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    client = raw()
    client.start(processId=editor.pid)
    editor.communicate(b"\n")
    assert client.process.wait(HANG) == 1


def test_stray_output_does_not_reach_the_protocol(raw, terminal, tmp_path):
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
    terminal.environment["PYTHONPATH"] = str(tmp_path)
    client = raw("-u")
    client.start()
    for _ in range(50):
        assert client.ask("workspace/symbol", {"query": ""})["result"] == []
