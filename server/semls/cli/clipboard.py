"""Copy text to the clipboard, of the terminal's computer if possible."""

import base64
import os
import subprocess

from semls.errors import UsageError
from semls.programs import find_program

# Programs that copy their standard input, and their arguments: of macOS, Windows, Wayland and X11.
_PROGRAMS = {
    "pbcopy": (),
    "clip": (),
    "wl-copy": (),
    "xclip": ("-selection", "clipboard"),
    "xsel": ("--clipboard", "--input"),
}


def copy(text: str) -> None:
    """Copy a text with a program of the system, or else by an escape sequence. Raises UsageError.

    Terminals know the sequence, OSC 52, also at the other end of an SSH connection:
    https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
    """
    for name, arguments in _PROGRAMS.items():
        program = find_program(name)
        if program and "SSH_TTY" not in os.environ and _runs([program, *arguments], text):
            return
    sequence = f"\x1b]52;c;{base64.b64encode(os.fsencode(text)).decode()}\a"
    try:
        with open("/dev/tty", "w", encoding="ascii") as terminal:
            terminal.write(sequence)
    except OSError as error:
        programs = ", ".join(_PROGRAMS)
        raise UsageError(f"There is no clipboard: install one of {programs}.") from error


def _runs(command: list[str], text: str) -> bool:
    """Return whether a program has copied the text. xclip fails without a display."""
    done = subprocess.run(  # noqa: S603 -- the user's own program
        command, input=os.fsencode(text), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0
