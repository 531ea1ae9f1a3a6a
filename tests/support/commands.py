"""Run commands in a shell and check how they fail."""

import subprocess
import sys
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
