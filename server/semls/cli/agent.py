"""Commands that change the configuration of coding agents: `agent install` and `agent uninstall`."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from semls.agents.changes import Change, Kept
from semls.agents.folders import CreatedFolders
from semls.agents.plan import KINDS, Target, server_command, user_path
from semls.agents.registry import AGENTS, Agent
from semls.cli import terminal
from semls.cli.arguments import absolute_path
from semls.cli.sdk import require_sdk
from semls.errors import AgentError, UsageError
from semls.escaping import escape_text
from semls.programs import find_program
from semls.settings import EngineSettings


def _with_options(agents: str, kinds: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options; the arguments say which agents and types are the default."""
    options = (
        click.option(
            "--agent",
            "names",
            type=click.Choice(list(AGENTS)),
            multiple=True,
            help=f"The agent; by default, {agents}. Repeatable.",
        ),
        click.option(
            "--type",
            "kinds",
            type=click.Choice(KINDS),
            multiple=True,
            help=f"Which part; by default, {kinds}. Repeatable.",
        ),
        click.option(
            "--project", is_flag=True, help="Change the configuration of the project in this folder."
        ),
        click.option("--print", "only_print", is_flag=True, help="Print the changes, and make none."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group()
def agent() -> None:
    """Install or uninstall semls in coding agents."""


@agent.command()
@_with_options("all that are found", "mcp")
def install(names: Sequence[str], kinds: Sequence[str], *, project: bool, only_print: bool, yes: bool) -> int:
    """Let coding agents search with semls.

    Adds the MCP server of this installation to their configuration. The other types are a skill, which tells
    an agent when to use it, and a subagent, which searches and changes nothing.
    """
    require_sdk()
    command = server_command()
    agents = [AGENTS[name] for name in names] or list(filter(_is_found, AGENTS.values()))
    if not agents:
        raise UsageError(f"No coding agent was found. Name one with --agent: {', '.join(AGENTS)}.")
    plan = _Plan()
    for target in _targets(agents, project=project):
        for kind in kinds or ("mcp",):
            if names or target.supports(kind):
                plan.add(target.install(kind, command))
    return plan.make("semls is installed already.", only_print=only_print, yes=yes)


@agent.command()
@_with_options("all", "all")
def uninstall(
    names: Sequence[str], kinds: Sequence[str], *, project: bool, only_print: bool, yes: bool
) -> int:
    """Remove what `agent install` has added.

    Files and MCP servers that were changed since, and those of others, stay.
    """
    agents = [AGENTS[name] for name in names] or AGENTS.values()
    plan = _Plan()
    for target in _targets(agents, project=project):
        for kind in kinds or KINDS:
            plan.add(target.uninstall(kind))
    return plan.make("Nothing to remove.", only_print=only_print, yes=yes)


def _targets(agents: Iterable[Agent], *, project: bool) -> list[Target]:
    folder = Path(absolute_path(".")) if project else None
    return [Target(agent, folder) for agent in agents]


def _is_found(agent: Agent) -> bool:
    return bool(find_program(agent.program)) or user_path(agent, f"{agent.folder}/").is_dir()


class _Plan:
    """The changes of all agents. What fails for one agent does not keep the others from being changed."""

    def __init__(self) -> None:
        self._changes: dict[Change, None] = {}  # in order, and each once, since two agents may share a skill
        self._kept: dict[Kept, None] = {}
        self._errors: set[str] = set()
        self._status = 0

    def add(self, changes: Iterable[Change | Kept]) -> None:
        """Add changes, or print why they cannot be made."""
        with self._printing_errors():
            for change in changes:
                if isinstance(change, Kept):
                    self._kept[change] = None
                else:
                    change.check()
                    self._changes[change] = None

    def make(self, nothing: str, *, only_print: bool, yes: bool) -> int:
        """Print the changes, and make them if the user agrees. Return the exit status."""
        for kept in self._kept:
            terminal.print_notice(str(kept))
        if not self._changes:
            if not self._status:
                terminal.print_line(nothing)
        elif only_print:
            for change in self._changes:
                terminal.write(escape_text(change.details()))
        elif yes:
            self._apply()
        elif not sys.stdin.isatty():
            raise UsageError("Pass --yes to make the changes without a question.")
        else:
            for change in self._changes:
                terminal.print_line(str(change))
            if not terminal.confirm("Make these changes?"):
                return 1
            self._apply(is_printed=True)
        return self._status

    def _apply(self, *, is_printed: bool = False) -> None:
        count = 0
        folders = CreatedFolders(EngineSettings.from_environment().state_directory)
        for change in self._changes:
            with self._printing_errors():
                change.apply(folders)
                count += 1
                if not is_printed:
                    terminal.print_line(str(change))
        if count:
            terminal.print_line("Done. Restart the agents.")

    @contextmanager
    def _printing_errors(self) -> Iterator[None]:
        try:
            yield
        except (AgentError, UsageError) as error:
            if str(error) not in self._errors:  # all agents may have the same problem
                terminal.print_error(str(error))
            self._errors.add(str(error))
            self._status = max(self._status, error.exit_status)
