"""A fake server of OpenAI's API for chat completions."""

import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer(BaseHTTPRequestHandler):
    """Records requests and answers each with `behaviour`, a function that takes the handler."""

    requests: list[tuple[str, dict[str, str], dict[str, object]]]
    url: str
    behaviour: Callable[["ChatServer"], None]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, dict(self.headers), body))
        type(self).behaviour(self)

    def respond(self, status, content, **headers):
        """Send a whole response; an underscore in the name of a header stands for a hyphen."""
        self.send_response(status)
        for name, value in {**headers, "Content_Length": len(content)}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)

    def begin(self):
        """Begin a stream of events."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()

    def send(self, *texts):
        """Send parts of an answer."""
        for text in texts:
            self.send_event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})

    def send_event(self, event):
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def end(self):
        """Send the end of a stream, as OpenAI does."""
        self.send_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.wfile.write(b"data: [DONE]\n\n")

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the client closed the connection
            super().handle()

    def log_message(self, *_):
        pass


def answering(*texts):
    """Return a behaviour: stream an answer in parts."""

    def behaviour(handler):
        handler.begin()
        handler.send(*texts)
        handler.end()

    return behaviour


@contextlib.contextmanager
def serve_chat(behaviour):
    """Serve a fake model; yields its handler class, which has the URL and records the requests."""

    class Handler(ChatServer):
        """The state of this server alone."""

    Handler.behaviour = behaviour
    Handler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        Handler.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield Handler
        finally:
            server.shutdown()
            thread.join()
