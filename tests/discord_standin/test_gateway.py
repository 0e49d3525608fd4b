"""gateway.py: sessions, shards and heartbeats."""

from __future__ import annotations

import json
import math
from typing import Any

import aiohttp
import discord
import pytest

from tests.discord_standin import Discord
from tests.discord_standin.player import Player, connected


@pytest.mark.asyncio
async def test_what_happened_while_the_connection_was_down(monkeypatch):
    """After a drop and after opcode 7 the client resumes, and hears what it missed once."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            for times, cut in enumerate((standin.gateway.drop, standin.gateway.reconnect), 1):
                cut()
                said = await clara.types("/say", text="la")
                assert said.acknowledged_after is not None
                assert (standin.gateway.identified, standin.gateway.resumed) == (1, times)
                assert len(player.received) == times


@pytest.mark.asyncio
async def test_an_invalid_session(monkeypatch):
    """After opcode 9 the client starts a new session."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            standin.gateway.invalidate()
            await standin.world.until(lambda world: standin.gateway.identified == 2)
            assert (await clara.types("/say", text="la")).acknowledged_after is not None


@pytest.mark.asyncio
async def test_a_shard_hears_its_own_servers(monkeypatch):
    """With two shards there are two sessions, and each interaction arrives once."""
    async with Discord(shards=2) as standin:
        people = [standin.person(name, standin.guild(name)) for name in ("clara", "robert", "felix", "fanny")]
        async with connected(standin, monkeypatch) as player:
            await standin.world.until(lambda world: standin.gateway.identified == 2)
            for person in people:
                await person.types("/say", text="la")
            assert [heard.user.name for heard in player.received] == [person.user.name for person in people]


@pytest.mark.asyncio
async def test_heartbeats(monkeypatch):
    """A client that beats outlives one that does not, which is closed with 4000."""
    async with Discord(heartbeat=0.2) as standin:
        standin.gateway.patience = 3.0
        async with connected(standin, monkeypatch) as player, aiohttp.ClientSession() as http:
            silent = await http.ws_connect(standin.gateway.url + "?v=10&encoding=json")
            assert (await silent.receive_json())["op"] == 10
            assert (await silent.receive()).data == 4000
            assert math.isfinite(player.latency)
            assert (standin.gateway.identified, standin.gateway.resumed) == (1, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"op": 2, "d": {"token": "wrong", "intents": 1, "properties": {}}}, 4004),
        ({"op": 2, "d": {"token": None, "intents": 1 << 1, "properties": {}}}, 4014),
        ({"op": 2, "d": {"token": None, "intents": -1, "properties": {}}}, 4013),
        ({"op": 2, "d": {"token": None, "intents": 1, "properties": {}, "shard": [2, 2]}}, 4010),
        ({"op": 3, "d": {}}, 4003),
        ({"op": 5, "d": {}}, 4001),
        ({"op": 1, "d": "x" * 4096}, 4002),
    ],
)
async def test_what_the_gateway_closes_for(payload: dict[str, Any], code: int):
    """A wrong token, intents, shards, payloads out of turn and too long ones each have their close code."""
    async with Discord() as standin, aiohttp.ClientSession() as http:
        if "token" in payload["d"]:
            payload = payload | {"d": payload["d"] | {"token": payload["d"]["token"] or standin.token}}
        socket = await http.ws_connect(standin.gateway.url + "?v=10&encoding=json")
        await socket.receive_json()
        await socket.send_str(json.dumps(payload))
        assert (await socket.receive()).data == code


@pytest.mark.asyncio
async def test_a_wrong_token(monkeypatch):
    """The login fails as it does at Discord."""
    async with Discord() as standin:
        monkeypatch.setattr(discord.http.Route, "BASE", standin.api)
        async with Player(standin) as player:
            with pytest.raises(discord.LoginFailure):
                await player.login("wrong")
        assert [refusal.status for refusal in standin.refused()] == [401]
