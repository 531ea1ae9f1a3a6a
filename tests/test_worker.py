import asyncio
import threading

import pytest

from semls.engine.worker import Rank, Worker


async def test_a_step_runs_on_the_worker_and_gives_its_result():
    worker = Worker()
    assert await worker.run(Rank.WORDS, lambda: threading.current_thread().name) == "worker"


async def test_an_error_reaches_who_awaits_the_step():
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        await worker.run(Rank.WORDS, lambda: 1 / 0)
    assert await worker.run(Rank.WORDS, str, 1) == "1"


async def test_the_lower_rank_goes_first_and_equal_ones_in_turn():
    worker, gate = Worker(), threading.Event()
    order: list[tuple[Rank, int]] = []
    first = asyncio.create_task(worker.run(Rank.VECTORS, gate.wait))
    await asyncio.sleep(0)
    ranks = [Rank.VECTORS, Rank.WORDS, Rank.SEARCH, Rank.VECTORS, Rank.SEARCH]
    rest = [asyncio.create_task(worker.run(rank, order.append, (rank, i))) for i, rank in enumerate(ranks)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    assert [i for _, i in order] == [2, 4, 1, 0, 3]


async def test_a_cancelled_step_that_has_not_begun_never_runs():
    worker, gate = Worker(), threading.Event()
    ran: list[int] = []
    first = asyncio.create_task(worker.run(Rank.WORDS, gate.wait))
    second = asyncio.create_task(worker.run(Rank.WORDS, ran.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    await worker.run(Rank.VECTORS, str)
    assert ran == []
