"""The command `ask`, which passes the code that answers a question to the user's language model."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semls.ask.citations import Citation, Place
from semls.ask.notice import Notice
from semls.ask.settings import AskSettings
from semls.cli import answers, last_search, terminal
from semls.cli.arguments import (
    TEXT,
    Filters,
    filter_options,
    force_option,
    lexical_option,
    paths_option,
    wait_option,
)
from semls.cli.requests import pack_context, run_with_client
from semls.limits import DEFAULT_TOKENS
from semls.settings import EngineSettings

if TYPE_CHECKING:
    from semls.service.client import Client
    from semls.service.messages import ContextMessage


@click.command(
    epilog="""Examples:

    \b
      export SEMLS_ASK_COMMAND='claude -p'                    a command that reads the prompt
      export SEMLS_ASK_URL=http://127.0.0.1:11434/v1          or a server with OpenAI's API,
      export SEMLS_ASK_MODEL=qwen3                            its model,
      export SEMLS_ASK_KEY=...                                and its key, if it requires one
      semls ask how are sessions renewed

    Exit status: 0 if there is an answer, 1 if no code matches, 2 for a wrong command line, 3 for a failure.
    """
)
@click.argument("question", nargs=-1, required=True, type=TEXT, metavar="QUESTION...")
@click.option(
    "--tokens",
    type=int,
    default=DEFAULT_TOKENS,
    show_default=True,
    metavar="NUMBER",
    help="Send at most so much code, by an estimate that is rather too high.",
)
@paths_option
@filter_options
@lexical_option
@wait_option
@force_option
def ask(
    question: Sequence[str],
    tokens: int,
    folders: Sequence[Path],
    filters: Filters,
    *,
    lexical_only: bool,
    wait: bool,
    force: bool,
) -> int:
    """Ask your language model a question about the code.

    It receives the code that answers QUESTION. The places that it cites are verified, and `semls open` opens
    them. Nothing is sent unless you have configured a model.
    """
    settings = AskSettings.from_environment()

    async def request(client: "Client") -> bool:
        context, last = await pack_context(
            client, " ".join(question), tokens, folders, filters, lexical_only=lexical_only, wait=wait
        )
        if not lexical_only:
            answers.print_coverage(context, last)
        if not context["sections"]:
            answers.print_context(context)
            return False
        await _print_answer(settings, context)
        return True

    return 0 if run_with_client(request, force=force) else 1


async def _print_answer(settings: AskSettings, context: "ContextMessage") -> None:
    """Print the answer while it arrives, then the places that it cites, and remember those."""
    from semls.ask.answer import stream_answer  # imports an HTTP client

    files = terminal.count(len(context["sections"]), "file")
    terminal.print_activity(f"Asking {settings.name} with code of {files}…")
    places: dict[tuple[int, str], Place] = {}
    notices: list[Notice] = []
    has_begun = False
    directory = EngineSettings.from_environment().state_directory  # exists: the engine logs there
    try:
        async with aclosing(stream_answer(settings, context, directory)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Notice):
                    notices.append(piece)
                    continue
                has_begun = True
                answers.print_piece(piece)
                if isinstance(piece, Citation) and piece.place:
                    places.setdefault((piece.place.first, piece.place.uri), piece.place)
    finally:
        if has_begun:
            terminal.write()  # ends the last line, above an error, too
    for notice in notices:
        terminal.print_notice(notice.text)
    answers.print_places(list(places.values()))
    last_search.save(places)
