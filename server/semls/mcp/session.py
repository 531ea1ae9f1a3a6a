"""The client of the engine that all tools share, and how long a call waits for files to be read."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from semls.service.client import Client
from semls.service.messages import PHASE_LABELS, ProgressMessage
from semls.settings import EngineSettings, Settings

Report = Callable[[float, str], Awaitable[None]]  # takes seconds since the beginning, and a message

_MAX_READING_TIME = 6.0  # seconds, after the two for which a search waits itself


class Session:
    """The client of the engine for all agents of this process. Lives on one event loop."""

    def __init__(self, settings: Settings, engine: EngineSettings) -> None:
        self.engine = Client(settings, engine)

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


def _reading(message: ProgressMessage) -> str:
    return f"{PHASE_LABELS['reading']}: {message['chunks']:,} chunks"
