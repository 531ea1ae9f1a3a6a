"""Send a command's requests to the engine.

`asyncio` and the client take a tenth of a second to import, so the functions here import them only when a
command talks to the engine.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from semls.cli import terminal
from semls.cli.arguments import engine_path
from semls.errors import UsageError
from semls.settings import EngineSettings, Settings

if TYPE_CHECKING:
    from semls.service.client import Client

T = TypeVar("T")


def run_with_client(request: "Callable[[Client], Awaitable[T]]", *, force: bool = False) -> T:
    """Call `request` with a connected client and return its result. Raises SemlsError.

    `force` allows folders that are too broad to index, such as the home folder.
    """

    async def run() -> T:
        async with _connected_client(force=force) as client:
            return await request(client)

    return run_coroutine(run())


def run_coroutine(coroutine: Coroutine[None, None, T]) -> T:
    """Run a coroutine in a new event loop and return its result."""
    import asyncio

    return asyncio.run(coroutine)


async def sync_index(client: "Client", path: Path, *, lexical_only: bool) -> None:
    """Update the index of a folder with a progress bar. If code was embedded, print the engine's notice."""
    _, embedded = await terminal.show_progress(client.index(engine_path(path), lexical_only=lexical_only))
    if embedded:
        terminal.print_notice((await client.status(engine_path(path)))["notice"])


def read_settings() -> Settings:
    """Return the settings from the environment. Raises UsageError if one is invalid."""
    settings, problems = Settings.from_environment()
    if problems:
        raise UsageError(f"Invalid environment variable. {problems[0]}")
    return settings


@asynccontextmanager
async def _connected_client(*, force: bool) -> "AsyncIterator[Client]":
    from semls.service.client import Client

    client = Client(
        read_settings(), EngineSettings.from_environment(), force=force, on_wait=terminal.print_waiting
    )
    try:
        yield client
    finally:
        await client.close()
