import asyncio
import contextlib
import threading
import time

import pytest

from semls.engine import scheduler
from semls.engine.scheduler import Priority, PriorityExecutor, RemoteExecutor, opened
from semls.errors import StoreError


class Gate:
    """Blocks the executor's thread until the test opens it."""

    def __init__(self):
        self._reached, self._opened = asyncio.Event(), threading.Event()
        self._loop = asyncio.get_running_loop()
        self.open = self._opened.set

    def wait(self):
        self._loop.call_soon_threadsafe(self._reached.set)
        return self._opened.wait()

    async def reached(self):
        """Wait until the task runs: one that is only queued could still be overtaken."""
        await self._reached.wait()


async def test_executor_run_returns_result_of_its_thread():
    executor = PriorityExecutor()
    assert await executor.run(Priority.LEXICAL, lambda: threading.current_thread().name) == "executor"


async def test_executor_run_with_failing_task_raises_and_continues():
    executor = PriorityExecutor()
    with pytest.raises(ZeroDivisionError):
        await executor.run(Priority.LEXICAL, lambda: 1 / 0)
    assert await executor.run(Priority.LEXICAL, str, 1) == "1"


async def test_executor_runs_tasks_by_priority_and_order_of_submission():
    executor, gate = PriorityExecutor(), Gate()
    order: list[int] = []
    first = asyncio.create_task(executor.run(Priority.SEMANTIC, gate.wait))
    await gate.reached()
    priorities = [Priority.SEMANTIC, Priority.LEXICAL, Priority.SEARCH, Priority.SEMANTIC, Priority.SEARCH]
    rest = [
        asyncio.create_task(executor.run(priority, order.append, number))
        for number, priority in enumerate(priorities)
    ]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *rest)
    assert order == [2, 4, 1, 0, 3]


async def test_preempt_runs_only_tasks_of_higher_priority():
    executor, gate = PriorityExecutor(), Gate()
    order: list[str] = []

    def long_task() -> None:
        gate.wait()
        executor.preempt(Priority.SEMANTIC)
        order.append("long task")

    first = asyncio.create_task(executor.run(Priority.SEMANTIC, long_task))
    await gate.reached()
    tasks = [(Priority.SEMANTIC, "semantic"), (Priority.LEXICAL, "lexical"), (Priority.SEARCH, "search")]
    rest = [asyncio.create_task(executor.run(priority, order.append, name)) for priority, name in tasks]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *rest)
    assert order == ["search", "lexical", "long task", "semantic"]


async def test_executor_runs_consecutive_tasks_of_a_search_without_interruption():
    executor, gate = PriorityExecutor(), Gate()
    order: list[str] = []

    async def search() -> None:
        for number in range(20):
            await executor.run(Priority.SEARCH, order.append, f"search {number}")

    first = asyncio.create_task(executor.run(Priority.SEMANTIC, gate.wait))
    await gate.reached()
    rest = [asyncio.create_task(executor.run(Priority.LEXICAL, order.append, "lexical")) for _ in range(20)]
    searching = asyncio.create_task(search())
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, searching, *rest)
    assert order == [f"search {number}" for number in range(20)] + ["lexical"] * 20


async def test_executor_ends_a_search_before_it_begins_a_later_one():
    executor, gate = PriorityExecutor(), Gate()
    order: list[str] = []

    async def search(name: str) -> None:
        for _ in range(3):
            await executor.run(Priority.SEARCH, order.append, name)

    first = asyncio.create_task(executor.run(Priority.SEMANTIC, gate.wait))
    await gate.reached()
    searches = [asyncio.create_task(search(name)) for name in "abc"]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *searches)
    assert "".join(order) == "aaabbbccc"


@contextlib.asynccontextmanager
async def endless_searches(executor):
    """Search without a pause until the end of the block, so that a search always waits."""

    async def search():
        while True:
            await executor.run(Priority.SEARCH, time.sleep, 0.001)

    searches = [asyncio.create_task(search()) for _ in range(4)]
    try:
        yield
    finally:
        for one in searches:
            one.cancel()
        await asyncio.gather(*searches, return_exceptions=True)


async def test_other_tasks_have_a_share_while_searches_wait(monkeypatch):
    monkeypatch.setattr(scheduler, "_MAX_SEARCHING", 0.05)
    executor = PriorityExecutor()

    def interrupted() -> str:
        for _ in range(20):
            executor.preempt(Priority.SEMANTIC)
        return "done"

    async with endless_searches(executor):
        assert await executor.run(Priority.LEXICAL, str, 1) == "1"
        assert await executor.run(Priority.SEMANTIC, interrupted) == "done"


async def test_task_beyond_what_the_executor_can_do_raises_and_never_runs():
    executor, gate = PriorityExecutor(), Gate()
    ran: list[int] = []
    first = asyncio.create_task(executor.run(Priority.SEARCH, gate.wait))
    await gate.reached()
    tasks = [asyncio.create_task(executor.run_unless_overloaded(ran.append, number)) for number in range(3)]
    await asyncio.wait(tasks, timeout=1)  # longer than the executor's timeout
    assert not any(task.done() for task in tasks)  # a few wait their turn
    more = [asyncio.create_task(executor.run_unless_overloaded(ran.append, number)) for number in range(3, 9)]
    for task in more[-2:]:
        with pytest.raises(asyncio.TimeoutError):
            await task
    gate.open()
    await asyncio.gather(first, *tasks, *more, return_exceptions=True)
    await executor.run(Priority.SEMANTIC, str)
    assert ran == [0, 1, 2, 3, 4]


async def test_preempt_with_failing_task_raises_only_in_that_task():
    executor, gate = PriorityExecutor(), Gate()

    def long_task() -> str:
        gate.wait()
        executor.preempt(Priority.SEMANTIC)
        return "result"

    first = asyncio.create_task(executor.run(Priority.SEMANTIC, long_task))
    await gate.reached()
    failing = asyncio.create_task(executor.run(Priority.SEARCH, lambda: 1 / 0))
    await asyncio.sleep(0)
    gate.open()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert await first == "result"


async def test_executor_run_cancelled_before_its_task_starts_never_runs_it():
    executor, gate = PriorityExecutor(), Gate()
    ran: list[int] = []
    first = asyncio.create_task(executor.run(Priority.LEXICAL, gate.wait))
    await gate.reached()
    second = asyncio.create_task(executor.run(Priority.LEXICAL, ran.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.open()
    await first
    await executor.run(Priority.SEMANTIC, str)
    assert ran == []


async def test_remote_executor_closed_raises_store_error():
    executor = RemoteExecutor()
    await executor.close(lambda: None)
    with pytest.raises(StoreError, match="closed"):
        await executor.run(Priority.SEARCH, str, 1)


@pytest.mark.parametrize("wait", [True, False])
async def test_opened_cancelled_while_opening_closes_the_resource(wait):
    closed = asyncio.Event()

    class Resource:
        def close(self):
            closed.set()

    async def open_resource():
        await asyncio.sleep(0.05)
        return Resource()

    opening = asyncio.create_task(opened(open_resource(), wait=wait))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await asyncio.wait_for(closed.wait(), 10)


async def test_opened_cancelled_twice_waits_until_the_resource_is_open():
    gate = asyncio.Event()
    closed = []

    class Resource:
        def close(self):
            closed.append(True)

    async def open_resource():
        await gate.wait()
        return Resource()

    opening = asyncio.create_task(opened(open_resource()))
    for _ in range(2):
        await asyncio.sleep(0)
        opening.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not opening.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert closed
