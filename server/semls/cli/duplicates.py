"""The command `duplicates`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from semls.cli import answers, terminal
from semls.cli.arguments import (
    PATH,
    engine_path,
    force_option,
    json_option,
    lexical_option,
    wait_option,
)
from semls.cli.requests import run_with_client, sync_index

if TYPE_CHECKING:
    from semls.service.client import Client


@click.command(
    epilog="Exit status: 0 if there are duplicates, 1 if there are none, 2 for a wrong command line, "
    "3 for a failure."
)
@click.argument("folder", type=PATH, default=Path(), metavar="[FOLDER]")
@click.option(
    "-k",
    "limit",
    type=int,
    default=20,
    show_default=True,
    metavar="NUMBER",
    help="Print at most so many clusters.",
)
@click.option("--no-tests", "tests", flag_value=False, default=True, help="Leave out tests and test data.")
@lexical_option
@wait_option
@force_option
@json_option
def duplicates(
    folder: Path,
    limit: int,
    *,
    tests: bool,
    lexical_only: bool,
    wait: bool,
    force: bool,
    as_json: bool,
) -> int:
    """List functions that are copies of one another, or nearly.

    Copies come first: they differ in white space only. Near copies have near embeddings and share most of
    their words. Each cluster begins with the lines that could be saved.
    """

    async def request(client: "Client") -> bool:
        await sync_index(client, folder, lexical_only=lexical_only, wait=wait)
        message = await client.duplicates(
            engine_path(folder), limit=limit, tests=tests, lexical_only=lexical_only
        )
        if as_json:
            terminal.print_json(message)
        else:
            answers.print_duplicates(message)
        return bool(message["clusters"])

    return 0 if run_with_client(request, force=force) else 1
