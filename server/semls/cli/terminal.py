"""Write to the terminal: text with styles, messages and JSON.

Everything that comes from a workspace, such as code and file names, is escaped before it is written.
"""

import json
import os
import shutil
import sys
from typing import TextIO

import click

from semls.escaping import escape_line

_NO_SIZE = (80, 24)  # columns and rows, where the terminal does not tell its size


def supports_styles(stream: TextIO) -> bool:
    """Return whether text that is written to a stream has styles, by the usual environment variables."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_interactive(stream)


def is_interactive(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that moves its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def size() -> tuple[int, int]:
    """Return the columns and rows of the terminal that stdout is."""
    return shutil.get_terminal_size(_NO_SIZE)


def write(text: str = "") -> None:
    """Write lines to stdout. Their styles are left out where they are not supported."""
    _write(sys.stdout, text)


def write_part(text: str) -> None:
    """Write a part of a line to stdout at once."""
    _write(sys.stdout, text, end="")
    sys.stdout.flush()


def write_error(text: str) -> None:
    """Write lines to stderr. Their styles are left out where they are not supported."""
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str, end: str = "\n") -> None:
    stream.write(f"{text if supports_styles(stream) else click.unstyle(text)}{end}")


def dim(text: str) -> str:
    """Return a text that is less important than the others."""
    return click.style(text, dim=True)


def link(text: str, uri: str) -> str:
    """Return a text that opens a URI when it is clicked, where stdout is a terminal that may support that.

    Source: Egmont Koblinger, "Hyperlinks in terminal emulators" (OSC 8).
    """
    if not (sys.stdout.isatty() and supports_styles(sys.stdout)):
        return text
    return f"\x1b]8;;{uri}\x1b\\{text}\x1b]8;;\x1b\\"


def print_json(message: object) -> None:
    """Print a message as one line of ASCII JSON. DEL is escaped too, which JSON does not require."""
    sys.stdout.write(json.dumps(message).replace("\x7f", "\\u007f") + "\n")
    sys.stdout.flush()


def print_heading(text: str) -> None:
    """Print a heading above some output."""
    write(click.style(escape_line(text), bold=True))


def print_line(text: str) -> None:
    """Print one line of text without styles."""
    write(escape_line(text))


def print_notice(text: str) -> None:
    """Print to stderr what the user should know although nothing failed. An empty text prints nothing."""
    if text:
        write_error(click.style(escape_line(text), fg="yellow"))


def print_waiting(activity: str) -> None:
    """Print what the engine is doing while a request waits, if stderr is a terminal."""
    if sys.stderr.isatty():
        write_error(dim(f"Waiting for the engine: {escape_line(activity)}"))


def print_activity(text: str) -> None:
    """Print to stderr what the command is doing."""
    write_error(dim(escape_line(text)))


def confirm(question: str) -> bool:
    """Return whether the user answers a question with yes."""
    return click.confirm(escape_line(question), err=True)


def print_error(text: str) -> None:
    """Print an error to stderr."""
    write_error(click.style(f"semls: {escape_line(text)}", fg="red"))


def print_usage_error(text: str, command: str) -> None:
    """Print a usage error and how to get help."""
    print_error(text)
    write_error(f"Try `{command} --help`.")


def count(number: int, noun: str) -> str:
    """Return a number with a noun, such as "1 file" or "2,000 files"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
