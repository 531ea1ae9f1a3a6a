"""Plans the changes that install semls in an agent, or uninstall it.

Only what was installed before is replaced or removed: MCP servers whose command is `semls mcp`, and texts
that are as they were installed.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from semls.agents import jsonc, texts, toml_table
from semls.agents.changes import Change, CommandChange, FileChange
from semls.agents.registry import Agent, Command, Places
from semls.errors import AgentError, UsageError, reason
from semls.programs import find_program
from semls.reading import read_regular

KINDS = ("mcp", "skill", "subagent")
_NAME = "semls"
_MAX_BYTES = 64 << 20  # of a file; Claude Code keeps its state and history in the same file


def server_command() -> Command:
    """Return the command that starts the MCP server of this installation."""
    script = Path(sysconfig.get_path("scripts")) / ("semls.exe" if sys.platform == "win32" else "semls")
    return (str(script), "mcp") if script.is_file() else (sys.executable, "-m", "semls", "mcp")


def user_path(agent: Agent, name: str) -> Path:
    """Return a path below the home folder, or where the agent's variables move it.

    Raises UsageError if the home folder is unknown.
    """
    for prefix, variable in agent.moved:
        if (folder := os.environ.get(variable)) and name.startswith(prefix):
            return Path(folder, name.removeprefix(prefix))
    home = Path(os.path.expanduser("~"))
    if not home.is_absolute():
        raise UsageError("The home folder is unknown: set HOME to it, or pass --project.")
    return home / name


@dataclass(frozen=True, slots=True)
class Target:
    """An agent, and the project whose configuration is changed, None for that of the user."""

    agent: Agent
    project: Path | None = None

    def supports(self, kind: str) -> bool:
        """Return whether the agent has a place for something."""
        return bool(
            {"mcp": self._places.config, "skill": self._places.skills}.get(kind, self._places.subagent)
        )

    def install(self, kind: str, command: Command) -> Iterator[Change]:
        """Yield the changes that install something; none if it is installed.

        Raises UsageError and AgentError.
        """
        if not self.supports(kind):
            scope = "of a project" if self.project else "of the user"
            raise UsageError(f"{self.agent.title} has no documented place for this {scope}: {kind}.")
        if kind == "mcp":
            yield from self._install_server(command)
        else:
            yield from _install_text(*self._text(kind))

    def uninstall(self, kind: str) -> Iterator[Change]:
        """Yield the changes that remove something; none if it is not installed. Raises AgentError."""
        if kind == "mcp" and self.supports(kind):
            yield from self._uninstall_server()
        elif self.supports(kind):
            path, _ = self._text(kind)
            before = _read(path)
            if before is not None and texts.is_unchanged(before):
                yield FileChange(path, before, None)

    @property
    def _places(self) -> Places:
        return self.agent.project if self.project else self.agent.user

    def _path(self, name: str) -> Path:
        """Return a path of the agent. Raises AgentError for a link that leaves the project."""
        if self.project is None:
            return user_path(self.agent, name)
        path = self.project / name
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.project)):
            raise AgentError(f"{path} is a link that leaves the project: remove it.")
        return path

    @property
    def _config(self) -> Path:
        path = self._path(self._places.config)
        with_comments = path.with_name("opencode.jsonc")  # opencode reads both
        if path.name == "opencode.json" and with_comments.exists():
            return self._path(f"{self._places.config}c")
        return path

    @property
    def _has_commands(self) -> bool:
        return bool(self.agent.add) and self.project is None and bool(find_program(self.agent.program))

    def _text(self, kind: str) -> tuple[Path, str]:
        if kind == "skill":
            return self._path(f"{self._places.skills}/{_NAME}/SKILL.md"), texts.skill()
        path = self._path(self._places.subagent)
        is_toml = path.suffix == ".toml"
        return path, texts.subagent_toml() if is_toml else texts.subagent(self.agent.subagent)

    def _install_server(self, command: Command) -> Iterator[Change]:
        path, section = self._config, self.agent.section
        before = _read(path)
        with _explaining(path):
            entry = _format(path).read(before or "", section, _NAME) if before else None
            if entry is not None and not _is_own(entry):
                raise UsageError(
                    f"{path} has an MCP server '{_NAME}' that `semls agent install` did not write: rename it."
                )
            wanted = self.agent.entry(command)
            if isinstance(entry, Mapping) and _command(entry) == _command(wanted):
                return
            if self._has_commands:
                if entry is not None:
                    yield CommandChange(self.agent.remove)
                yield CommandChange((*self.agent.add, *command))
                return
            text = before or ""
            if isinstance(entry, Mapping):
                text, wanted = _format(path).remove(text, section, _NAME), {**entry, **wanted}
            yield FileChange(path, before, _format(path).insert(text, section, _NAME, wanted))

    def _uninstall_server(self) -> Iterator[Change]:
        path, section = self._config, self.agent.section
        before = _read(path)
        if before is None:
            return
        with _explaining(path):
            if not _is_own(_format(path).read(before, section, _NAME)):
                return
            if self._has_commands:
                yield CommandChange(self.agent.remove)
                return
            after = _format(path).remove(before, section, _NAME)
            yield FileChange(path, before, None if after.strip() in ("", "{}") else after)


def _install_text(path: Path, wanted: str) -> Iterator[Change]:
    before = _read(path)
    if before == wanted:
        return
    if before is not None and not texts.is_unchanged(before):
        raise UsageError(f"{path} was changed, or not written by `semls agent install`: delete it first.")
    yield FileChange(path, before, wanted)


def _format(path: Path) -> ModuleType:
    return toml_table if path.suffix == ".toml" else jsonc


def _read(path: Path) -> str | None:
    """Return the text of a file with its line breaks, None if there is no file. Raises AgentError."""
    try:
        content = read_regular(path, _MAX_BYTES)
        if content is None or len(content) > _MAX_BYTES:
            raise AgentError(f"{path} is too large, or not a regular file: replace it.")
        return content.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise AgentError(f"{path} is not valid UTF-8: save it as UTF-8.") from error
    except OSError as error:
        raise AgentError(f"{path} cannot be read ({error.strerror}).") from error


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Raise AgentError for a file that cannot be edited."""
    try:
        yield
    except ValueError as error:
        raise AgentError(
            f"{path} cannot be edited, because {reason(error)}: correct it, or edit its MCP server yourself."
        ) from error


def _command(entry: Mapping[str, object]) -> Sequence[object]:
    """Return the command of an MCP server, which agents write as one or two values."""
    command, arguments = entry.get("command"), entry.get("args")
    parts = command if isinstance(command, list) else [command]
    return [*parts, *arguments] if isinstance(arguments, list) else parts


def _is_own(entry: object) -> bool:
    """Return whether an MCP server runs `semls mcp` or `python -m semls mcp`, of any installation."""
    if not isinstance(entry, Mapping):
        return False
    program, *arguments = map(str, _command(entry))
    stem = Path(program.replace("\\", "/")).stem
    return (stem == "semls" and arguments == ["mcp"]) or arguments == ["-m", "semls", "mcp"]
