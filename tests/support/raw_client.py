"""A language client that writes and reads its own bytes, and so can send malformed messages."""

import json
import subprocess
import sys
import time

from tests.conftest import HANG


class RawClient:
    """Starts a language server and speaks JSON-RPC with it."""

    def __init__(self, environment, *options, stderr=subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [sys.executable, *options, "-m", "semls", "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        self.count = 0
        self.server_requests = []
        self.shown_messages = []  # notifications `window/showMessage`
        self.unanswered_methods = set()  # requests of the server that get no response
        self._responses = {}  # id → response that came before it was waited for

    def send(self, **message):
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def write(self, body, head=b"Content-Length: %d\r\n\r\n"):
        self.input.write(head % len(body) + body)
        self.input.flush()

    def receive(self):
        length = 0
        while (line := self.output.readline()) != b"\r\n":
            assert line.startswith(b"Content-"), line
            if line.startswith(b"Content-Length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.output.read(length))

    def request(self, method, params=None):
        """Send a request and return its id."""
        self.count += 1
        self.send(id=self.count, method=method, params=params)
        return self.count

    def answer(self, number):
        """Return the response to the request with this id; keep responses to others, which may come first."""
        while number not in self._responses:
            message = self.receive()
            if "method" not in message:
                self._responses[message.get("id")] = message
            elif "id" in message:
                self.server_requests.append(message)
                if message["method"] not in self.unanswered_methods:
                    self.send(id=message["id"], result=self._result(**message))
            elif message["method"] == "window/showMessage":
                self.shown_messages.append(message)
        return self._responses.pop(number)

    def _result(self, method, params, **_):
        """Return the result of a request of the server."""
        match method:
            case "workspace/configuration":
                return [None] * len(params["items"])
            case "window/showDocument":
                return {"success": True}
        return None

    def ask(self, method, params=None):
        """Send a request and return its response."""
        return self.answer(self.request(method, params))

    def start(self, **params):
        """Initialize the server and return its result."""
        answer = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}, **params})
        self.send(method="initialized", params={})
        return answer["result"]

    def search(self, query):
        """Search until all files are read, and return the hits. A response waits two seconds for them."""
        result = {"complete": False}
        while not result["complete"]:
            result = self.ask("semls/search", {"query": query})["result"]
        return result["hits"]

    def symbols(self, query):
        """Ask for workspace symbols until there are some. A response waits two seconds for the files."""
        deadline = time.monotonic() + HANG
        while not (found := self.ask("workspace/symbol", {"query": query})["result"]):
            assert time.monotonic() < deadline
        return found

    def end(self):
        """Close the streams and return the server's exit code."""
        self.input.close()
        self.output.close()
        return self.process.wait(HANG)
