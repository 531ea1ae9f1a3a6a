"""Waits for conditions that another process or task brings about."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conftest import HANG

_POLL_INTERVAL = 0.02  # seconds


def wait_until(condition: Callable[[], object], timeout: float = HANG) -> None:
    """Poll until the condition is true. Fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(_POLL_INTERVAL)


async def wait_until_async(condition: Callable[[], Awaitable[object]], timeout: float = HANG) -> None:
    """Poll until the asynchronous condition is true. Fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(_POLL_INTERVAL)


async def complete_answer(search: Callable[[], Awaitable[Any]], timeout: float = HANG) -> Any:
    """Search until all files have been read, and return that answer. Fails after `timeout` seconds.

    The first searches of a folder wait for its files for two seconds only.
    """
    deadline = time.monotonic() + timeout
    while not (answer := await search())["complete"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(_POLL_INTERVAL)
    return answer
