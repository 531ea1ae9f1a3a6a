import asyncio
import threading

import pytest

from semls.engine.scheduler import Rank, Waiters, Worker
from semls.errors import StoreError


class Gate:
    """What a step waits for, and the worker with it."""

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
    worker = Worker()
    assert await worker.run(Rank.WORDS, lambda: threading.current_thread().name) == "worker"


async def test_an_error_reaches_who_awaits_the_step():
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        await worker.run(Rank.WORDS, lambda: 1 / 0)
    assert await worker.run(Rank.WORDS, str, 1) == "1"


async def test_the_lower_rank_goes_first_and_equal_ones_in_turn():
    worker, gate = Worker(), Gate()
    order: list[tuple[Rank, int]] = []
    first = asyncio.create_task(worker.run(Rank.VECTORS, gate.wait))
    await gate.reached()
    ranks = [Rank.VECTORS, Rank.WORDS, Rank.SEARCH, Rank.VECTORS, Rank.SEARCH]
    rest = [asyncio.create_task(worker.run(rank, order.append, (rank, i))) for i, rank in enumerate(ranks)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *rest)
    assert [i for _, i in order] == [2, 4, 1, 0, 3]


async def test_a_long_step_gives_way_to_higher_ranks_only():
    worker, gate = Worker(), Gate()
    order: list[str] = []

    def long() -> None:
        gate.wait()
        worker.give_way(Rank.VECTORS)
        order.append("long")

    first = asyncio.create_task(worker.run(Rank.VECTORS, long))
    await gate.reached()
    steps = [(Rank.VECTORS, "backlog"), (Rank.WORDS, "words"), (Rank.SEARCH, "search")]
    rest = [asyncio.create_task(worker.run(rank, order.append, name)) for rank, name in steps]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *rest)
    assert order == ["search", "words", "long", "backlog"]


async def test_between_the_steps_of_a_search_nothing_else_begins():
    worker, gate = Worker(), Gate()
    order: list[str] = []

    async def search() -> None:
        for step in range(20):
            await worker.run(Rank.SEARCH, order.append, f"search {step}")

    first = asyncio.create_task(worker.run(Rank.VECTORS, gate.wait))
    await gate.reached()
    rest = [asyncio.create_task(worker.run(Rank.WORDS, order.append, "words")) for _ in range(20)]
    searching = asyncio.create_task(search())
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, searching, *rest)
    assert order == [f"search {step}" for step in range(20)] + ["words"] * 20


async def test_an_error_of_what_is_given_way_to_is_not_that_of_the_long_step():
    worker, gate = Worker(), Gate()

    def long() -> str:
        gate.wait()
        worker.give_way(Rank.VECTORS)
        return "whole"

    first = asyncio.create_task(worker.run(Rank.VECTORS, long))
    await gate.reached()
    failing = asyncio.create_task(worker.run(Rank.SEARCH, lambda: 1 / 0))
    await asyncio.sleep(0)
    gate.open()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert await first == "whole"


async def test_a_cancelled_step_that_has_not_begun_never_runs():
    worker, gate = Worker(), Gate()
    ran: list[int] = []
    first = asyncio.create_task(worker.run(Rank.WORDS, gate.wait))
    await gate.reached()
    second = asyncio.create_task(worker.run(Rank.WORDS, ran.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.open()
    await first
    await worker.run(Rank.VECTORS, str)
    assert ran == []


async def test_waiters_that_are_closed_raise_store_error():
    waiters = Waiters()
    await waiters.close(lambda: None)
    with pytest.raises(StoreError, match="closed"):
        await waiters.run(Rank.SEARCH, str, 1)
