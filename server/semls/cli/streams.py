"""Replace the standard streams, so that a write to them never ends in a traceback.

The replacements are subclasses of `io.TextIOWrapper` because rich, click and `print` use the whole interface
of `sys.stdout` (`buffer`, `encoding`, `isatty`, `line_buffering`). Each of these libraries writes on its own,
so catching OSError at the call sites would miss some writes, including the flush at the end of the process.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from semls.errors import OutputClosed, OutputError

_CLOSED_ERRNOS = {errno.EPIPE, errno.ESHUTDOWN} | ({errno.EINVAL} if os.name == "nt" else set())


def repair() -> None:
    """Replace `sys.stdin`, `sys.stdout` and `sys.stderr`.

    - A character that the encoding cannot represent is written as an escape sequence.
    - A failed write to stdout raises OutputError instead of OSError; one to stderr is ignored.
    - A closed descriptor is opened on the null device, because otherwise the next file that is opened would
      get its number and receive the output. Stdout is opened for reading, so that writing to it fails.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)  # POSIX returns the lowest free descriptor, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the process ends
    sys.stdout = _wrap(sys.stdout, 1, _Stdout)
    sys.stderr = _wrap(sys.stderr, 2, _Stderr)


def discard_output() -> None:
    """Discard everything that is buffered for stdout or written to it from now on."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


class _Stdout(io.TextIOWrapper):
    """Raises OutputError where `io.TextIOWrapper` raises OSError."""

    def write(self, text: str, /) -> int:
        with translating_errors():
            return super().write(text)

    def flush(self) -> None:
        with translating_errors():
            super().flush()


class _Stderr(io.TextIOWrapper):
    """Ignores failed writes: an error message that cannot be shown must not raise another error."""

    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


@contextlib.contextmanager
def translating_errors() -> Iterator[None]:
    """Translate an OSError that a write to stdout raises to OutputError."""
    try:
        yield
    except OSError as error:
        if error.errno in _CLOSED_ERRNOS:
            raise OutputClosed("The reader of the output has closed it.") from error
        raise OutputError(f"The output cannot be written: {error.strerror}.") from error


def _wrap(stream: TextIO | None, descriptor: int, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    if stream is None:
        return kind(open(descriptor, "wb", closefd=False), "utf-8", "backslashreplace")
    line_buffering = descriptor == 2 or stream.isatty()
    return kind(stream.buffer, stream.encoding, "backslashreplace", line_buffering=line_buffering)
