"""As much of the model hub as a download needs, and programs that have none."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from semls.engine.models import presets
from semls.settings import DEFAULT_MODEL

NOWHERE = "http://127.0.0.1:9"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
COMMIT = presets.PRESETS[DEFAULT_MODEL].revision or ""
_LARGE = 50_000_000  # bytes: that of weights


class Hub(BaseHTTPRequestHandler):
    """Gives out the files of one model, the second half of large ones as soon as the gate is open."""

    files: dict[str, bytes]
    error: str
    asked: list[str]
    endpoint: str
    gate: threading.Event

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        self.asked.append(path)
        if self.error:
            self.answer(404, b"{}", {"X-Error-Code": self.error, "X-Error-Message": "It is not here."})
        elif "/tree/" in path:
            self.json(
                [
                    {"type": "file", "path": name, "size": len(content), "oid": name}
                    for name, content in self.files.items()
                ]
            )
        elif path.startswith("/api/"):
            model = path.removeprefix("/api/models/").split("/revision/")[0]
            siblings = [{"rfilename": name, "size": len(content)} for name, content in self.files.items()]
            self.json({"id": model, "sha": COMMIT, "siblings": siblings})
        else:
            name = path.rpartition("/")[2]
            self.answer(200, self.files[name], {"ETag": f'"{name}"', "X-Repo-Commit": COMMIT})

    def json(self, content):
        self.answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def answer(self, status, content, headers):
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            half = len(content) // 2
            self.wfile.write(content[:half])
            if len(content) > _LARGE:
                self.gate.wait()
            self.wfile.write(content[half:])

    def log_message(self, *_):
        pass


@contextmanager
def served(files):
    """A hub, as a class that holds what is asked of it."""

    class Handler(Hub):
        """Of this hub alone."""

    Handler.files, Handler.error, Handler.asked = files, "", []
    Handler.gate = threading.Event()
    Handler.gate.set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        Handler.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield Handler
        finally:
            Handler.gate.set()
            server.shutdown()
            thread.join()


def run(code, **environment):
    """What Python prints, with neither a network nor anything cached."""
    program = f"""if True:
        from pathlib import Path
        from semls.engine.models import download, encoder, presets, registry
        from semls.errors import SemlsError
        try:
            {code}
        except SemlsError as error:
            print(type(error).__name__, error)"""
    environment = {"HF_ENDPOINT": NOWHERE, "HF_HUB_CACHE": "/no/such/folder", **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PATH": "/usr/bin", "HOME": "/no/such/home", **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()
