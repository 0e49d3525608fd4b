"""The files of many pieces are never in memory all at once."""

import asyncio

import pytest

from bot.process.byte_budget import ByteBudget

pytestmark = pytest.mark.asyncio


async def test_sixty_large_pieces_take_the_room_of_a_few():
    """60 listeners ask for a sound of 9.5 MB each at once: no more than the budget is ever held, and all get theirs."""
    budget, most = ByteBudget(64 * 2**20), 0

    async def bring_back(size: int) -> None:
        nonlocal most
        async with budget.held(size):
            most = max(most, budget.held_bytes)
            await asyncio.sleep(0)

    await asyncio.gather(*(bring_back(9_500_000) for _ in range(60)))
    assert most == 7 * 9_500_000
    assert budget.held_bytes == 0


async def test_what_is_larger_than_everything_goes_alone():
    """A piece above the budget waits until nothing else is held, and nothing passes it meanwhile."""
    budget, order = ByteBudget(100), list[int]()

    async def bring_back(size: int) -> None:
        async with budget.held(size):
            order.append(budget.held_bytes)
            await asyncio.sleep(0)

    await asyncio.gather(*(bring_back(size) for size in (60, 1000, 30)))
    assert order == [60, 100, 30]


async def test_one_that_gives_up_holds_up_nobody():
    """A task that is cancelled while it waits, or as it is let in, leaves its room to the others."""
    budget = ByteBudget(100)

    async def bring_back(size: int) -> None:
        async with budget.held(size):
            await asyncio.sleep(0)

    async with budget.held(90):
        waiting = asyncio.create_task(bring_back(50))
        behind = asyncio.create_task(bring_back(10))
        await asyncio.sleep(0)
        waiting.cancel()
        await behind
        late = asyncio.create_task(bring_back(50))
        await asyncio.sleep(0)
    late.cancel()  # it was just let in
    await asyncio.gather(waiting, late, return_exceptions=True)
    assert budget.held_bytes == 0
