"""An agent that starts `semls mcp` and exchanges JSON lines with it."""

import json
import subprocess
import sys

from tests.conftest import HANG

_META = "io.modelcontextprotocol/"


class AgentClient:
    """Speaks the protocol with a session, of 2025, or the one without, of 2026."""

    def __init__(self, environment, cwd, *, stateless=False, options=(), command=None):
        self.process = subprocess.Popen(
            command or [sys.executable, *options, "-m", "semls", "mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdin
        assert self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        self.count = 0
        self.notifications = []
        self.answered = []  # ids, in the order of the responses
        self._responses = {}
        self._stateless = stateless

    def start(self):
        """Open the connection and return what the server says about itself."""
        if self._stateless:
            return self.ask("server/discover")["result"]
        client = {"name": "test", "version": "1"}
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        result = self.ask("initialize", params)["result"]
        self.send(method="notifications/initialized")
        return result

    def send(self, **message):
        self.input.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.input.flush()

    def request(self, method, params=None):
        """Send a request and return its id."""
        self.count += 1
        params = dict(params or {})
        if self._stateless:
            params["_meta"] = {
                **params.get("_meta", {}),
                f"{_META}protocolVersion": "2026-07-28",
                f"{_META}clientInfo": {"name": "test", "version": "1"},
                f"{_META}clientCapabilities": {},
            }
        self.send(id=self.count, method=method, params=params)
        return self.count

    def answer(self, number):
        """Return the response to a request."""
        while number not in self._responses:
            message = json.loads(self.output.readline())
            if "id" in message:
                self.answered.append(message["id"])
                self._responses[message["id"]] = message
            else:
                self.notifications.append(message)
        return self._responses.pop(number)

    def ask(self, method, params=None):
        return self.answer(self.request(method, params))

    def call(self, tool, *, token=None, **arguments):
        """Call a tool and return the text of its result."""
        return self.result(self.request_call(tool, token=token, **arguments))

    def fail(self, tool, **arguments):
        """Call a tool and return the error that it reports to the agent."""
        result = self.answer(self.request_call(tool, **arguments))["result"]
        assert result["isError"], result
        return result["content"][0]["text"]

    def request_call(self, tool, *, token=None, **arguments):
        meta = {"progressToken": token} if token else {}
        return self.request("tools/call", {"name": tool, "arguments": arguments, "_meta": meta})

    def result(self, number):
        result = self.answer(number)["result"]
        (content,) = result["content"]
        assert not result["isError"], content
        assert "structuredContent" not in result
        return content["text"]

    def end(self):
        """Close the input; return the exit code and what was written to stderr."""
        rest, errors = self.process.communicate(timeout=HANG)
        assert rest == ""
        return self.process.returncode, errors
