"""The command `pick`, and the hidden commands that fzf calls for it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semls.cli import answers, clipboard, picker
from semls.cli.arguments import PATH, TEXT, absolute_path, engine_path, force_option, path_option
from semls.cli.requests import run_with_client, sync_index
from semls.decoding import to_utf8
from semls.errors import SemlsError, UsageError, reason
from semls.limits import MAX_FILE_BYTES
from semls.locations import path_of_uri
from semls.reading import read_regular

if TYPE_CHECKING:
    from semls.service.client import Client

_PICKER_HITS = 50


@click.command()
@click.argument("query", nargs=-1, type=TEXT, metavar="[QUERY]...")
@path_option
@force_option
def pick(query: Sequence[str], path: Path, *, force: bool) -> int:
    """Search while you type, in fzf.

    Enter opens the selected hit in $EDITOR. In a pipe, its location is printed. Ctrl-O opens a hit and
    returns, Ctrl-Y copies its location, and Ctrl-P recalls the query before.
    """
    run_with_client(lambda client: sync_index(client, path, lexical_only=True), force=force)
    location = picker.select_hit(" ".join(query), absolute_path(path), force=force)
    if location is None:
        return 1
    if sys.stdout.isatty():
        picker.open_in_editor(location)
    else:
        answers.print_location(location.path, location.line)
    return 0


@click.command(hidden=True)
@click.argument("workspace", type=PATH)
@click.argument("query", type=TEXT)
@force_option
def rows(workspace: Path, query: str, *, force: bool) -> None:
    """Print the hits for a query in the format of `pick`, which passes them to fzf."""

    async def request(client: "Client") -> None:
        answers.print_picker_rows(await client.search([engine_path(workspace)], query, limit=_PICKER_HITS))

    if query.strip():
        try:
            run_with_client(request, force=force)
        except SemlsError as error:
            answers.print_picker_error(str(error))


@click.command(hidden=True)
@click.argument("line", type=int)
@click.argument("uri")
def edit(line: int, uri: str) -> None:
    """Open a hit while fzf waits."""
    picker.open_in_editor(picker.Location(line, path_of_uri(uri)))


@click.command(hidden=True)
@click.argument("line", type=int)
@click.argument("uri")
def copy(line: int, uri: str) -> None:
    """Copy the location of a hit."""
    clipboard.copy(f"{path_of_uri(uri)}:{line}")


@click.command(hidden=True)
@click.argument("line")
@click.argument("uri")
@click.option("--plain", is_flag=True)
def preview(line: str, uri: str, *, plain: bool) -> None:
    """Print a file for fzf's preview window; with `--plain` without styles, for bat."""
    if not line:
        return  # the row with an error
    path = path_of_uri(uri)
    try:
        content = read_regular(Path(path), MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(f"The file {path} cannot be read: {reason(error)}.") from error
    if content is None:
        raise UsageError(f"{path} is not a regular file.")
    text = to_utf8(Path(path), content[:MAX_FILE_BYTES]).decode("utf-8-sig", "replace")
    answers.print_file(text, None if plain else int(line))
