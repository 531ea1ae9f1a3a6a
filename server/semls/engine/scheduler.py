"""Who runs steps: one thread for all work of ours, by rank, and a few that wait for a server."""

import asyncio
import contextlib
import functools
import itertools
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from typing import Any, ParamSpec, Protocol, TypeVar

from semls.errors import StoreError

_WAITING = 4  # threads that wait for one server
_FOLLOWING = 0.05  # seconds at most until the next step of a search is there, where there is one
_SEARCH_PATIENCE = 1.0  # seconds after which a person is answered without the server

P = ParamSpec("P")
T = TypeVar("T")


class Rank(IntEnum):
    """Who goes first: a person's search, what is changing now, then the backlog."""

    SEARCH = 0
    WORDS = 1
    VECTORS = 2


class Closable(Protocol):
    """Something that is open."""

    def close(self) -> None:
        """Close it. May be called from any thread."""
        ...


C = TypeVar("C", bound=Closable)


async def opened(opening: Coroutine[None, None, C], *, wait: bool = True) -> C:
    """What is opened elsewhere. When the caller is cancelled, it is closed again as soon as it is open.

    With `wait`, the caller waits for that, since what it does next may need the same files.
    """
    task = asyncio.ensure_future(opening)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_close_result)
        if wait:
            await asyncio.wait({task})
        raise


def _close_result(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and not task.exception():
        task.result().close()


class Runner(Protocol):
    """Runs steps away from the event loop."""

    async def run(self, rank: Rank, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The step's result."""
        ...

    async def close(self, step: Callable[[], None]) -> None:
        """Run the last step, which closes what the others used."""
        ...


class Waiters:
    """Threads for steps that wait for a server, which may take its time or never answer."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_WAITING, "waiter")
        self._closed = False

    async def run(self, rank: Rank, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the step's result. Raises StoreError after `close`, or when a search waits for long."""
        call = functools.partial(step, *args, **kwargs)
        if self._closed:
            raise StoreError("The vectors on the server have just been closed: words alone answer.")
        waiting = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            return await asyncio.wait_for(waiting, _SEARCH_PATIENCE if rank is Rank.SEARCH else None)
        except asyncio.TimeoutError:
            raise StoreError("The server of the vectors is too slow: words alone answer.") from None

    async def close(self, step: Callable[[], None]) -> None:
        """Run the last step as soon as a thread is free, and end all threads. Does not wait for them."""
        self._closed = True
        self._threads.submit(step)
        self._threads.shutdown(wait=False)


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

    async def close(self, step: Callable[[], None]) -> None:
        """Run the last step of a runner of that kind; the thread goes on, as others use it, too."""
        await self.run(Rank.SEARCH, step)

    def give_way(self, rank: Rank) -> None:
        """Within a step that takes long: run all that has a higher rank first."""
        with contextlib.suppress(queue.Empty):
            while True:
                waiting = self._steps.get_nowait()
                if waiting[0] >= rank:
                    self._steps.put(waiting)  # where it was: steps have numbers
                    return
                self._run(waiting[0], waiting[2])

    def _main(self) -> None:
        while True:
            rank, _, step = self._steps.get()
            self._run(rank, step)

    def _run(self, rank: int, step: "_Step") -> None:
        step.run()
        if rank == Rank.SEARCH:  # its next step is not to wait for what begins between the two
            step.received.wait(_FOLLOWING)


class _Step:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, outcome: "asyncio.Future[Any]", call: Callable[[], Any]
    ) -> None:
        self._loop, self._outcome, self._call = loop, outcome, call
        self.received = threading.Event()  # whoever awaits the step has gone on

    def run(self) -> None:
        if self._outcome.cancelled():
            self.received.set()
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
        self._loop.call_soon(self.received.set)  # behind those whom this has just woken
