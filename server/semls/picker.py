"""Search in fzf while one types, and open what was chosen in an editor."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from semls.errors import UsageError

_GOTO = ("code", "code-insiders", "codium", "cursor", "windsurf")
_COLONS = ("hx", "helix", "subl", "zed", "zeditor")
_PAUSE = "" if os.name == "nt" else "sleep 0.1; "  # the next key ends it before anybody is asked


class Place(NamedTuple):
    """Where the name of a definition stands; lines count from 1."""

    line: int
    path: str


def choose(query: str, workspace: str, *, force: bool = False) -> Place | None:
    """What somebody chooses, or nothing. Raises UsageError.

    fzf asks `semls rows` for records of line, what is shown, and path, with every key.
    """
    fzf = shutil.which("fzf")
    if fzf is None:
        raise UsageError("`semls pick` needs fzf: install that, or use `semls search`.")
    rows = _command("rows", *(["--force"] if force else []), workspace)
    done = subprocess.run(  # noqa: S603 -- the user's own fzf
        [
            *(fzf, "--disabled", "--ansi", "--read0", "--print0", "--no-sort", "--layout=reverse"),
            *("--delimiter=\t", "--with-nth=2", "--prompt=semls> ", f"--query={query}"),
            f"--bind=change:reload:{_PAUSE}{rows} -- {{q}}",
            *(f"--preview={_preview()}", "--preview-window=+{1}/3"),
        ],
        env={**os.environ, "FZF_DEFAULT_COMMAND": f"{rows} -- {_quoted(query)}"},
        stdout=subprocess.PIPE,
        cwd=Path(sys.executable).parent,  # not a workspace: Python would import what lies there
        check=False,
    )
    line, _, rest = done.stdout.rstrip(b"\0").partition(b"\t")
    path = rest.partition(b"\t")[2]
    return Place(int(line), os.fsdecode(path)) if path else None


def edit(place: Place) -> int:
    """Open a place in $VISUAL or $EDITOR; gives its exit status. Raises UsageError."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        arguments = _arguments(Path(editor[0]).stem, place)
        return subprocess.run([*editor, *arguments], check=False).returncode  # noqa: S603 -- the user's own
    except OSError as error:
        raise UsageError(f"The editor {editor[0]} cannot be started: set $EDITOR to yours.") from error


def _arguments(editor: str, place: Place) -> list[str]:
    """As the editors' own manuals say; most know `+LINE`."""
    if editor in _GOTO:
        return ["--goto", f"{place.path}:{place.line}"]
    if editor in _COLONS:
        return [f"{place.path}:{place.line}"]
    return [f"+{place.line}", place.path]


def _preview() -> str:
    """With bat where that is installed: it is faster, and in its user's colours."""
    bat = shutil.which("bat") or shutil.which("batcat")
    if bat is None:
        return f"{_command('preview')} {{1}} {{3..}}"
    return f"{_quoted(bat)} --color=always --style=numbers --paging=never --highlight-line={{1}} -- {{3..}}"


def _command(*arguments: str) -> str:
    return _quoted(sys.executable, "-m", "semls", *arguments)


def _quoted(*arguments: str) -> str:
    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)
