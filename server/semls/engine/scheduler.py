"""Executors: one thread that runs tasks by priority, and threads that wait for a remote server."""

import asyncio
import contextlib
import functools
import itertools
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from enum import IntEnum
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

from semls.errors import StoreError

_REMOTE_THREADS = 4  # for each server
_FOLLOW_UP = 0.05  # seconds to wait for the next task of the same search
_SEARCH_TIMEOUT = 1.0  # seconds after which a search is answered without the server
_TURN_TIMEOUT = 0.25  # seconds that a search waits for its turn to use the model
_MAX_WAITING = 4  # searches before it; if there are more, it does without the model
_MAX_SEARCHING = 0.5  # seconds of searches, after which another task that waits runs, too
_MIN_SHARE = 0.1  # of the time, for tasks that are no searches, while both wait

# The number of the first task that the search in this context has submitted.
_turn: ContextVar[int] = ContextVar("_turn")

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

    The tasks of a search run in the order of its first one, so that a search that has begun ends soon. While
    more searches wait than can be answered, other tasks have a tenth of the time.

    Tasks never run at the same time, so data that only tasks use needs no lock.
    """

    def __init__(self) -> None:
        self._queue: queue.PriorityQueue[_Entry] = queue.PriorityQueue()
        self._order = itertools.count()
        self._searched = 0.0  # seconds of searches since another task has run
        self._protected_until = 0.0  # monotonic time; until then the running task is not interrupted
        threading.Thread(target=self._main, name="executor", daemon=True).start()

    async def run(self, priority: Priority, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a task in the thread and return its result.

        A cancelled call removes a task that has not started; one that has started runs to its end.
        """
        result: T = await self._submit(priority, lambda: task(*args, **kwargs)).outcome
        return result

    async def run_unless_overloaded(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a task of a search as `run` does.

        Raises TimeoutError if the task waits for too long because of other searches.
        """
        submitted = self._submit(Priority.SEARCH, lambda: task(*args, **kwargs))
        try:
            while not submitted.outcome.done():
                await asyncio.wait({submitted.outcome}, timeout=_TURN_TIMEOUT)
                if not submitted.has_started and self._searches_before(submitted) > _MAX_WAITING:
                    raise asyncio.TimeoutError
            result: T = submitted.outcome.result()
            return result
        finally:
            submitted.outcome.cancel()

    def _searches_before(self, task: "_Task") -> int:
        """Return how many searches whose turn is earlier wait for their next task."""
        with self._queue.mutex:
            return sum(
                priority == Priority.SEARCH and turn < task.turn and not other.outcome.cancelled()
                for priority, turn, _, other in self._queue.queue
            )

    def _submit(self, priority: Priority, call: Callable[[], T]) -> "_Task":
        loop = asyncio.get_running_loop()
        number = turn = next(self._order)
        if priority == Priority.SEARCH:
            turn = _turn.get(number)
            _turn.set(turn)
        task = _Task(turn, loop, loop.create_future(), call)
        self._queue.put((priority, turn, number, task))
        return task

    async def close(self, task: Callable[[], None]) -> None:
        """Run the last task of one user of this executor; the thread continues for the others."""
        await self.run(Priority.SEARCH, task)

    def preempt(self, priority: Priority) -> None:
        """Run the waiting tasks of a higher priority. Long tasks call this, in the executor's thread.

        A task that was interrupted for long is not interrupted again before it has had its share.
        """
        now = time.monotonic()
        if now < self._protected_until:
            return
        with contextlib.suppress(queue.Empty):
            while time.monotonic() - now < _MAX_SEARCHING:
                entry = self._queue.get_nowait()
                if entry[0] >= priority:
                    self._queue.put(entry)  # its numbers restore its position
                    return
                self._run(entry)
        end = time.monotonic()
        self._protected_until = end + _MIN_SHARE * (end - now)

    def _main(self) -> None:
        while True:
            self._run(self._next())

    def _next(self) -> "_Entry":
        """Return the next task; after long searching, the first one that is no search."""
        entry = self._queue.get()
        if self._searched < _MAX_SEARCHING:
            return entry
        self._searched = 0.0
        searches = []
        with contextlib.suppress(queue.Empty):
            while entry[0] == Priority.SEARCH:
                searches.append(entry)
                entry = self._queue.get_nowait()
        if entry[0] == Priority.SEARCH:
            entry = searches.pop(0)
        for search in searches:
            self._queue.put(search)
        return entry

    def _run(self, entry: "_Entry") -> None:
        priority, _, _, task = entry
        began = time.monotonic()
        task.run()
        if priority == Priority.SEARCH:  # so that the search's next task comes before any other
            task.received.wait(_FOLLOW_UP)
            self._searched += time.monotonic() - began
        else:
            self._searched = 0.0


class _Task:
    """A call and the future of the coroutine that awaits its result."""

    def __init__(
        self,
        turn: int,
        loop: asyncio.AbstractEventLoop,
        outcome: "asyncio.Future[Any]",
        call: Callable[[], Any],
    ) -> None:
        self.turn = turn
        self._loop, self.outcome, self._call = loop, outcome, call
        self.has_started = False
        self.received = threading.Event()  # set when the coroutine that awaits the outcome has continued

    def run(self) -> None:
        if self.outcome.cancelled():
            self.received.set()
            return
        self.has_started = True
        try:
            value = self._call()
        except BaseException as error:  # noqa: BLE001 - raised in the coroutine that awaits the outcome
            self._report(self.outcome.set_exception, error)
        else:
            self._report(self.outcome.set_result, value)

    def _report(self, settle: Callable[[Any], None], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so no coroutine awaits the outcome
            self._loop.call_soon_threadsafe(self._settle, settle, value)

    def _settle(self, settle: Callable[[Any], None], value: object) -> None:
        if not self.outcome.done():
            settle(value)
        self._loop.call_soon(self.received.set)  # after the coroutine that was just woken


_Entry: TypeAlias = tuple[int, int, int, _Task]  # priority, turn, number, task
