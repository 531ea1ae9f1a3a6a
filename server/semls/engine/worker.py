"""One thread for all blocking work, fed short steps; the lower rank goes first."""

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Rank(IntEnum):
    """Who goes first: a person's search, what is changing now, then the backlog."""

    SEARCH = 0
    WORDS = 1
    VECTORS = 2


class Worker:
    """A daemon thread. Steps never run at the same time, so what only they touch needs no lock."""

    def __init__(self) -> None:
        self._steps: queue.PriorityQueue[tuple[int, int, _Step]] = queue.PriorityQueue()
        self._order = itertools.count()
        threading.Thread(target=self._main, name="worker", daemon=True).start()

    async def run(self, rank: Rank, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The step's result. Cancelling the wait drops a step that has not begun; a begun one ends unseen."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        self._steps.put((rank, next(self._order), _Step(loop, outcome, lambda: step(*args, **kwargs))))
        return await outcome

    def _main(self) -> None:
        while True:
            self._steps.get()[2].run()


class _Step:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, outcome: "asyncio.Future[Any]", call: Callable[[], Any]
    ) -> None:
        self._loop, self._outcome, self._call = loop, outcome, call

    def run(self) -> None:
        if self._outcome.cancelled():
            return
        try:
            settle, value = self._outcome.set_result, self._call()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the step
            settle, value = self._outcome.set_exception, error
        try:
            self._loop.call_soon_threadsafe(self._settle, settle, value)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _settle(self, settle: Callable[[Any], None], value: object) -> None:
        if not self._outcome.done():
            settle(value)
