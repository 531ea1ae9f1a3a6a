"""Repair the standard streams, so that writing to them never ends in a traceback."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from semls.errors import OutputClosed, OutputError

_CLOSED = {errno.EPIPE, errno.ESHUTDOWN} | ({errno.EINVAL} if os.name == "nt" else set())


def repair() -> None:
    """Replace `sys.stdin`, `sys.stdout` and `sys.stderr`.

    A character that an encoding lacks is written as an escape sequence. Standard output raises OutputError
    instead of OSError; messages that standard error does not take are dropped. A closed stream is opened on
    the null device, as the next file that is opened would become that stream; standard output is opened for
    reading, so that writing to it fails.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)  # the lowest free descriptor, thus this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process
    sys.stdout = _wrapped(sys.stdout, 1, _Output)
    sys.stderr = _wrapped(sys.stderr, 2, _Messages)


def discard_output() -> None:
    """Drop what is still buffered for standard output, and what is written from now on."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


class _Output(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        with writing():
            return super().write(text)

    def flush(self) -> None:
        with writing():
            super().flush()


class _Messages(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Write to standard output. Raises OutputError."""
    try:
        yield
    except OSError as error:
        if error.errno in _CLOSED:
            raise OutputClosed("The reader of the output has closed it.") from error
        raise OutputError(f"The output cannot be written: {error.strerror}.") from error


def _wrapped(stream: TextIO | None, descriptor: int, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    if stream is None:
        return kind(open(descriptor, "wb", closefd=False), "utf-8", "backslashreplace")
    by_line = descriptor == 2 or stream.isatty()
    return kind(stream.buffer, stream.encoding, "backslashreplace", line_buffering=by_line)
