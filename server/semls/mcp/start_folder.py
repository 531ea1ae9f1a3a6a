"""Keeps the index of the start folder up to date while an MCP server runs."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from semls.errors import BroadWorkspaceError, SemlsError, UsageError
from semls.mcp.scope import parse_scope
from semls.service.client import Client
from semls.settings import EngineSettings, Settings

_RETRY_DELAY = 5.0  # seconds until a workspace is followed again after its engine has stopped


@contextmanager
def following(settings: Settings, engine: EngineSettings) -> Iterator[None]:
    """Keep the index of the start folder up to date within the block; starts the engine if necessary.

    A thread does so: importing the MCP SDK takes more than a second, in which the engine starts.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(_follow_start_folder(Client(settings, engine)))
    thread = threading.Thread(target=_run, args=(loop, task), name="start folder")
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the start folder is no workspace
            loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with contextlib.closing(loop):
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())


async def _follow_start_folder(client: Client) -> None:
    try:
        scope = await asyncio.to_thread(parse_scope, "")
    except UsageError:
        return  # a call without `path` returns this error
    await asyncio.gather(*(_follow(client, each) for each in scope.workspaces))


async def _follow(client: Client, workspace: str) -> None:
    while True:
        try:
            async for _ in client.follow(workspace):
                pass
        except BroadWorkspaceError:
            return
        except SemlsError:
            pass  # the next call returns it
        await asyncio.sleep(_RETRY_DELAY)
