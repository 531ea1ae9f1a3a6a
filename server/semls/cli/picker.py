"""Search in fzf while one types, and open what was chosen in an editor."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from semls.errors import SemlsError, UsageError

_GOTO = ("code", "code-insiders", "codium", "cursor", "windsurf")
_COLONS = ("hx", "helix", "subl", "zed", "zeditor")
_PAUSE = "" if os.name == "nt" else "sleep 0.1; "  # the next key ends it before anybody is asked
_ENDINGS = (0, 1, 130)  # of fzf: a choice, no match, Escape or Ctrl-C


class Place(NamedTuple):
    """Where the name of a definition stands; lines count from 1."""

    line: int
    path: str


def choose(query: str, workspace: str, *, force: bool = False) -> Place | None:
    """Return the place that the user chooses in fzf, or None. Raises SemlsError.

    fzf asks `semls rows` for records of line, what is shown, and URI, with every key.
    """
    fzf = _program("fzf")
    if fzf is None:
        raise UsageError("`semls pick` needs fzf: install that, or use `semls search`.")
    rows = _command("rows", *(["--force"] if force else []), workspace)
    with _in_the_foreground():
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
    if done.returncode not in _ENDINGS:
        raise SemlsError(
            f"fzf failed with status {done.returncode}: see what it says, or use `semls search`."
        )
    fields = done.stdout.rstrip(b"\0").decode("ascii", "replace").split("\t")
    return Place(int(fields[0]), path_of(fields[-1])) if len(fields) == 3 else None


def path_of(uri: str) -> str:
    """The path of a file URI, also of one whose bytes are not UTF-8."""
    path = urlsplit(uri).path
    return url2pathname(path) if os.name == "nt" else os.fsdecode(unquote_to_bytes(os.fsencode(path)))


def edit(place: Place) -> None:
    """Open a place in $VISUAL or $EDITOR. Raises SemlsError."""
    wanted = os.environ.get("VISUAL", "").strip() or os.environ.get("EDITOR", "").strip() or "vi"
    try:
        name, *options = shlex.split(wanted)
    except ValueError as error:
        raise UsageError(
            f"The editor {wanted!r} cannot be understood ({error}): set $VISUAL to yours."
        ) from error
    program = name if os.path.dirname(name) else _program(name)
    try:
        arguments = [*options, *_arguments(Path(name).stem, place)]
        with _in_the_foreground():
            status = subprocess.run([program or name, *arguments], check=False).returncode  # noqa: S603
    except OSError as error:
        raise UsageError(
            f"The editor {name} cannot be started ({error.strerror}): set $VISUAL to yours."
        ) from error
    if status:
        raise SemlsError(f"The editor {name} failed with status {status}.")


def _program(name: str) -> str | None:
    """The path of a program, but not in the current folder, which may be a workspace."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))
    return found if found and os.path.isabs(found) else None


@contextlib.contextmanager
def _in_the_foreground() -> Iterator[None]:
    """Leave Ctrl-C to the program that has the terminal."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN, the program does not inherit it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _arguments(editor: str, place: Place) -> list[str]:
    """As the editors' own manuals say; most know `+LINE`."""
    if editor in _GOTO:
        return ["--goto", f"{place.path}:{place.line}"]
    if editor in _COLONS:
        return [f"{place.path}:{place.line}"]
    return [f"+{place.line}", place.path]


def _preview() -> str:
    """In the user's colours where bat is installed, which does not escape what it prints."""
    bat = _program("bat") or _program("batcat")
    if bat is None:
        return f"{_command('preview')} {{1}} {{3}}"
    options = "--color=always --style=numbers --paging=never --highlight-line={1} --file-name={3}"
    return f"{_command('preview', '--plain')} {{1}} {{3}} | {_quoted(bat)} {options}"


def _command(*arguments: str) -> str:
    return _quoted(sys.executable, "-m", "semls", *arguments)


def _quoted(*arguments: str) -> str:
    """Arguments as fzf's shell reads them. On Windows cmd.exe takes `&` and `|` as text only in quotes."""
    if os.name == "nt":
        return " ".join('"' + argument.replace('"', "") + '"' for argument in arguments)
    return shlex.join(arguments)
