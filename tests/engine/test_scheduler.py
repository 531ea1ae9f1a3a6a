import asyncio
import threading

import pytest

from semls.engine.scheduler import Priority, PriorityExecutor, RemoteExecutor
from semls.errors import StoreError


class Gate:
    """What a step waits for, and the executor with it."""

    def __init__(self):
        self._begun, self._opened = asyncio.Event(), threading.Event()
        self._loop = asyncio.get_running_loop()
        self.open = self._opened.set

    def wait(self):
        self._loop.call_soon_threadsafe(self._begun.set)
        return self._opened.wait()

    async def reached(self):
        """A step that is only queued might still be overtaken."""
        await self._begun.wait()


async def test_a_step_runs_on_the_worker_and_gives_its_result():
    executor = PriorityExecutor()
    assert await executor.run(Priority.LEXICAL, lambda: threading.current_thread().name) == "executor"


async def test_an_error_reaches_who_awaits_the_step():
    executor = PriorityExecutor()
    with pytest.raises(ZeroDivisionError):
        await executor.run(Priority.LEXICAL, lambda: 1 / 0)
    assert await executor.run(Priority.LEXICAL, str, 1) == "1"


async def test_the_lower_rank_goes_first_and_equal_ones_in_turn():
    executor, gate = PriorityExecutor(), Gate()
    order: list[tuple[Priority, int]] = []
    first = asyncio.create_task(executor.run(Priority.SEMANTIC, gate.wait))
    await gate.reached()
    ranks = [Priority.SEMANTIC, Priority.LEXICAL, Priority.SEARCH, Priority.SEMANTIC, Priority.SEARCH]
    rest = [asyncio.create_task(executor.run(rank, order.append, (rank, i))) for i, rank in enumerate(ranks)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *rest)
    assert [i for _, i in order] == [2, 4, 1, 0, 3]


async def test_a_long_step_gives_way_to_higher_ranks_only():
    executor, gate = PriorityExecutor(), Gate()
    order: list[str] = []

    def long() -> None:
        gate.wait()
        executor.preempt(Priority.SEMANTIC)
        order.append("long")

    first = asyncio.create_task(executor.run(Priority.SEMANTIC, long))
    await gate.reached()
    steps = [(Priority.SEMANTIC, "backlog"), (Priority.LEXICAL, "words"), (Priority.SEARCH, "search")]
    rest = [asyncio.create_task(executor.run(rank, order.append, name)) for rank, name in steps]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *rest)
    assert order == ["search", "words", "long", "backlog"]


async def test_between_the_steps_of_a_search_nothing_else_begins():
    executor, gate = PriorityExecutor(), Gate()
    order: list[str] = []

    async def search() -> None:
        for step in range(20):
            await executor.run(Priority.SEARCH, order.append, f"search {step}")

    first = asyncio.create_task(executor.run(Priority.SEMANTIC, gate.wait))
    await gate.reached()
    rest = [asyncio.create_task(executor.run(Priority.LEXICAL, order.append, "words")) for _ in range(20)]
    searching = asyncio.create_task(search())
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, searching, *rest)
    assert order == [f"search {step}" for step in range(20)] + ["words"] * 20


async def test_an_error_of_what_is_given_way_to_is_not_that_of_the_long_step():
    executor, gate = PriorityExecutor(), Gate()

    def long() -> str:
        gate.wait()
        executor.preempt(Priority.SEMANTIC)
        return "whole"

    first = asyncio.create_task(executor.run(Priority.SEMANTIC, long))
    await gate.reached()
    failing = asyncio.create_task(executor.run(Priority.SEARCH, lambda: 1 / 0))
    await asyncio.sleep(0)
    gate.open()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert await first == "whole"


async def test_a_cancelled_step_that_has_not_begun_never_runs():
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


async def test_waiters_that_are_closed_raise_store_error():
    waiters = RemoteExecutor()
    await waiters.close(lambda: None)
    with pytest.raises(StoreError, match="closed"):
        await waiters.run(Priority.SEARCH, str, 1)
