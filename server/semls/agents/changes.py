"""Changes of an agent's configuration: files that are written or deleted, and commands of the agent."""

import contextlib
import difflib
import errno
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from semls.agents.folders import CreatedFolders
from semls.agents.registry import Command
from semls.errors import AgentError
from semls.programs import find_program
from semls.reading import read_regular

_COMMAND_TIMEOUT = 60.0  # seconds
_POLL_INTERVAL = 0.1  # seconds after which Ctrl-C is noticed at the latest
_KEPT_BYTES = 1 << 12  # of what a command prints, for the message if it fails
_MAX_MESSAGE = 300  # characters of it

_MAX_FILE_BYTES = 64 << 20  # Claude Code keeps its state and history in the same file

_ADVICE = {
    errno.ELOOP: "delete the symbolic link that leads to itself",
    errno.EACCES: "change the permissions of the file and its folder",
    errno.EPERM: "change the permissions of the file and its folder",
    errno.ENOSPC: "free some space",
    errno.EROFS: "make the file system writable",
}


def _file_error(path: Path, action: str, error: OSError) -> AgentError:
    """Return the error that a file cannot be read or written, with advice."""
    advice = _ADVICE.get(error.errno or 0, "correct that, and run this again")
    return AgentError(f"{path} cannot be {action} ({error.strerror}): {advice}.")


def read_text(path: Path) -> str | None:
    """Return the text of a file with its line breaks, None if there is no file. Raises AgentError."""
    try:
        content = read_regular(path, _MAX_FILE_BYTES)
        if content is None or len(content) > _MAX_FILE_BYTES:
            raise AgentError(f"{path} is too large, or not a regular file: replace it.")
        return content.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise AgentError(f"{path} is not valid UTF-8: save it as UTF-8.") from error
    except OSError as error:
        raise _file_error(path, "read", error) from error


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that stays as it is although the user wants to uninstall."""

    path: Path
    reason: str

    def __str__(self) -> str:
        """Return a sentence."""
        return f"{self.path} stays as it is: {self.reason}."


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file with its content before and after the change; None stands for no file.

    `note` tells what the user should know before agreeing.
    """

    path: Path
    before: str | None
    after: str | None
    note: str = ""

    def __str__(self) -> str:
        """Describe the change in a line."""
        verb = "Delete" if self.after is None else "Create" if self.before is None else "Change"
        return f"{verb} {self.path}{self.note}"

    def details(self) -> str:
        """Return the change as a unified diff."""
        before, after = (
            "/dev/null" if text is None else str(self.path) for text in (self.before, self.after)
        )
        old, new = (self.before or "").splitlines(), (self.after or "").splitlines()
        return "\n".join(difflib.unified_diff(old, new, before, after, lineterm=""))

    def check(self) -> None:
        """Raise AgentError if the file cannot be written."""
        folder = Path(os.path.realpath(self.path)).parent
        while not os.path.lexists(folder):
            folder = folder.parent
        if not folder.is_dir():
            raise AgentError(f"{self.path} cannot be written, because {folder} is not a folder: rename that.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _file_error(self.path, "written", PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def apply(self, folders: CreatedFolders) -> None:
        """Change the file. Raises AgentError, also if it was changed since the change was planned.

        A file that is created creates its folders; its deletion deletes those again that are empty then.
        """
        if read_text(self.path) != self.before:
            raise AgentError(f"{self.path} was changed by another program: run this again.")
        path = Path(os.path.realpath(self.path))
        try:
            if self.after is None:
                path.unlink()
                folders.delete_empty(path.parent)
            else:
                folders.create(path.parent)
                _write(path, self.after)
        except OSError as error:
            raise _file_error(self.path, "written", error) from error


@dataclass(frozen=True, slots=True)
class CommandChange:
    """A command of the agent that changes its configuration.

    If it fails, `fallback` is run: it restores what the command before has removed.
    """

    command: Command
    note: str = ""
    fallback: Command = ()

    def __str__(self) -> str:
        """Describe the change in a line."""
        return f"Run {shlex.join(self.command)}{self.note}"

    def details(self) -> str:
        """Return the command as it is typed."""
        return shlex.join(self.command)

    def check(self) -> None:
        """Check nothing: only the agent knows whether its command can succeed."""

    def apply(self, _folders: CreatedFolders) -> None:
        """Run the command. Raises AgentError."""
        problem = _run(self.command)
        if problem:
            if self.fallback:
                _run(self.fallback)
            raise AgentError(f"`{shlex.join(self.command)}` {problem}: run it yourself to see why.")


Change = FileChange | CommandChange


def _run(command: Command) -> str:
    """Run a command until it ends, and return how it failed, or ""."""
    # A child that it leaves running would keep a pipe open.
    with tempfile.TemporaryFile() as output, _recorded_interrupts() as interrupts:
        program = find_program(command[0]) or command[0]
        try:
            process = subprocess.Popen(  # noqa: S603 - the commands are those of the registry
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group, so that its children can be killed
            )
        except OSError as error:
            return f"cannot be started ({error.strerror})"
        try:
            status = _wait(process, interrupts)
        except subprocess.TimeoutExpired:
            return f"has not ended after {_COMMAND_TIMEOUT:.0f} s and was stopped"
        finally:
            if process.poll() is None:
                _kill(process)
        return _describe_status(status, output) if status else ""


@contextlib.contextmanager
def _recorded_interrupts() -> Iterator[list[int]]:
    """Record Ctrl-C in a list, because it would end semls at once, but not a command that it has started."""
    interrupts = list[int]()
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, handler)


def _wait(process: subprocess.Popen[bytes], interrupts: Sequence[int]) -> int:
    """Return the status of a process. Raises TimeoutExpired, and KeyboardInterrupt after Ctrl-C."""
    deadline = time.monotonic() + _COMMAND_TIMEOUT
    status = None
    while status is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(_POLL_INTERVAL)
        if interrupts:
            raise KeyboardInterrupt
        if status is None and time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, _COMMAND_TIMEOUT)
    return status


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and its children where there are process groups."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _describe_status(status: int, output: IO[bytes]) -> str:
    if status < 0:
        return f"was killed by {_signal_name(-status)}"
    output.seek(max(0, output.seek(0, os.SEEK_END) - _KEPT_BYTES))
    lines = output.read().decode(errors="replace").strip().splitlines()
    return f"failed ({lines[-1].strip()[:_MAX_MESSAGE] if lines else f'status {status}'})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _write(path: Path, text: str) -> None:
    """Replace a file at once, since the agent may read it at any time; its permissions stay."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, temporary)
        else:
            os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
