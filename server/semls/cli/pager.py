"""Show output that is longer than the screen in the user's pager."""

import contextlib
import os
import shlex
import subprocess
import sys

import click

from semls.cli import terminal
from semls.cli.editor import ignoring_sigint
from semls.errors import UsageError
from semls.programs import find_program

_LESS_OPTIONS = "FRX"  # as git sets them: styles are shown, and the text stays on the screen


def write(text: str) -> None:
    """Write lines to stdout, in $PAGER or less if stdout is a terminal with fewer rows. Raises UsageError."""
    _, rows = terminal.size()
    command = None
    if terminal.is_interactive(sys.stdout) and sys.stdin.isatty() and text.count("\n") + 1 >= rows:
        command = _pager()
    if command is None:
        terminal.write(text)
        return
    styled = text if terminal.supports_styles(sys.stdout) else click.unstyle(text)
    with ignoring_sigint():
        pager = subprocess.Popen(  # noqa: S603 -- the user's own program
            command, stdin=subprocess.PIPE, env={"LESS": _LESS_OPTIONS, **os.environ}
        )
        with contextlib.suppress(OSError):  # the user has left the pager
            pager.communicate(f"{styled}\n".encode(sys.stdout.encoding, "backslashreplace"))
        pager.wait()


def _pager() -> list[str] | None:
    """Return the command of the pager, or None if there is none or the user wants none."""
    setting = os.environ.get("PAGER", "less")
    try:
        name, *options = shlex.split(setting) or ["cat"]
    except ValueError as error:
        raise UsageError(f"$PAGER cannot be parsed ({error}): {setting!r}.") from error
    program = find_program(name)
    return [program, *options] if program and name != "cat" else None
