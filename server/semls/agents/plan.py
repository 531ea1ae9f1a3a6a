"""Plans the changes that install semls in an agent, or uninstall it.

Only what some installation of semls has written, and the user has not changed since, is replaced or removed.
"""

import os
import shlex
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from semls.agents import jsonc, texts, toml_table
from semls.agents.changes import Change, CommandChange, FileChange, Kept, read_text
from semls.agents.registry import Agent, Command, Places
from semls.errors import AgentError, UsageError, reason
from semls.programs import find_program

KINDS = ("mcp", "skill", "subagent")
_NAME = "semls"


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
            yield from self._install_text(kind)

    def uninstall(self, kind: str) -> Iterator[Change | Kept]:
        """Yield the changes that remove something; none if it is not installed. Raises AgentError."""
        if not self.supports(kind):
            return
        if kind == "mcp":
            for name in self._config_names:
                yield from self._uninstall_server(name)
        else:
            yield from self._uninstall_text(kind)

    @property
    def _places(self) -> Places:
        return self.agent.project if self.project else self.agent.user

    def _path(self, name: str) -> Path:
        return self.project / name if self.project else user_path(self.agent, name)

    def _leaves_project(self, path: Path) -> bool:
        return self.project is not None and not Path(os.path.realpath(path)).is_relative_to(
            os.path.realpath(self.project)
        )

    def _path_to_write(self, name: str) -> Path:
        """Return a path. Raises AgentError for a link that leaves the project."""
        path = self._path(name)
        if self._leaves_project(path):
            raise AgentError(f"{path} is a link that leaves the project: remove it.")
        return path

    @property
    def _config_names(self) -> Sequence[str]:
        """The files in which the MCP server may be, the one with the highest priority first."""
        name = self._places.config
        return (f"{name}c", name) if name.endswith("opencode.json") else (name,)  # opencode reads both

    @property
    def _has_commands(self) -> bool:
        return bool(self.agent.add) and self.project is None and bool(find_program(self.agent.program))

    def _text(self, kind: str) -> tuple[str, str]:
        """Return the name and the content of a text."""
        if kind == "skill":
            return f"{self._places.skills}/{_NAME}/SKILL.md", texts.skill()
        name = self._places.subagent
        return name, texts.subagent_toml() if name.endswith(".toml") else texts.subagent(self.agent.subagent)

    def _install_text(self, kind: str) -> Iterator[Change]:
        name, wanted = self._text(kind)
        path = self._path_to_write(name)
        before = read_text(path)
        if before == wanted:
            return
        if before is not None and not texts.is_unchanged(before):
            raise UsageError(f"{path} was changed, or not written by `semls agent install`: delete it first.")
        yield FileChange(path, before, wanted)

    def _uninstall_text(self, kind: str) -> Iterator[Change | Kept]:
        path = self._path(self._text(kind)[0])
        before = None if self._leaves_project(path) else read_text(path)
        if before is None:
            return
        if not texts.is_unchanged(before):
            yield Kept(path, "it was changed, or not written by `semls agent install`")
        elif path.is_symlink():
            yield Kept(path, "it is a symbolic link")
        else:
            yield FileChange(path, before, None)

    def _install_server(self, command: Command) -> Iterator[Change]:
        paths = [self._path_to_write(name) for name in self._config_names]
        path = next(filter(os.path.lexists, paths), paths[-1])
        section, before = self.agent.section, read_text(path)
        with _explaining(path):
            entries = _format(path).find(before or "", section, _NAME)
            old = _command(entries[0]) if entries else ()
            if old == command:
                return
            if entries and not self._is_own(entries[0]):
                raise UsageError(
                    f"{path} has an MCP server '{_NAME}' that was changed, or not written by"
                    " `semls agent install`: rename or remove it."
                )
            note = f" (replaces `{shlex.join(old)}`)" if old else ""
            if self._has_commands:
                if old:
                    yield CommandChange(self.agent.remove)
                yield CommandChange((*self.agent.add, *command), note, (*self.agent.add, *old) if old else ())
                return
            put = _format(path).replace if old else _format(path).insert
            after = put(before, section, _NAME, self.agent.entry(command))
            yield FileChange(path, before, after, note)

    def _uninstall_server(self, name: str) -> Iterator[Change | Kept]:
        path = self._path(name)
        before = None if self._leaves_project(path) else read_text(path)
        if before is None or _NAME not in before:  # the file of an agent that the user has set up otherwise
            return
        with _explaining(path):
            for entry in _format(path).find(before, self.agent.section, _NAME):
                if not self._is_own(entry):
                    yield Kept(path, f"its MCP server '{_NAME}' is yours, or changed by you")
                elif self._has_commands:
                    yield CommandChange(self.agent.remove)
                else:
                    after = _format(path).remove(before, self.agent.section, _NAME)
                    if after is None and path.is_symlink():
                        after = _format(path).EMPTY
                    yield FileChange(path, before, after)

    def _is_own(self, entry: object) -> bool:
        """Return whether an MCP server is as some installation of semls writes it.

        Agents and their commands add empty members such as `env`.
        """
        command = _command(entry)
        if not (command and os.path.isabs(command[0]) and isinstance(entry, Mapping)):
            return False
        stem = Path(command[0]).stem
        if command[1:] != ("-m", "semls", "mcp") and (stem, command[1:]) != ("semls", ("mcp",)):
            return False
        written = self.agent.entry(command)
        return all(value == written[key] if key in written else not value for key, value in entry.items())


def _format(path: Path) -> ModuleType:
    return toml_table if path.suffix == ".toml" else jsonc


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Raise AgentError for a file that cannot be edited."""
    try:
        yield
    except ValueError as error:
        raise AgentError(
            f"{path} cannot be edited, because {reason(error)}: correct it, or edit its MCP server yourself."
        ) from error


def _command(entry: object) -> Command:
    """Return the command of an MCP server, which agents write as one or two values; () if it has none."""
    if not isinstance(entry, Mapping):
        return ()
    command, arguments = entry.get("command"), entry.get("args", [])
    parts = [
        part for value in (command, arguments) for part in (value if isinstance(value, list) else [value])
    ]
    words = tuple(part for part in parts if isinstance(part, str))
    return words if len(words) == len(parts) else ()
