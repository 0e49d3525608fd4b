"""traffic.py: rate limits, faults on purpose, and requests that Discord does not know."""

from __future__ import annotations

import aiohttp
import pytest

from tests.discord_standin import Discord
from tests.discord_standin.player import connected


@pytest.mark.asyncio
async def test_an_unknown_route_fails_the_test():
    """It answers 404, and a test that does not say that it knows of it fails at the end."""
    with pytest.raises(AssertionError, match="/nowhere"):
        async with Discord() as standin, aiohttp.ClientSession() as http:
            assert (await http.get(f"{standin.api}/nowhere")).status == 404


@pytest.mark.asyncio
async def test_fifty_requests_a_second(monkeypatch):
    """The next one gets 429 with the seconds to wait, for all routes."""
    async with Discord() as standin, aiohttp.ClientSession(headers={"Authorization": f"Bot {standin.token}"}) as http:
        statuses = [(await http.get(f"{standin.api}/users/@me")).status for _ in range(50)]
        answer = await http.get(f"{standin.api}/applications/@me")
        assert ({*statuses}, answer.status) == ({200}, 429)
        assert answer.headers["X-RateLimit-Scope"] == "global"
        assert 0 < (await answer.json())["retry_after"] <= 1
        assert len(standin.traffic.limited) == 1


@pytest.mark.asyncio
async def test_a_client_that_reads_the_headers_is_never_limited(monkeypatch):
    """discord.py edits an answer as fast as it can: the headers make it wait, and no request is too many."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            for number in range(7):
                await player.received[0].edit_original_response(content=str(number))
            assert (said.message.content, standin.traffic.limited) == ("6", [])
            assert standin.traffic.counts["PATCH /webhooks/{application}/{token}/messages/{message}"] == 7


@pytest.mark.asyncio
async def test_faults_on_purpose(monkeypatch):
    """discord.py gets over a 503 and a 429; a connection that breaks off may have done its work all the same."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            standin.fails("PATCH", "@original", answer=503)
            standin.fails("PATCH", "@original", answer=429, retry_after=0.05)
            await player.received[0].edit_original_response(content="lo")
            assert said.message.content == "lo"
            standin.fails("PATCH", "@original", broken=True, processed=True)
            with pytest.raises(aiohttp.ClientError):
                await player.received[0].edit_original_response(content="lu")
            assert said.message.content == "lu"
