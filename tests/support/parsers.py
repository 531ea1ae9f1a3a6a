"""The parser process that a test's own process has started, as /proc shows it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def parser() -> int:
    """Return its number."""
    (found,) = (
        child
        for child in _children()
        if b"semls.engine.syntax.parser_process" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return found


def _children() -> Iterator[int]:
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            yield from map(int, (thread / "children").read_text().split())


def processor_time(process: int) -> float:
    """Return the seconds of processor time that a process has used."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
