"""Send a command's requests to the engine.

`asyncio` and the client take a tenth of a second to import, so the functions here import them only when a
command talks to the engine.
"""

import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from semls.cli import progress, terminal
from semls.cli.arguments import Filters, engine_path
from semls.errors import SemlsError, UsageError
from semls.settings import EngineSettings, Settings

if TYPE_CHECKING:
    from semls.service.client import Client
    from semls.service.messages import ContextMessage, ProgressMessage

T = TypeVar("T")

_NEARLY = 256  # chunks without a vector: they are embedded within a few seconds
_EMBEDDING_TIMEOUT = 2.0  # seconds that a search waits for them
_READING_TIMEOUT = 0.2  # seconds that a person waits until all files are read; the engine waits two more


def run_with_client(
    request: "Callable[[Client], Awaitable[T]]", *, force: bool = False, is_silent: bool = False
) -> T:
    """Call `request` with a client and return its result. Raises SemlsError.

    `force` allows folders that are too broad to index, such as the home folder. With `is_silent`, nothing is
    printed while the engine is busy.
    """

    async def run() -> T:
        return await request(_client(force=force, is_silent=is_silent))

    return run_coroutine(run())


def run_coroutine(coroutine: Coroutine[None, None, T]) -> T:
    """Run a coroutine in a new event loop and return its result."""
    import asyncio

    return asyncio.run(coroutine)


async def sync_index(
    client: "Client", folder: Path, *, lexical_only: bool = False, wait: bool = False
) -> "ProgressMessage":
    """Update the index of a folder until it can be searched, and return the progress.

    Embedding goes on in the engine. It is awaited with `wait`, and otherwise for a moment if it has nearly
    ended. If code was embedded, the engine's notice is printed.
    """
    messages = client.index(engine_path(folder), lexical_only=lexical_only)
    last, embedded = await progress.show(messages if wait or lexical_only else _until_searchable(messages))
    if embedded:
        terminal.print_notice((await client.status(engine_path(folder)))["notice"])
    return last


async def pack_context(
    client: "Client",
    question: str,
    tokens: int,
    folders: Sequence[Path],
    filters: Filters,
    *,
    lexical_only: bool,
    wait: bool,
) -> "tuple[ContextMessage, ProgressMessage]":
    """Return the code that answers a question, and the progress of indexing when it was searched.

    If nothing is found before all files are read, wait for them. Raises UsageError for an invalid question
    before indexing starts.
    """

    async def pack(searched: Sequence[str]) -> "ContextMessage":
        return await client.context(
            searched,
            question,
            tokens=tokens,
            languages=filters.languages,
            paths=filters.paths,
            excluded=filters.excluded,
            kinds=filters.kinds,
            tests=filters.tests,
            lexical_only=lexical_only,
        )

    workspaces = [engine_path(folder) for folder in folders]
    await pack([])
    for folder in folders:
        last = await sync_index(client, folder, lexical_only=lexical_only, wait=wait)
    message = await pack(workspaces)
    if not message["sections"] and not message["complete"]:
        for folder in folders:
            last = await sync_index(client, folder, lexical_only=True)
        message = await pack(workspaces)
    return message, last


async def _until_searchable(
    messages: "AsyncGenerator[ProgressMessage, None]",
) -> "AsyncIterator[ProgressMessage]":
    """Yield the progress until full-text search is up to date and embedding has ended or takes longer.

    A folder that is new to semls has no vectors yet, so nothing is worth waiting for. A person does not wait
    for full-text search either: the engine first reads the files that mention the words of the question.
    """
    import asyncio

    async with aclosing(messages):
        message = await anext(messages)
        embedding_timeout = 0.0 if not message["chunks"] else _EMBEDDING_TIMEOUT
        is_person = terminal.is_interactive(sys.stderr)
        deadline = time.monotonic() + _READING_TIMEOUT if is_person else None
        is_reading = True
        while True:
            yield message
            if message["phase"] != "reading":
                if is_reading:
                    is_reading, deadline = False, time.monotonic() + embedding_timeout
                missing = message["chunks"] - message["embedded"]
                if message["phase"] == "embedding" and missing > _NEARLY:
                    return
            remaining = deadline and deadline - time.monotonic()
            try:
                message = await asyncio.wait_for(anext(messages), remaining)
            except (StopAsyncIteration, asyncio.TimeoutError):
                return
            except SemlsError as error:
                terminal.print_error(str(error))  # what is indexed can be searched nevertheless
                return


def read_settings() -> Settings:
    """Return the settings from the environment. Raises UsageError if one is invalid."""
    settings, problems = Settings.from_environment()
    if problems:
        raise UsageError(f"Invalid environment variable. {problems[0]}")
    return settings


def _client(*, force: bool, is_silent: bool) -> "Client":
    from semls.service.client import Client

    on_wait = (lambda _: None) if is_silent else terminal.print_waiting
    return Client(read_settings(), EngineSettings.from_environment(), force=force, on_wait=on_wait)
