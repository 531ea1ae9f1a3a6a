"""Changes of an agent's configuration: files that are written or deleted, and commands of the agent."""

import contextlib
import difflib
import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from semls.agents.registry import Command
from semls.errors import AgentError, reason
from semls.programs import find_program

_COMMAND_TIMEOUT = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file with its content before and after the change; None stands for no file."""

    path: Path
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Describe the change in a line."""
        verb = "Delete" if self.after is None else "Create" if self.before is None else "Change"
        return f"{verb} {self.path}"

    def details(self) -> str:
        """Return the change as a unified diff."""
        before, after = (
            "/dev/null" if text is None else str(self.path) for text in (self.before, self.after)
        )
        old, new = (self.before or "").splitlines(), (self.after or "").splitlines()
        return "\n".join(difflib.unified_diff(old, new, before, after, lineterm=""))

    def apply(self) -> None:
        """Change the file. Raises AgentError."""
        try:
            if self.after is None:
                self.path.unlink()
                if self.path.parent.name == "semls":  # the folder of the skill
                    with contextlib.suppress(OSError):
                        self.path.parent.rmdir()
            else:
                _write(Path(os.path.realpath(self.path)), self.after)
        except OSError as error:
            raise AgentError(f"{self.path} cannot be written ({error.strerror}).") from error


@dataclass(frozen=True, slots=True)
class CommandChange:
    """A command of the agent that changes its configuration."""

    command: Command

    def __str__(self) -> str:
        """Describe the change in a line."""
        return f"Run {shlex.join(self.command)}"

    def details(self) -> str:
        """Return the command as it is typed."""
        return shlex.join(self.command)

    def apply(self) -> None:
        """Run the command. Raises AgentError."""
        program = find_program(self.command[0]) or self.command[0]
        try:
            done = subprocess.run(  # noqa: S603 - the commands are those of the registry
                [program, *self.command[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_COMMAND_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AgentError(f"`{shlex.join(self.command)}` failed ({reason(error)}).") from error
        if done.returncode:
            lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
            raise AgentError(
                f"`{shlex.join(self.command)}` failed ({lines[-1] if lines else done.returncode})."
            )


Change = FileChange | CommandChange


def _write(path: Path, text: str) -> None:
    """Replace a file at once, since the agent may read it at any time; its permissions stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
