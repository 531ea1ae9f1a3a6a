"""Commands that search: `search`, `similar` and `context`."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semls.cli import answers, last_search, terminal
from semls.cli.answers import Layout
from semls.cli.arguments import (
    TEXT,
    Filters,
    TypedQuery,
    engine_path,
    filter_options,
    force_option,
    json_option,
    lexical_option,
    parse_location,
    paths_option,
    read_queries,
    wait_option,
    workspace_of,
    workspace_option,
)
from semls.cli.requests import pack_context, run_with_client, sync_index
from semls.errors import UsageError
from semls.limits import DEFAULT_TOKENS, EMBEDDING_TIMEOUT

if TYPE_CHECKING:
    from semls.service.client import Client
    from semls.service.messages import AnswerMessage

_PRINTED_HITS = 9  # three files with three hits each
_JSON_HITS = 5
_STATUS = (
    "Exit status: 0 if there are hits, 1 if there are none, 2 for a wrong command line, 3 for a failure."
)


@click.command(
    epilog=f"""Examples:

    \b
      semls search where are expired sessions removed
      semls search 'parse the header' --lang go --no-tests
      semls search SessionStore.evict            a name: its definition comes first
      semls search 'kind:class name:*Handler'    filters in the query

    {_STATUS}
    """
)
@click.argument("words", nargs=-1, type=TEXT, metavar="QUERY...")
@paths_option
@filter_options
@click.option("-k", "limit", type=int, metavar="NUMBER", help="Print at most so many hits: 9, in JSON 5.")
@click.option(
    "--lines", type=click.IntRange(1), metavar="NUMBER", help="Print so many lines of code of each hit."
)
@click.option("--full", is_flag=True, help="Print all code of each hit.")
@click.option("--scores", is_flag=True, help="Print the score of each hit.")
@click.option("-l", "--files-with-matches", "only_paths", is_flag=True, help="Print the paths only.")
@click.option("--vimgrep", is_flag=True, help="Print path:line:column:text, as a quickfix list needs it.")
@click.option(
    "--from", "source", metavar="FILE", help="Read one query per line from a file, or from stdin with '-'."
)
@lexical_option
@wait_option
@force_option
@json_option
def search(
    words: Sequence[str],
    folders: Sequence[Path],
    filters: Filters,
    limit: int | None,
    lines: int | None,
    source: str | None,
    *,
    full: bool,
    scores: bool,
    only_paths: bool,
    vimgrep: bool,
    lexical_only: bool,
    wait: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Search code by meaning.

    QUERY says in plain words what the code does, or is a name. The first search of a folder indexes it.
    """
    if sum((only_paths, vimgrep, as_json)) > 1:
        raise UsageError("Pass only one of --files-with-matches, --vimgrep and --json.")
    queries = read_queries(words, source)
    workspaces = [engine_path(folder) for folder in folders]
    layout = Layout(None if full else lines or 0, scores, is_fitted=limit is None)
    default_limit = _JSON_HITS if as_json else _PRINTED_HITS

    def print_answer(message: "AnswerMessage") -> None:
        if as_json:
            terminal.print_json(message)
        elif only_paths:
            answers.print_paths(message)
        elif vimgrep:
            answers.print_vimgrep(message)
        else:
            if len(queries) > 1:
                terminal.print_heading(message["query"])
            answers.print_answer(message, layout)
            last_search.save(map(answers.place, message["hits"]))

    async def request(client: "Client") -> bool:
        async def answer(text: str, searched: Sequence[str]) -> "AnswerMessage":
            return await client.search(
                searched,
                text,
                limit=default_limit if limit is None else limit,
                languages=filters.languages,
                paths=filters.paths,
                excluded=filters.excluded,
                kinds=filters.kinds,
                tests=filters.tests,
                lexical_only=lexical_only,
                group=None if as_json else "file",
                embedding_timeout=EMBEDDING_TIMEOUT,
            )

        problems = [problem for query in queries if (problem := await _problem(query, answer))]
        if problems:  # before indexing starts
            raise UsageError("\n".join(problems))
        for folder in folders:
            last = await sync_index(client, folder, lexical_only=lexical_only, wait=wait)
        found = False
        for query in queries:
            message = await answer(query.text, workspaces)
            if not message["hits"] and not message["complete"]:
                for folder in folders:  # nothing that was read in time has these words
                    last = await sync_index(client, folder, lexical_only=True)
                message = await answer(query.text, workspaces)
            found = found or bool(message["hits"])
            print_answer(message)
        if not (lexical_only or as_json):
            answers.print_coverage(message, last)
        return found

    return 0 if run_with_client(request, force=force) else 1


async def _problem(
    query: TypedQuery, answer: "Callable[[str, Sequence[str]], Awaitable[AnswerMessage]]"
) -> str:
    """Return why a query is invalid, and where it is written; "" if it is valid."""
    try:
        await answer(query.text, [])  # searches no workspace
    except UsageError as error:
        return f"{query.place}: {error}" if query.place else str(error)
    return ""


@click.command("open")
@click.argument("number", type=int)
def open_hit(number: int) -> None:
    """Open a hit of the last search.

    NUMBER stands before the hit. $EDITOR opens it.
    """
    from semls.cli import editor  # imports modules that other commands do not need

    editor.open_location(last_search.location(number))


@click.command(epilog=_STATUS)
@click.argument("location", metavar="FILE:LINE")
@workspace_option
@click.option(
    "-k",
    "limit",
    type=int,
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="Print at most so many hits.",
)
@click.option(
    "--lines",
    type=click.IntRange(1),
    default=3,
    metavar="NUMBER",
    help="Print so many lines of code of each hit.",
)
@lexical_option
@wait_option
@force_option
@json_option
def similar(
    location: str,
    folder: Path | None,
    limit: int,
    lines: int,
    *,
    lexical_only: bool,
    wait: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Find similar code and exact duplicates.

    FILE:LINE is the place of the code to compare with; lines count from 1. FILE:10-20 and FILE#L10 are
    accepted, too.
    """
    file, row = parse_location(location)
    workspace = folder or workspace_of(file)

    async def request(client: "Client") -> bool:
        last = await sync_index(client, workspace, lexical_only=lexical_only, wait=wait)
        message = await client.similar(
            engine_path(workspace), file, row, limit=limit, lexical_only=lexical_only
        )
        if as_json:
            terminal.print_json(message)
        else:
            answers.print_similar(message, Layout(lines))
            if not lexical_only:
                answers.print_coverage(message, last)
        return bool(message["hits"] or message["copies"])

    return 0 if run_with_client(request, force=force) else 1


@click.command(epilog=_STATUS)
@click.argument("question", nargs=-1, required=True, type=TEXT, metavar="QUESTION...")
@click.option(
    "--tokens",
    type=int,
    default=DEFAULT_TOKENS,
    show_default=True,
    metavar="NUMBER",
    help="The budget, by an estimate that is rather too high.",
)
@paths_option
@filter_options
@lexical_option
@wait_option
@force_option
@json_option
def context(
    question: Sequence[str],
    tokens: int,
    folders: Sequence[Path],
    filters: Filters,
    *,
    lexical_only: bool,
    wait: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Pack code for a language model.

    The code that answers QUESTION is printed as Markdown, within a budget of tokens.
    """

    async def request(client: "Client") -> bool:
        message, last = await pack_context(
            client, " ".join(question), tokens, folders, filters, lexical_only=lexical_only, wait=wait
        )
        if as_json:
            terminal.print_json(message)
        else:
            answers.print_context(message)
            if not lexical_only:
                answers.print_coverage(message, last)
        return bool(message["sections"])

    return 0 if run_with_client(request, force=force) else 1
