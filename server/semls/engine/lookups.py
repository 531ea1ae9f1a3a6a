"""Looks at files away from the event loop, for a bounded time: a network file system may never answer."""

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from semls.errors import SemlsError

SLOW = 5.0  # seconds that a file system may take to answer

T = TypeVar("T")


class Lookups:
    """Runs each lookup in a thread of its own; requests for the same one share it, so that few hang."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[Any]] = {}

    async def run(self, lookup: Callable[..., T], *arguments: Hashable, seconds: float = SLOW) -> T:
        """Return what `lookup` returns, or raise what it raises. Its last argument is the path.

        Raises SemlsError when the file system does not answer in time.
        """
        found = self._under_way.get((lookup, arguments)) or self._start(lookup, arguments)
        await asyncio.wait({found}, timeout=seconds)
        if not found.done():
            raise SemlsError(
                f"The file system of {arguments[-1]} has not answered for {seconds:g} s: "
                "check that its disk or server can be reached, and try again."
            )
        return cast(T, found.result())

    def _start(self, lookup: Callable[..., T], arguments: tuple[Hashable, ...]) -> "asyncio.Future[T]":
        outcome = Future[T]()

        def work() -> None:
            try:
                outcome.set_result(lookup(*arguments))
            except Exception as error:  # noqa: BLE001 - `run` raises it
                outcome.set_exception(error)

        def end(found: "asyncio.Future[T]") -> None:
            del self._under_way[lookup, arguments]
            found.exception()  # retrieved, even if every request was cancelled

        threading.Thread(target=work, name="lookup", daemon=True).start()
        found = self._under_way[lookup, arguments] = asyncio.wrap_future(outcome)
        found.add_done_callback(end)
        return found
