"""Run commands in a shell and check how they fail."""

import contextlib
import os
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import HANG, Terminal


def assert_fails(done: "subprocess.CompletedProcess[str]", status: int, *texts: str) -> None:
    """Check the exit status, and that stderr contains the texts and no traceback."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for text in texts:
        assert text in done.stderr.replace("\n", " ")


def run_shell(
    terminal: Terminal, line: str, cwd: Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a shell command in which "$semls" stands for the command line."""
    return subprocess.run(
        ["sh", "-c", line.replace("$semls", f"{sys.executable} -m semls")],
        cwd=cwd,
        env={**terminal.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=HANG,
        check=False,
    )


def read_all(descriptor: int) -> bytes:
    """Read a pipe or a pseudoterminal to its end and close it."""
    content = b""
    with contextlib.suppress(OSError):  # at the end of a pseudoterminal
        while more := os.read(descriptor, 4096):
            content += more
    os.close(descriptor)
    return content


def run_in_pseudoterminal(
    terminal: Terminal, folder: Path, *arguments: str, columns: int, rows: int = 24, **environment: str
) -> str:
    """Return what a command that has links prints in a pseudoterminal, without styles and links."""
    import fcntl  # Windows has none of these modules
    import pty
    import termios

    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    variables = {**terminal.environment, "TERM": "xterm", **environment}
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        variables.pop(name, None)
    with ThreadPoolExecutor() as pool:
        output = pool.submit(read_all, reader)
        done = subprocess.run(
            [sys.executable, "-m", "semls", *arguments],
            cwd=folder,
            env=variables,
            stdin=writer,
            stdout=writer,
            timeout=HANG,
            check=False,
        )
        os.close(writer)
        assert done.returncode == 0
        text = output.result().decode().replace("\r\n", "\n")
    assert "\x1b]8;;file://" in text
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;;[!-~]*\x1b\\", "", text)
