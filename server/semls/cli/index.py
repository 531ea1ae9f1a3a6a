"""Commands that manage the index of a folder and the embedding cache."""

import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semls.cli import progress, reports, terminal
from semls.cli.arguments import (
    engine_path,
    file_of_location,
    folder_argument,
    force_option,
    json_option,
    workspace_of,
    workspace_option,
)
from semls.cli.requests import run_with_client
from semls.errors import SemlsError, UsageError

if TYPE_CHECKING:
    from semls.service.client import Client


@click.command()
@folder_argument
@force_option
@json_option
def index(folder: Path, *, force: bool, as_json: bool) -> None:
    """Update the index of a folder.

    Waits until all code is embedded. Other commands update the index, too.
    """

    async def request(client: "Client") -> None:
        started = time.monotonic()
        last, embedded = await progress.show(client.index(engine_path(folder)))
        seconds = time.monotonic() - started
        if as_json:
            counts = {"files": last["files"], "chunks": last["chunks"], "embedded": embedded}
            terminal.print_json({**counts, "seconds": round(seconds, 3)})
        else:
            reports.print_summary(last, embedded, seconds)
        if last["phase"] == "paused" and last["embedded"] < last["chunks"]:
            raise SemlsError("Embedding is paused, so some code is not embedded: run `semls resume`.")
        terminal.print_notice((await client.status(engine_path(folder)))["notice"])

    run_with_client(request, force=force)


@click.command()
@folder_argument
@force_option
@json_option
def status(folder: Path, *, force: bool, as_json: bool) -> None:
    """Show the state of an index.

    Files that were skipped are listed by the reason.
    """

    async def request(client: "Client") -> None:
        message = await client.status(engine_path(folder))
        if as_json:
            terminal.print_json(message)
        else:
            reports.print_status(message)
            terminal.print_notice(message["notice"])

    run_with_client(request, force=force)


@click.command()
@folder_argument
@click.option("--skipped", is_flag=True, help="List the skipped files, with reasons.")
@force_option
@json_option
def files(folder: Path, *, skipped: bool, force: bool, as_json: bool) -> None:
    """List the files that are indexed.

    Or those that would be indexed, if the folder has no index, or those that are skipped.
    """

    async def request(client: "Client") -> None:
        async with aclosing(client.files(engine_path(folder), skipped=skipped)) as batches:
            if as_json:
                terminal.print_json({"files": [file async for batch in batches for file in batch["files"]]})
            else:
                await reports.print_files(batches)

    run_with_client(request, force=force)


@click.command()
@click.argument("file")
@workspace_option
@force_option
@json_option
def why(file: str, folder: Path | None, *, force: bool, as_json: bool) -> int:
    """Explain how a file is indexed.

    Or why it is skipped.
    """
    absolute = engine_path(file_of_location(file))
    workspace = folder or workspace_of(absolute)

    async def request(client: "Client") -> bool:
        message = await client.explain(engine_path(workspace), absolute)
        if as_json:
            terminal.print_json(message)
        else:
            reports.print_explanation(message)
        return not message["skipped"]

    return 0 if run_with_client(request, force=force) else 1


@click.command()
def pause() -> None:
    """Pause embedding, for instance on battery.

    Full-text search stays up to date.
    """
    run_with_client(lambda client: client.pause())


@click.command()
def resume() -> None:
    """Resume embedding."""
    run_with_client(lambda client: client.resume())


@click.command()
@folder_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(folder: Path, *, yes: bool) -> int:
    """Delete the index of a folder.

    The folder itself is not changed.
    """
    if not yes and not sys.stdin.isatty():
        raise UsageError("Pass --yes to delete the index without a question.")
    if not yes and not terminal.confirm(f"Delete the index of {engine_path(folder)}?"):
        return 1
    run_with_client(lambda client: client.clear(engine_path(folder)))
    return 0


@click.group()
def cache() -> None:
    """Export or import embeddings.

    Their cache keeps code from being embedded twice, also on another machine.
    """


@cache.command("export")
@click.argument("file")
def export_cache(file: str) -> None:
    """Write embeddings to a file.

    All cached embeddings of the model are written, for another machine.
    """
    run_with_client(lambda client: client.export_cache(engine_path(file)))
    terminal.print_line(f"Wrote {file}.")


@cache.command("import")
@click.argument("file")
def import_cache(file: str) -> None:
    """Add embeddings of a file.

    Another machine has exported them with the same model.
    """
    count = run_with_client(lambda client: client.import_cache(engine_path(file)))
    terminal.print_line(f"Imported {count:,} vectors.")
