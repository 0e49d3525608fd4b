"""Discord's clock is followed by what its answers say."""

import time

import aiohttp
import pytest
from aiohttp import web

from bot.process.discord_clock import DiscordClock
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("date", "known"), [("Fri, 01 Jan 2100 00:00:00 GMT", 4102444800.0), ("some time ago", None), (None, None)]
)
async def test_an_answer_tells_the_time(date: str | None, known: float | None):
    """Whatever this machine's clock says; nothing is known from an answer without a date that can be read."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Date": date} if date else {"Date": ""})

    app = web.Application()
    app.router.add_get("/", answer)
    runner, port, clock = web.AppRunner(app), free_port(), DiscordClock()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    assert clock.now() is None
    begun = time.monotonic()
    async with aiohttp.ClientSession(trace_configs=[clock.trace]) as session, session.get(f"http://127.0.0.1:{port}"):
        pass
    now = clock.now()
    await runner.cleanup()
    assert (now is None) == (known is None)
    if known is not None:
        assert now == pytest.approx(known, abs=time.monotonic() - begun + 0.1)
