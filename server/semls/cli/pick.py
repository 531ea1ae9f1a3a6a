"""The command `pick`, and the hidden commands that fzf calls for it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from semls.cli import answers, clipboard, editor, terminal
from semls.cli.arguments import TEXT, engine_path, force_option, path_option
from semls.cli.requests import run_with_client, sync_index
from semls.escaping import escape_line
from semls.locations import path_of_uri


@click.command()
@click.argument("query", nargs=-1, type=TEXT, metavar="[QUERY]...")
@path_option
@force_option
def pick(query: Sequence[str], path: Path, *, force: bool) -> int:
    """Search while you type, in fzf.

    Enter opens the selected hit in $EDITOR. In a pipe, its location is printed. Ctrl-O opens a hit and
    returns, Ctrl-Y copies its location, and Ctrl-P recalls the query before.
    """
    from semls.cli import picker  # imports modules that `edit` and `copy` do not need

    run_with_client(lambda client: sync_index(client, path, lexical_only=True), force=force)
    with editor.ignoring_sigint():
        location = run_with_client(
            lambda client: picker.select_hit(client, " ".join(query), engine_path(path)),
            force=force,
            is_silent=True,  # fzf has the screen
        )
    if location is None:
        return 1
    if sys.stdout.isatty():
        editor.open_location(location)
    else:
        answers.print_location(location.path, location.line)
    return 0


@click.command(hidden=True)
@click.argument("line", type=int)
@click.argument("uri")
def edit(line: int, uri: str) -> None:
    """Open a hit while fzf waits."""
    editor.open_location(editor.Location(line, path_of_uri(uri)))


@click.command(hidden=True)
@click.argument("line", type=int)
@click.argument("uri")
def copy(line: int, uri: str) -> None:
    """Copy the location of a hit, and say so in the preview of fzf."""
    location = (
        f"{escape_line(path_of_uri(uri))}:{line}"  # a newline would end a command that it is pasted into
    )
    clipboard.copy(location)
    terminal.write(f"Copied {location}")
