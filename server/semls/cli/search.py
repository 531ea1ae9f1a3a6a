"""Commands that search: `search`, `similar`, `context`, `pick`, and the hidden commands that fzf calls."""

import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semls.cli import terminal
from semls.cli.arguments import (
    Force,
    Json,
    Kinds,
    Languages,
    LexicalOnly,
    Limit,
    NoWait,
    PathPatterns,
    SearchedFolder,
    absolute_path,
    decode_argument,
    engine_path,
    parse_location,
    read_queries,
)
from semls.cli.requests import run_with_client, sync_index
from semls.errors import UsageError, reason
from semls.limits import DEFAULT_TOKENS, MAX_FILE_BYTES
from semls.reading import read_regular
from semls.service.messages import AnswerMessage, ContextMessage

if TYPE_CHECKING:
    from semls.service.client import Client

_PRINTED_HITS = 9  # three files with three hits each
_JSON_HITS = 5
_PICKER_HITS = 50

commands = typer.Typer()


@commands.command()
def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(
            parser=decode_argument, help="What the code does, in plain words, or a name.", show_default=False
        ),
    ] = None,
    path: SearchedFolder = Path(),
    k: Annotated[
        int | None,
        typer.Option("-k", help="Maximum number of hits.", show_default="9, with --json 5"),
    ] = None,
    lang: Languages = None,
    within: PathPatterns = None,
    kind: Kinds = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE", help="Read one query per line from a file, or from stdin with '-'."
        ),
    ] = None,
    lexical_only: LexicalOnly = False,
    no_wait: NoWait = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Search a folder by meaning. The first search indexes the folder.

    Hits are grouped by file, except in JSON.
    """
    queries = read_queries(query or [], source)
    default_limit = _JSON_HITS if as_json else _PRINTED_HITS
    limit = default_limit if k is None else k

    async def request(client: "Client") -> bool:
        def answer(text: str, *workspaces: str) -> Awaitable[AnswerMessage]:
            return client.search(
                workspaces,
                text,
                limit=limit,
                languages=lang or (),
                paths=within or (),
                kinds=kind or (),
                lexical_only=lexical_only,
                group=None if as_json else "file",
            )

        for text in queries:
            await answer(text)  # searches no workspace: reports an invalid query before indexing starts
        await sync_index(client, path, lexical_only=lexical_only or no_wait)
        found = False
        for text in queries:
            message = await answer(text, engine_path(path))
            found = found or bool(message["hits"])
            if as_json:
                terminal.print_json(message)
            else:
                terminal.print_answer(message)
        return found

    if not run_with_client(request, force=force):
        raise typer.Exit(1)


@commands.command()
def similar(
    location: Annotated[
        str, typer.Argument(metavar="FILE:LINE", help="The code to compare with. Lines count from 1.")
    ],
    path: SearchedFolder = Path(),
    k: Limit = 5,
    lexical_only: LexicalOnly = False,
    no_wait: NoWait = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Find code that is similar to the code at a line, and its exact duplicates."""
    file, row = parse_location(location)

    async def request(client: "Client") -> bool:
        await sync_index(client, path, lexical_only=lexical_only or no_wait)
        message = await client.similar(engine_path(path), file, row, limit=k, lexical_only=lexical_only)
        if as_json:
            terminal.print_json(message)
        else:
            terminal.print_similar(message)
        return bool(message["hits"] or message["copies"])

    if not run_with_client(request, force=force):
        raise typer.Exit(1)


@commands.command()
def context(
    question: Annotated[
        list[str],
        typer.Argument(parser=decode_argument, metavar="QUESTION", help="The question, in plain words."),
    ],
    tokens: Annotated[
        int, typer.Option(help="Token budget, by an estimate that is rather too high.")
    ] = DEFAULT_TOKENS,
    path: SearchedFolder = Path(),
    lang: Languages = None,
    within: PathPatterns = None,
    kind: Kinds = None,
    lexical_only: LexicalOnly = False,
    no_wait: NoWait = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Print the code that answers a question as Markdown, for a language model."""

    async def request(client: "Client") -> bool:
        async def answer(*workspaces: str) -> ContextMessage:
            return await client.context(
                workspaces,
                " ".join(question),
                tokens=tokens,
                languages=lang or (),
                paths=within or (),
                kinds=kind or (),
                lexical_only=lexical_only,
            )

        await answer()  # searches no workspace: reports an invalid question before indexing starts
        await sync_index(client, path, lexical_only=lexical_only or no_wait)
        message = await answer(engine_path(path))
        if as_json:
            terminal.print_json(message)
        else:
            terminal.print_context(message)
        return bool(message["sections"])

    if not run_with_client(request, force=force):
        raise typer.Exit(1)


@commands.command()
def pick(
    query: Annotated[
        list[str] | None,
        typer.Argument(parser=decode_argument, help="The initial query.", show_default=False),
    ] = None,
    path: SearchedFolder = Path(),
    force: Force = False,
) -> None:
    """Search interactively in fzf and open the selected hit in $EDITOR. In a pipe, print its location."""
    from semls.cli import picker  # only this command needs it

    run_with_client(lambda client: sync_index(client, path, lexical_only=True), force=force)
    location = picker.select_hit(" ".join(query or []), absolute_path(path), force=force)
    if location is None:
        raise typer.Exit(1)
    if sys.stdout.isatty():
        picker.open_in_editor(location)
    else:
        terminal.print_location(location.path, location.line)


@commands.command("rows", hidden=True)
def picker_rows(
    workspace: Path, query: Annotated[str, typer.Argument(parser=decode_argument)], force: Force = False
) -> None:
    """Print the hits for a query in the format of `pick`, which passes them to fzf."""

    async def request(client: "Client") -> None:
        terminal.print_picker_rows(await client.search([engine_path(workspace)], query, limit=_PICKER_HITS))

    if query.strip():
        run_with_client(request, force=force)


@commands.command("preview", hidden=True)
def picker_preview(line: int, uri: str, plain: bool = False) -> None:
    """Print a file for fzf's preview window; with `--plain` without styles, for bat."""
    from semls.cli import picker

    path = picker.path_of_uri(uri)
    try:
        content = read_regular(Path(path), MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(f"The file {path} cannot be read: {reason(error)}.") from error
    if content is None:
        raise UsageError(f"{path} is not a regular file.")
    text = content[:MAX_FILE_BYTES].decode("utf-8-sig", "replace")
    if plain:
        terminal.print_plain(text)
    else:
        terminal.print_preview(text, line)
