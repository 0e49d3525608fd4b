"""A semaphore whose next place goes to the best rank."""

from __future__ import annotations

import asyncio

import pytest

from core.queue.semaphore import PrioritySemaphore
from tests.support.waiting import until


def test_places_are_counted():
    """Each is taken once, and given back also after an error."""
    semaphore = PrioritySemaphore(2)
    with semaphore.acquired((1, 0)):
        assert semaphore.used == 1
        with pytest.raises(ZeroDivisionError), semaphore.acquired((1, 1)):
            assert semaphore.used == 2
            raise ZeroDivisionError
        assert semaphore.used == 1
    assert semaphore.used == 0


@pytest.mark.asyncio
async def test_the_lowest_rank_is_next():
    """By priority first, then by age, whoever came first."""
    semaphore, order = PrioritySemaphore(1), []
    ranks = [(2.0, 1.0), (1.0, 3.0), (1.0, 2.0)]

    def work(rank: tuple[float, float]) -> None:
        with semaphore.acquired(rank):
            order.append(rank)

    with semaphore.acquired((0, 0)):
        waiting = [asyncio.create_task(asyncio.to_thread(work, rank)) for rank in ranks]
        await until(lambda: len(semaphore._waiting) == len(ranks))
        assert order == []
    await asyncio.gather(*waiting)
    assert order == sorted(ranks)
