"""Select a hit in fzf, which searches on every key, and open it in an editor."""

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

from semls.errors import SemlsError, UsageError
from semls.locations import path_of_uri
from semls.programs import find_program
from semls.settings import EngineSettings

_GOTO_EDITORS = ("code", "code-insiders", "codium", "cursor", "windsurf")  # --goto PATH:LINE
_COLON_EDITORS = ("hx", "helix", "subl", "zed", "zeditor")  # PATH:LINE
# Debounce: fzf kills the command on the next key, before it has sent a request.
_DEBOUNCE = "" if os.name == "nt" else "sleep 0.1; "
# fzf gives its own standard output, a pipe, to the commands that it executes.
_IN_TERMINAL = "" if os.name == "nt" else " < /dev/tty > /dev/tty 2>&1"
_WIDE = 110  # columns from which the preview stands beside the list
_HISTORY = "pick-history"  # of queries, in the state directory
_FZF_STATUSES = (0, 1, 130)  # selected, no match, Escape or Ctrl-C


class Location(NamedTuple):
    """The position of a definition's name; lines count from 1."""

    line: int
    path: str


def select_hit(query: str, workspace: str, *, force: bool = False) -> Location | None:
    """Return the location that the user selects in fzf, or None. Raises SemlsError.

    On every key fzf runs `semls rows`, whose records have three fields: line, displayed text, URI.
    """
    fzf = find_program("fzf")
    if fzf is None:
        raise UsageError("fzf is not installed: install it, or use `semls search`.")
    history = EngineSettings.from_environment().state_directory / _HISTORY
    rows = _semls_command("rows", *(["--force"] if force else []), workspace)
    with _ignoring_sigint():
        done = subprocess.run(  # noqa: S603 -- the user's own fzf
            [
                fzf,
                "--disabled",
                "--ansi",
                "--read0",
                "--print0",
                "--no-sort",
                "--layout=reverse",
                "--delimiter=\t",
                "--with-nth=2",
                "--prompt=semls> ",
                f"--query={query}",
                "--header=^O open ^Y copy ^P recall",
                f"--history={history}",
                f"--bind=change:reload:{_DEBOUNCE}{rows} -- {{q}}",
                f"--bind=ctrl-o:execute:{_semls_command('edit')} {{1}} {{3}}{_IN_TERMINAL}",
                f"--bind=ctrl-y:execute-silent:{_semls_command('copy')} {{1}} {{3}}",
                f"--preview={_preview_command()}",
                f"--preview-window={'right' if _columns() >= _WIDE else 'down'},+{{1}}/3",
            ],
            env={**os.environ, "FZF_DEFAULT_COMMAND": f"{rows} -- {_quote(query)}"},
            stdout=subprocess.PIPE,
            cwd=Path(sys.executable).parent,  # `python -m` would import modules from a workspace
            check=False,
        )
    if done.returncode not in _FZF_STATUSES:
        raise SemlsError(f"fzf failed with status {done.returncode}: see its message, or use `semls search`.")
    fields = done.stdout.rstrip(b"\0").decode("ascii", "replace").split("\t")
    if len(fields) != 3 or not fields[0]:  # nothing was selected, or the row with an error
        return None
    return Location(int(fields[0]), path_of_uri(fields[-1]))


def open_in_editor(location: Location) -> None:
    """Open a location in $VISUAL or $EDITOR, by default in vi. Raises SemlsError."""
    variable = "VISUAL" if os.environ.get("VISUAL", "").strip() else "EDITOR"
    command = os.environ.get(variable, "").strip() or "vi"
    try:
        name, *options = shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"The editor command {command!r} cannot be parsed ({error}): set ${variable} to your editor."
        ) from error
    program = name if os.path.dirname(name) else find_program(name)
    try:
        arguments = [*options, *_editor_arguments(Path(name).stem, location)]
        with _ignoring_sigint():
            status = subprocess.run([program or name, *arguments], check=False).returncode  # noqa: S603
    except OSError as error:
        raise UsageError(
            f"The editor {name} cannot be started ({error.strerror}): set ${variable} to your editor."
        ) from error
    if status:
        raise SemlsError(f"The editor {name} failed with status {status}.")


@contextlib.contextmanager
def _ignoring_sigint() -> Iterator[None]:
    """Ignore SIGINT while another program controls the terminal and handles Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN, the child process does not inherit it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _editor_arguments(editor: str, location: Location) -> list[str]:
    """Return the arguments with which an editor opens a location, as its manual says. Most know `+LINE`."""
    if editor in _GOTO_EDITORS:
        return ["--goto", f"{location.path}:{location.line}"]
    if editor in _COLON_EDITORS:
        return [f"{location.path}:{location.line}"]
    return [f"+{location.line}", location.path]


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _preview_command() -> str:
    """Return the shell command that prints the preview, with bat's highlighting where bat is installed.

    bat does not escape control characters, so `semls preview --plain` does and pipes the file to it.
    """
    bat = find_program("bat") or find_program("batcat")
    if bat is None:
        return f"{_semls_command('preview')} {{1}} {{3}}"
    options = "--color=always --style=numbers --paging=never --highlight-line={1} --file-name={3}"
    return f"{_semls_command('preview', '--plain')} {{1}} {{3}} | {_quote(bat)} {options}"


def _semls_command(*arguments: str) -> str:
    return _quote(sys.executable, "-m", "semls", *arguments)


def _quote(*arguments: str) -> str:
    """Quote arguments for the shell that fzf uses. cmd.exe takes `&` and `|` literally only in quotes."""
    if os.name == "nt":
        return " ".join('"' + argument.replace('"', "") + '"' for argument in arguments)
    return shlex.join(arguments)
