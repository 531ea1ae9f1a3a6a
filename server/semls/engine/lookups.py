"""File system lookups in threads, with a timeout: a network file system may never answer."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from semls.errors import SemlsError

LOOKUP_TIMEOUT = 5.0  # seconds
_MAX_THREADS = 64  # lookups that may hang at a time; a thread is started when it is needed, and kept

T = TypeVar("T")


class Lookups:
    """Runs lookups in its own threads. Equal lookups share one thread, so that few threads hang."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_MAX_THREADS, "lookup")
        self._running: dict[Hashable, asyncio.Future[Any]] = {}

    async def run(self, lookup: Callable[..., T], *arguments: Hashable, timeout: float = LOOKUP_TIMEOUT) -> T:
        """Call `lookup(*arguments)` in a thread and return its result. The last argument is the path.

        Raises what `lookup` raises, and SemlsError after `timeout` seconds; the lookup continues then.
        """
        future = self._running.get((lookup, arguments)) or self._start(lookup, arguments)
        await asyncio.wait({future}, timeout=timeout)
        if not future.done():
            raise SemlsError(
                f"The file system of {arguments[-1]} has not answered for {timeout:g} s: "
                "check that its disk or server can be reached, and try again."
            )
        return cast(T, future.result())

    def close(self) -> None:
        """Shut the threads down. Does not wait for those that hang."""
        self._threads.shutdown(wait=False)

    def _start(self, lookup: Callable[..., T], arguments: tuple[Hashable, ...]) -> "asyncio.Future[T]":
        def end(future: "asyncio.Future[T]") -> None:
            del self._running[lookup, arguments]
            future.exception()  # retrieved, even if every request was cancelled

        future = asyncio.get_running_loop().run_in_executor(self._threads, lookup, *arguments)
        self._running[lookup, arguments] = future
        future.add_done_callback(end)
        return future
