"""A fake model hub, and Python processes that cannot reach the real one."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from semls.engine.models import presets
from semls.settings import DEFAULT_MODEL

UNREACHABLE = "http://127.0.0.1:9"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
COMMIT = presets.PRESETS[DEFAULT_MODEL].revision or ""
_LARGE = 50_000_000  # bytes: only weights are larger


class Hub(BaseHTTPRequestHandler):
    """Serves the files of one model; blocks in the middle of large files until the gate is open."""

    files: dict[str, bytes]
    error: str
    requests: list[str]
    endpoint: str
    gate: threading.Event

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        self.requests.append(path)
        if self.error:
            self.respond(404, b"{}", {"X-Error-Code": self.error, "X-Error-Message": "It is not here."})
        elif "/tree/" in path:
            self.respond_json(
                [
                    {"type": "file", "path": name, "size": len(content), "oid": name}
                    for name, content in self.files.items()
                ]
            )
        elif path.startswith("/api/"):
            model = path.removeprefix("/api/models/").split("/revision/")[0]
            siblings = [{"rfilename": name, "size": len(content)} for name, content in self.files.items()]
            self.respond_json({"id": model, "sha": COMMIT, "siblings": siblings})
        else:
            name = path.rpartition("/")[2]
            self.respond(200, self.files[name], {"ETag": f'"{name}"', "X-Repo-Commit": COMMIT})

    def respond_json(self, content):
        self.respond(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def respond(self, status, content, headers):
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
def serve_hub(files):
    """Serve a hub with these files; yields its handler class, which records the requests."""

    class Handler(Hub):
        """The state of this hub alone."""

    Handler.files, Handler.error, Handler.requests = files, "", []
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


def run_offline(code, **environment):
    """Return what Python prints; it has neither a network nor a cache, unless `environment` names them."""
    program = f"""if True:
        from pathlib import Path
        from semls.engine.models import download, encoder, presets, registry
        from semls.errors import SemlsError
        try:
            {code}
        except SemlsError as error:
            print(type(error).__name__, error)"""
    environment = {"HF_ENDPOINT": UNREACHABLE, "HF_HUB_CACHE": "/no/such/folder", **environment}
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
