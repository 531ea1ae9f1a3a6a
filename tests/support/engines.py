"""Runs engines as separate processes."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from semls.service.state import EnginePaths
from semls.settings import EngineSettings
from tests.conftest import Terminal
from tests.support.waiting import wait_until

_CONNECTION_TIMEOUT = 30.0  # seconds


class EngineProcess:
    """An engine that runs in the foreground of a process, and raw connections to it."""

    def __init__(self, terminal: Terminal, **options):
        self.paths = EnginePaths(EngineSettings(terminal.cache, terminal.state))
        command = [sys.executable, "-m", "semls", "engine", "run"]
        self.process = subprocess.Popen(command, env=terminal.environment, **options)
        wait_until(self._has_started)
        state = self.paths.read_state()
        assert state
        self.state = state

    def _has_started(self):
        assert self.process.poll() is None
        return self.paths.read_state()

    @property
    def memory(self):
        """The resident memory in bytes."""
        pages = int(Path(f"/proc/{self.state.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def head(self, *lines, path="/", token=None):
        """Return the head of a request without the empty line at its end."""
        host, authorization = f"Host: 127.0.0.1:{self.state.port}", f"Authorization: Bearer {token}"
        first = f"POST {path} HTTP/1.1"
        return "".join(f"{line}\r\n" for line in (first, host, authorization, *lines)).encode()

    def connect(self, sent=b""):
        """Return a connection on which some bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.state.port), timeout=_CONNECTION_TIMEOUT)
        connection.sendall(sent)
        return connection

    def ping(self):
        """Return the status line of the response to a ping with the token."""
        with self.connect(self.head("Connection: close", token=self.state.token) + b"\r\n") as connection:
            return received(connection).split(b"\r\n")[0]

    def stop(self):
        self.process.kill()
        self.process.wait()


def received(connection: socket.socket) -> bytes:
    """Return the bytes that are received until the connection is closed."""
    response = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 16):
            response += part
    return response
