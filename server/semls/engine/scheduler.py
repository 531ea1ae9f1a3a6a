"""Executors: one thread that runs tasks by priority, and threads that wait for a remote server."""

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

_REMOTE_THREADS = 4  # for each server
_FOLLOW_UP = 0.05  # seconds to wait for the next task of the same search
_SEARCH_TIMEOUT = 1.0  # seconds after which a search is answered without the server

P = ParamSpec("P")
T = TypeVar("T")


class Priority(IntEnum):
    """The order in which waiting tasks run; the lowest number runs first.

    A SEARCH task may run inside a LEXICAL or SEMANTIC task, and a LEXICAL task inside a SEMANTIC one, where
    that task calls `PriorityExecutor.preempt`.
    """

    SEARCH = 0  # a request is waiting for it
    LEXICAL = 1  # keeps the index database in sync with the files
    SEMANTIC = 2  # computes and stores vectors


class Closable(Protocol):
    """A resource that can be closed."""

    def close(self) -> None:
        """Close the resource. May be called from any thread."""
        ...


C = TypeVar("C", bound=Closable)


async def opened(opening: Coroutine[None, None, C], *, wait: bool = True) -> C:
    """Return the resource that `opening` opens; close it if the caller is cancelled before that.

    With `wait`, a cancelled caller waits until the resource is open, because what it does next may need the
    same files. Raises what `opening` raises.
    """
    task = asyncio.ensure_future(opening)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_close_result)
        while wait and not task.done():
            with contextlib.suppress(asyncio.CancelledError):  # the caller may be cancelled again
                await asyncio.wait({task})
        raise


def _close_result(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and not task.exception():
        task.result().close()


class Executor(Protocol):
    """Runs blocking tasks in threads, away from the event loop."""

    async def run(self, priority: Priority, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `task(*args, **kwargs)` in a thread. Return its result, or raise its exception."""
        ...

    async def close(self, task: Callable[[], None]) -> None:
        """Run a last task, which releases the resources of the earlier ones."""
        ...


class RemoteExecutor:
    """Runs tasks that wait for a server, which may be slow or never answer, in separate threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_REMOTE_THREADS, "remote")
        self._closed = False

    async def run(self, priority: Priority, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a task in a thread and return its result.

        Raises StoreError after `close`, and when a SEARCH task takes longer than a second.
        """
        call = functools.partial(task, *args, **kwargs)
        if self._closed:
            raise StoreError("The connection to the vector server was closed: lexical search answers.")
        running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            return await asyncio.wait_for(running, _SEARCH_TIMEOUT if priority is Priority.SEARCH else None)
        except asyncio.TimeoutError:
            raise StoreError("The vector server is too slow: lexical search answers.") from None

    async def close(self, task: Callable[[], None]) -> None:
        """Submit the last task and shut the threads down when it has run. Does not wait for them."""
        self._closed = True
        self._threads.submit(task)
        self._threads.shutdown(wait=False)


class PriorityExecutor:
    """Runs tasks in one daemon thread, by priority and then in the order of submission.

    Tasks never run at the same time, so data that only tasks use needs no lock.
    """

    def __init__(self) -> None:
        self._queue: queue.PriorityQueue[tuple[int, int, _Task]] = queue.PriorityQueue()
        self._order = itertools.count()
        threading.Thread(target=self._main, name="executor", daemon=True).start()

    async def run(self, priority: Priority, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a task in the thread and return its result.

        A cancelled call removes a task that has not started; one that has started runs to its end.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        entry = _Task(loop, outcome, lambda: task(*args, **kwargs))
        self._queue.put((priority, next(self._order), entry))
        return await outcome

    async def close(self, task: Callable[[], None]) -> None:
        """Run the last task of one user of this executor; the thread continues for the others."""
        await self.run(Priority.SEARCH, task)

    def preempt(self, priority: Priority) -> None:
        """Run all waiting tasks of a higher priority. Long tasks call this, in the executor's thread."""
        with contextlib.suppress(queue.Empty):
            while True:
                task_priority, number, task = self._queue.get_nowait()
                if task_priority >= priority:
                    self._queue.put((task_priority, number, task))  # the number restores its position
                    return
                self._run(task_priority, task)

    def _main(self) -> None:
        while True:
            priority, _, task = self._queue.get()
            self._run(priority, task)

    def _run(self, priority: int, task: "_Task") -> None:
        task.run()
        if priority == Priority.SEARCH:  # so that the search's next task comes before any other
            task.received.wait(_FOLLOW_UP)


class _Task:
    """A call and the future of the coroutine that awaits its result."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, outcome: "asyncio.Future[Any]", call: Callable[[], Any]
    ) -> None:
        self._loop, self._outcome, self._call = loop, outcome, call
        self.received = threading.Event()  # set when the coroutine that awaits the outcome has continued

    def run(self) -> None:
        if self._outcome.cancelled():
            self.received.set()
            return
        try:
            value = self._call()
        except BaseException as error:  # noqa: BLE001 - raised in the coroutine that awaits the outcome
            self._report(self._outcome.set_exception, error)
        else:
            self._report(self._outcome.set_result, value)

    def _report(self, settle: Callable[[Any], None], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so no coroutine awaits the outcome
            self._loop.call_soon_threadsafe(self._settle, settle, value)

    def _settle(self, settle: Callable[[Any], None], value: object) -> None:
        if not self._outcome.done():
            settle(value)
        self._loop.call_soon(self.received.set)  # after the coroutine that was just woken
