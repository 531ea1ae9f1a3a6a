"""The parser process that a test's own process has started, as /proc shows it."""

import os
from pathlib import Path


def parser() -> int:
    """Return its number."""
    threads = Path("/proc/self/task").iterdir()
    children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    (found,) = (
        child for child in children if b"semls.engine.chunker" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return found


def processor_time(process: int) -> float:
    """Return the seconds of processor time that a process has used."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
