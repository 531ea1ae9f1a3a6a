"""Asks a command of the user: it reads the prompt on standard input, and prints the answer."""

import asyncio
import codecs
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from semls.errors import AskError, UsageError
from semls.programs import find_program

T = TypeVar("T")

_READ_BYTES = 1 << 16
_KEPT_BYTES = 1 << 12  # of what the command prints, for the message if it fails
_MAX_MESSAGE = 300  # characters of it
_MOMENT = 0.25  # seconds that a command that has ended may take to print the rest
_TERMINATION_TIMEOUT = 2.0  # seconds from SIGTERM to SIGKILL, and from there on


async def stream(
    command: Sequence[str], prompt: str, directory: Path, timeout: float
) -> AsyncGenerator[str, None]:
    """Run a command in a directory, and yield what it prints.

    The directory must not be a workspace: its files may configure the command, as `.claude/settings.json`
    does. The answer ends with the command, although a process that it has left in the background may keep
    its pipe open. Ends the command if the caller stops reading. Raises UsageError if the command cannot be
    started, and AskError if it fails, or prints nothing for `timeout` seconds.
    """
    name = command[0]
    process = await _start(command, directory)
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if not (stdin and stdout and stderr):
        raise RuntimeError("A pipe of the command is missing.")
    errors = bytearray()
    writing = asyncio.create_task(_write(stdin, prompt))
    draining = asyncio.create_task(_drain(stderr, errors))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    tail = b""
    try:
        while part := await _unless_ended(process, lambda: stdout.read(_READ_BYTES), timeout):
            tail = (tail + part)[-_KEPT_BYTES:]
            yield decoder.decode(part)
        yield decoder.decode(b"", final=True)
        await _unless_ended(process, process.wait, timeout)
        await asyncio.wait({draining}, timeout=_MOMENT)
        if process.returncode:
            detail = _last_line(errors) or _last_line(tail) or "it printed nothing"
            raise AskError(f"The command {name} {_failure(process.returncode)} ({detail}).")
    except asyncio.TimeoutError as error:
        raise AskError(f"The command {name} has printed nothing for {timeout:.0f} s. Try again.") from error
    finally:
        await _end(process)
        writing.cancel()
        draining.cancel()
        await asyncio.gather(writing, draining, return_exceptions=True)


async def _start(command: Sequence[str], directory: Path) -> asyncio.subprocess.Process:
    name, *options = command
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(
            _program(name), *options, stdin=pipe, stdout=pipe, stderr=pipe, cwd=directory
        )
    except OSError as error:
        raise UsageError(
            f"The command {name} cannot be started ({error.strerror}): correct SEMLS_ASK_COMMAND."
        ) from error


def _program(name: str) -> str:
    """Return the absolute path of the program that a command begins with. Raises UsageError."""
    program = os.path.expanduser(name) if os.path.dirname(name) else find_program(name)
    if program and os.path.isabs(program):
        return program
    raise UsageError(
        f"There is no program {name}: install it, or set SEMLS_ASK_COMMAND to its absolute path."
    )


async def _write(stream: asyncio.StreamWriter, text: str) -> None:
    """Write a text and close the stream. A command may end without reading it."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(text.encode("utf-8", "backslashreplace"))
        await stream.drain()
    stream.close()


async def _drain(stream: asyncio.StreamReader, tail: bytearray) -> None:
    """Read a stream, because a full pipe would stop the command, and keep its last bytes in `tail`."""
    while part := await stream.read(_READ_BYTES):
        tail += part
        del tail[:-_KEPT_BYTES]


async def _unless_ended(
    process: asyncio.subprocess.Process, wait: Callable[[], Awaitable[T]], timeout: float
) -> T | None:
    """Return the result of `wait`, None if the command has ended and there is none for a moment.

    A process that the command has left in the background keeps its pipes open, and `Process.wait` waits for
    these, too (python/cpython#119710). Raises TimeoutError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while (remaining := deadline - time.monotonic()) > 0:
        has_ended = process.returncode is not None
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(wait(), min(_MOMENT, remaining))
        if has_ended:
            return None
    raise asyncio.TimeoutError


def _failure(status: int) -> str:
    if status > 0:
        return f"failed with status {status}"
    try:
        return f"was ended by the signal {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal
        return f"was ended by the signal {-status}"


def _last_line(printed: bytes | bytearray) -> str:
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:_MAX_MESSAGE] if lines else ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process that is still running, and close its pipes."""
    for end in (process.terminate, process.kill):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, asyncio.TimeoutError):
                end()
                await _unless_ended(process, process.wait, _TERMINATION_TIMEOUT)
    # The class has no method that closes the pipes (python/cpython#119710).
    process._transport.close()  # type: ignore[attr-defined]
