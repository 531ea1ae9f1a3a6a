"""Open a location in the user's editor."""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from semls.errors import SemlsError, UsageError
from semls.programs import find_program

_GOTO_EDITORS = ("code", "code-insiders", "codium", "cursor", "windsurf")  # --goto PATH:LINE
_COLON_EDITORS = ("hx", "helix", "subl", "zed", "zeditor")  # PATH:LINE


class Location(NamedTuple):
    """The position of a definition's name; lines count from 1."""

    line: int
    path: str


def open_location(location: Location) -> None:
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
        arguments = [*options, *_arguments(Path(name).stem, location)]
        with ignoring_sigint():
            status = subprocess.run([program or name, *arguments], check=False).returncode  # noqa: S603
    except OSError as error:
        raise UsageError(
            f"The editor {name} cannot be started ({error.strerror}): set ${variable} to your editor."
        ) from error
    if status:
        raise SemlsError(f"The editor {name} failed with status {status}.")


@contextlib.contextmanager
def ignoring_sigint() -> Iterator[None]:
    """Ignore SIGINT while another program controls the terminal and handles Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN, the child process does not inherit it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _arguments(editor: str, location: Location) -> list[str]:
    """Return the arguments with which an editor opens a location, as its manual says. Most know `+LINE`."""
    if editor in _GOTO_EDITORS:
        return ["--goto", f"{location.path}:{location.line}"]
    if editor in _COLON_EDITORS:
        return [f"{location.path}:{location.line}"]
    return [f"+{location.line}", location.path]
