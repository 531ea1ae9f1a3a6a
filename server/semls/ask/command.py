"""Asks a command of the user: it reads the prompt on standard input, and prints the answer."""

import asyncio
import codecs
import contextlib
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from semls.errors import AskError, UsageError
from semls.programs import find_program

_READ_BYTES = 1 << 16
_KEPT_BYTES = 1 << 12  # of what the command prints, for the message if it fails
_MAX_MESSAGE = 300  # characters of it
_TERMINATION_TIMEOUT = 2.0  # seconds from SIGTERM to SIGKILL, and from there on


async def stream(
    command: Sequence[str], prompt: str, directory: Path, timeout: float
) -> AsyncGenerator[str, None]:
    """Run a command in a directory, and yield what it prints.

    The directory must not be a workspace: its files may configure the command, as `.claude/settings.json`
    does. Ends the process if the caller stops reading. Raises UsageError if the command cannot be started,
    and AskError if it fails, or prints nothing for `timeout` seconds.
    """
    name = command[0]
    process = await _start(command, directory)
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if not (stdin and stdout and stderr):
        raise RuntimeError("A pipe of the command is missing.")
    writing, draining = asyncio.create_task(_write(stdin, prompt)), asyncio.create_task(_drain(stderr))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    tail = b""
    try:
        while part := await asyncio.wait_for(stdout.read(_READ_BYTES), timeout):
            tail = (tail + part)[-_KEPT_BYTES:]
            yield decoder.decode(part)
        yield decoder.decode(b"", final=True)
        errors = await asyncio.wait_for(draining, timeout)
        status = await asyncio.wait_for(process.wait(), timeout)
        if status:
            detail = _last_line(errors) or _last_line(tail) or "it printed nothing"
            raise AskError(f"The command {name} failed with status {status} ({detail}).")
    except asyncio.TimeoutError as error:
        raise AskError(f"The command {name} has printed nothing for {timeout:.0f} s. Try again.") from error
    finally:
        await _end(process, stdout)
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


async def _drain(stream: asyncio.StreamReader) -> bytes:
    """Read a stream, because a full pipe would stop the command, and return its last bytes."""
    tail = b""
    while part := await stream.read(_READ_BYTES):
        tail = (tail + part)[-_KEPT_BYTES:]
    return tail


def _last_line(printed: bytes) -> str:
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:_MAX_MESSAGE] if lines else ""


async def _end(process: asyncio.subprocess.Process, stdout: asyncio.StreamReader) -> None:
    """End a process that is still running, and read the rest of its output, which closes the pipe."""
    for end in (process.terminate, process.kill):
        with contextlib.suppress(ProcessLookupError):
            end()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_drain(stdout), _TERMINATION_TIMEOUT)
            await asyncio.wait_for(process.wait(), _TERMINATION_TIMEOUT)
            return
