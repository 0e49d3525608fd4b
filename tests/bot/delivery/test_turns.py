"""Turns at what is scarce are shared fairly among listeners."""

import asyncio

import pytest

from bot.delivery.turns import Turns

pytestmark = pytest.mark.asyncio


async def test_each_listener_in_rotation():
    """Five files of one listener, then one each of two others: these wait for one file of the first, not for five."""
    turns, order = Turns(1), []

    async def read(user_id: int) -> None:
        async with turns.taken(user_id):
            order.append(user_id)
            await asyncio.sleep(0)

    await asyncio.gather(*(read(user_id) for user_id in (1, 1, 1, 1, 1, 2, 3)))
    assert order == [1, 2, 3, 1, 1, 1, 1]


async def test_one_at_a_time_a_listener():
    """Nobody has two turns at once, and no place stays free while another waits."""
    turns, having, most = Turns(3), [], 0

    async def read(user_id: int) -> None:
        nonlocal most
        async with turns.taken(user_id):
            assert user_id not in having
            having.append(user_id)
            most = max(most, len(having))
            await asyncio.sleep(0.001)
            having.remove(user_id)

    await asyncio.gather(*(read(number % 4) for number in range(40)))
    assert most == 3


async def test_those_who_leave_take_no_turn():
    """Cancelled before their turn, at it or in it, they leave the place to the next."""
    turns, done = Turns(1), []

    async def read(user_id: int) -> None:
        async with turns.taken(user_id):
            await asyncio.sleep(0)
            done.append(user_id)

    tasks = [asyncio.create_task(read(user_id)) for user_id in range(9)]
    for task in tasks[:8]:
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == [8]
