"""A client with its own bytes, which sees the stream and the process."""

import json
import subprocess
import sys

from tests.conftest import HANG


class Raw:
    """A language client of few words."""

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
        self.asked = []  # by the server
        self.told = []  # what the user was shown
        self.answers = {}  # that came before they were waited for, by the id of the request
        self.unheard = set()  # methods that are never answered

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
        self.count += 1
        self.send(id=self.count, method=method, params=params)
        return self.count

    def answer(self, number):
        """Wait for the answer to a request; those to others, which may come first, are kept."""
        while number not in self.answers:
            message = self.receive()
            if "method" not in message:
                self.answers[message.get("id")] = message
            elif "id" in message:
                self.asked.append(message)
                if message["method"] not in self.unheard:
                    self.send(id=message["id"], result=self.reply(**message))
            elif message["method"] == "window/showMessage":
                self.told.append(message)
        return self.answers.pop(number)

    def reply(self, method, params, **_):
        """To what the server asks."""
        match method:
            case "workspace/configuration":
                return [None] * len(params["items"])
            case "window/showDocument":
                return {"success": True}
        return None

    def ask(self, method, params=None):
        return self.answer(self.request(method, params))

    def start(self, **params):
        answer = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}, **params})
        self.send(method="initialized", params={})
        return answer["result"]

    def end(self):
        self.input.close()
        self.output.close()
        return self.process.wait(HANG)
