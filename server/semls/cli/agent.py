"""Commands that change the configuration of coding agents: `agent install` and `agent uninstall`."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from semls.agents.changes import Change
from semls.agents.plan import KINDS, Target, server_command, user_path
from semls.agents.registry import AGENTS, Agent
from semls.cli import terminal
from semls.cli.arguments import absolute_path
from semls.cli.sdk import require_sdk
from semls.errors import UsageError
from semls.escaping import escape_text
from semls.programs import find_program

_OPTIONS = (
    click.option(
        "--agent",
        "names",
        type=click.Choice(list(AGENTS)),
        multiple=True,
        help="The agent; by default, all that are found. Repeatable.",
    ),
    click.option(
        "--type",
        "kinds",
        type=click.Choice(KINDS),
        multiple=True,
        help="Which part; by default mcp. Repeatable.",
    ),
    click.option("--project", is_flag=True, help="Change the configuration of the project in this folder."),
    click.option("--print", "only_print", is_flag=True, help="Print the changes, and make none."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def agent() -> None:
    """Install or uninstall semls in coding agents."""


@agent.command()
@_with_options
def install(names: Sequence[str], kinds: Sequence[str], *, project: bool, only_print: bool, yes: bool) -> int:
    """Let coding agents search with semls.

    Adds the MCP server of this installation to their configuration. The other types are a skill, which tells
    an agent when to use it, and a subagent, which searches and changes nothing.
    """
    require_sdk()
    command = server_command()
    changes = [
        change
        for target in _targets(names, project=project)
        for kind in kinds or ("mcp",)
        if names or target.supports(kind)
        for change in target.install(kind, command)
    ]
    return _make(changes, "semls is installed already.", only_print=only_print, yes=yes)


@agent.command()
@_with_options
def uninstall(
    names: Sequence[str], kinds: Sequence[str], *, project: bool, only_print: bool, yes: bool
) -> int:
    """Remove what `agent install` has added.

    By default, all types. Files that were changed since, and other MCP servers, stay.
    """
    changes = [
        change
        for target in _targets(names, project=project)
        for kind in kinds or KINDS
        for change in target.uninstall(kind)
    ]
    return _make(changes, "Nothing to remove.", only_print=only_print, yes=yes)


def _targets(names: Sequence[str], *, project: bool) -> Iterator[Target]:
    """Yield the named agents, or those that are found. Raises UsageError."""
    folder = Path(absolute_path(".")) if project else None
    found = [AGENTS[name] for name in names] or list(filter(_is_found, AGENTS.values()))
    if not found:
        raise UsageError(f"No coding agent was found. Name one with --agent: {', '.join(AGENTS)}.")
    return (Target(agent, folder) for agent in found)


def _is_found(agent: Agent) -> bool:
    return bool(find_program(agent.program)) or user_path(agent, f"{agent.folder}/").is_dir()


def _make(changes: Iterable[Change], nothing: str, *, only_print: bool, yes: bool) -> int:
    """Print the changes, and make them if the user agrees. Return the exit status."""
    changes = list(dict.fromkeys(changes))  # two agents may share a skill
    if not changes:
        terminal.print_line(nothing)
        return 0
    for change in changes:
        if only_print:
            terminal.write(escape_text(change.details()))
        else:
            terminal.print_line(str(change))
    if only_print:
        return 0
    if not yes and sys.stdin.isatty() and not terminal.confirm("Make these changes?"):
        return 1
    for change in changes:
        change.apply()
    terminal.print_line("Done. Restart the agents.")
    return 0
