"""Commands that manage the index of a folder and the embedding cache."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semls.cli import terminal
from semls.cli.arguments import Force, IndexedFolder, Json, SearchedFolder, engine_path
from semls.cli.requests import run_with_client

if TYPE_CHECKING:
    from semls.service.client import Client

commands = typer.Typer()
cache_group = typer.Typer(
    help="Export and import the embedding cache, which keeps code from being embedded twice.",
    no_args_is_help=True,
)
commands.add_typer(cache_group, name="cache")


@commands.command()
def index(path: IndexedFolder = Path(), force: Force = False, as_json: Json = False) -> None:
    """Update the index of a folder. `search` does so automatically."""

    async def request(client: "Client") -> None:
        started = time.monotonic()
        last, embedded = await terminal.show_progress(client.index(engine_path(path)))
        seconds = time.monotonic() - started
        if as_json:
            counts = {"files": last["files"], "chunks": last["chunks"], "embedded": embedded}
            terminal.print_json({**counts, "seconds": round(seconds, 3)})
        else:
            terminal.print_summary(last, embedded, seconds)
        terminal.print_notice((await client.status(engine_path(path)))["notice"])

    run_with_client(request, force=force)


@commands.command()
def status(path: IndexedFolder = Path(), force: Force = False, as_json: Json = False) -> None:
    """Show the state of the index, and which files were skipped and why."""

    async def request(client: "Client") -> None:
        message = await client.status(engine_path(path))
        if as_json:
            terminal.print_json(message)
        else:
            terminal.print_status(message)
            terminal.print_notice(message["notice"])

    run_with_client(request, force=force)


@commands.command()
def why(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file to explain.")],
    path: SearchedFolder = Path(),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Explain how a file is indexed, or why it is skipped."""
    absolute = engine_path(file)

    async def request(client: "Client") -> bool:
        message = await client.explain(engine_path(path), absolute)
        if as_json:
            terminal.print_json(message)
        else:
            terminal.print_explanation(message)
        return not message["skipped"]

    if not run_with_client(request, force=force):
        raise typer.Exit(1)


@commands.command()
def pause() -> None:
    """Pause embedding, for instance on battery. Full-text search stays up to date."""
    run_with_client(lambda client: client.pause())


@commands.command()
def resume() -> None:
    """Resume embedding."""
    run_with_client(lambda client: client.resume())


@commands.command()
def clear(path: IndexedFolder = Path()) -> None:
    """Delete the index of a folder. The folder itself is not changed."""
    run_with_client(lambda client: client.clear(engine_path(path)))


@cache_group.command("export")
def export_cache(file: Annotated[str, typer.Argument(metavar="FILE", help="The file to write.")]) -> None:
    """Write all cached embeddings of the model to a file, for another machine."""
    run_with_client(lambda client: client.export_cache(engine_path(file)))
    terminal.print_line(f"Wrote {file}.")


@cache_group.command("import")
def import_cache(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file that `semls cache export` wrote.")],
) -> None:
    """Add the embeddings that another machine exported with the same model."""
    count = run_with_client(lambda client: client.import_cache(engine_path(file)))
    terminal.print_line(f"Imported {count:,} vectors.")
