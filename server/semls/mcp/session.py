"""The connection of agents to the engine: follows the start folder, and waits for files to be read."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

from semls.errors import BroadWorkspaceError, SemlsError, UsageError
from semls.mcp.scope import parse_scope
from semls.service.client import Client
from semls.service.messages import PHASE_LABELS, ProgressMessage
from semls.settings import EngineSettings, Settings

Report = Callable[[float, str], Awaitable[None]]  # takes seconds since the beginning, and a message

_MAX_READING_TIME = 6.0  # seconds, after the two for which a search waits itself
_RETRY_DELAY = 5.0  # seconds until a workspace is followed again after its engine has stopped


class Session:
    """The client of the engine for all agents of this process. Lives on one event loop."""

    def __init__(self, settings: Settings, engine: EngineSettings) -> None:
        self.engine = Client(settings, engine)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Keep the index of the start folder up to date within the block; starts the engine if necessary."""
        task = asyncio.create_task(self._follow_start_folder())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def wait_until_read(self, workspaces: Sequence[str], report: Report) -> None:
        """Wait until the files of some workspaces have been read, but not longer than some seconds."""
        began = time.monotonic()
        await asyncio.gather(*(self._wait_until_read(each, began, report) for each in workspaces))

    async def _wait_until_read(self, workspace: str, began: float, report: Report) -> None:
        deadline = began + _MAX_READING_TIME
        async with aclosing(self.engine.index(workspace)) as messages:
            with contextlib.suppress(asyncio.TimeoutError, StopAsyncIteration):
                while True:
                    message = await asyncio.wait_for(anext(messages), deadline - time.monotonic())
                    if message["phase"] != "reading":
                        return
                    await report(time.monotonic() - began, _reading(message))

    async def _follow_start_folder(self) -> None:
        try:
            scope = await asyncio.to_thread(parse_scope, "")
        except UsageError:
            return  # a call without `path` returns this error
        await asyncio.gather(*map(self._follow, scope.workspaces))

    async def _follow(self, workspace: str) -> None:
        while True:
            try:
                async for _ in self.engine.follow(workspace):
                    pass
            except BroadWorkspaceError:
                return
            except SemlsError:
                pass  # the next call returns it
            await asyncio.sleep(_RETRY_DELAY)


def _reading(message: ProgressMessage) -> str:
    return f"{PHASE_LABELS['reading']}: {message['chunks']:,} chunks"
