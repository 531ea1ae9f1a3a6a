"""Looks at files away from the event loop, for a bounded time: a network file system may never answer."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from semls.errors import SemlsError

SLOW = 5.0  # seconds that a file system may take to answer
_THREADS = 64  # lookups that may hang at a time; as many threads as are needed are started, and kept

T = TypeVar("T")


class Lookups:
    """Runs lookups in threads of their own; requests for the same one share it, so that few hang."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "lookup")
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

    def close(self) -> None:
        """Let the threads end; one that hangs is not waited for."""
        self._threads.shutdown(wait=False)

    def _start(self, lookup: Callable[..., T], arguments: tuple[Hashable, ...]) -> "asyncio.Future[T]":
        def end(found: "asyncio.Future[T]") -> None:
            del self._under_way[lookup, arguments]
            found.exception()  # retrieved, even if every request was cancelled

        found = asyncio.get_running_loop().run_in_executor(self._threads, lookup, *arguments)
        self._under_way[lookup, arguments] = found
        found.add_done_callback(end)
        return found
