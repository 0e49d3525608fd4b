"""Discord's clock is followed by what its answers say."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.process.discord_clock import DiscordClock
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def served(answer: Handler) -> AsyncIterator[str]:
    """The address at which every request has this answer."""
    app = web.Application()
    app.router.add_get("/", answer)
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("date", "known"), [("Fri, 01 Jan 2100 00:00:00 GMT", 4102444800.0), ("some time ago", None), (None, None)]
)
async def test_an_answer_tells_the_time(date: str | None, known: float | None):
    """Whatever this machine's clock says; nothing is known from an answer without a date that can be read."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Date": date} if date else {"Date": ""})

    clock = DiscordClock()
    assert clock.now() is None
    begun = time.monotonic()
    async with served(answer) as address, aiohttp.ClientSession(trace_configs=[clock.trace]) as session:
        await session.get(address)
    now = clock.now()
    assert (now is None) == (known is None)
    if known is not None:
        assert now == pytest.approx(known, abs=time.monotonic() - begun + 0.1)


async def test_several_answers_tell_more_than_whole_seconds():
    """A date has lost its fraction: one that is a second behind sets nothing back, one that is ahead counts at once,
    and one that is hours behind says that the clock was set."""
    noon = 4102488000
    dates, told = iter([noon, noon - 1, noon + 1, noon - 7200]), []

    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Date": formatdate(next(dates), usegmt=True)})

    clock, begun = DiscordClock(), time.monotonic()
    async with served(answer) as address, aiohttp.ClientSession(trace_configs=[clock.trace]) as session:
        for _ in range(4):
            await session.get(address)
            told.append(clock.moment() - noon)
    passed = time.monotonic() - begun + 0.1
    for seconds, expected in zip(told, [0, 0, 1, -7200], strict=True):
        assert seconds == pytest.approx(expected, abs=passed)
