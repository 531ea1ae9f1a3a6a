"""A Chroma server in a process of its own."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import chromadb
import httpx

from tests.support.waiting import wait_until_async


class Chroma:
    """A Chroma server, started with `chroma run`."""

    def __init__(self, directory):
        self.directory = directory
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    async def start(self):
        self._run()
        await wait_until_async(self._has_heartbeat)

    def _run(self):
        program = shutil.which("chroma", path=str(Path(sys.executable).parent))
        assert program
        options = ["--path", self.directory, "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [program, "run", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    async def _has_heartbeat(self):
        assert self._process.poll() is None
        async with httpx.AsyncClient() as http:
            with contextlib.suppress(httpx.TransportError):
                return (await http.get(f"http://127.0.0.1:{self.port}/api/v2/heartbeat")).is_success

    @property
    def pid(self):
        return self._process.pid

    @property
    def memory(self):
        """In bytes, on Linux."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self):
        self._process.kill()
        self._process.wait()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self):
        return chromadb.HttpClient("127.0.0.1", self.port)

    @property
    def collection(self):
        (found,) = self.client.list_collections()
        return found
