"""Run `semls pick` with a program in place of fzf that needs no terminal."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import HANG, Terminal

# Runs the commands as fzf does: that of the query, and that of the preview for the first record. Then it
# selects this record.
_PROGRAM = f"""#!{sys.executable}
import os, shlex, subprocess, sys

def run(command, file):
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE)
    open(os.path.join(os.path.dirname(__file__), file), "wb").write(done.stdout)
    return done.stdout

record, _, _ = run(os.environ["FZF_DEFAULT_COMMAND"], "rows").partition(b"\\0")
line, _, uri = record.decode("utf-8", "replace").split("\\t") if record else ("", "", "")
(preview,) = [option.partition("=")[2] for option in sys.argv if option.startswith("--preview=")]
preview = preview.replace("{{1}}", shlex.quote(line)).replace("{{3}}", shlex.quote(uri))
run(os.environ.get("SEMLS_TEST_BEFORE", "true"), "before")
run(preview, "preview")
run(preview + " plain", "plain")
print(record.decode("utf-8", "replace"), end="\\0")
"""


@dataclass
class Picked:
    """What `semls pick` printed, and what it passed to fzf."""

    done: "subprocess.CompletedProcess[str]"
    rows: bytes
    preview: bytes
    plain: bytes


def run_pick(
    terminal: Terminal, tools: Path, folder: Path, *arguments: str, before: str = "true", **environment: str
) -> Picked:
    """Run `semls pick` in a folder. `before` is a shell command that runs before the previews."""
    tools.mkdir(exist_ok=True)
    (tools / "fzf").write_text(_PROGRAM)
    (tools / "fzf").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "semls", "pick", *arguments],
        cwd=folder,
        env={**terminal.environment, **environment, "PATH": str(tools), "SEMLS_TEST_BEFORE": before},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=HANG,
        check=False,
    )
    return Picked(done, *(_pop(tools / name) for name in ("rows", "preview", "plain")))


def _pop(path: Path) -> bytes:
    """Return and delete what the program has written to a file; nothing if it did not run."""
    if not path.exists():
        return b""
    content = path.read_bytes()
    path.unlink()
    return content
