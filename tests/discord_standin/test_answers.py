"""The stand-in refuses answers as Discord does: late ones, second ones, and what is too large or too much."""

from __future__ import annotations

import io

import discord
import pytest

from tests.discord_standin import Discord
from tests.discord_standin.player import connected


@pytest.mark.asyncio
async def test_a_late_acknowledgement_is_lost(monkeypatch):
    """It gets 10062, and the listener sees that the application did not respond."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            asked = await clara.types("/late")
            assert asked.acknowledged_after is None
            with pytest.raises(TimeoutError, match="did not respond"):
                await asked.finished()
            assert [refusal.code for refusal in standin.refused()] == [10062]


@pytest.mark.asyncio
async def test_a_second_acknowledgement_is_refused(monkeypatch):
    """It gets 40060."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            await clara.types("/twice")
            await standin.world.until(lambda world: standin.traffic.refusals)
            assert [refusal.code for refusal in standin.refused()] == [40060]


@pytest.mark.asyncio
async def test_a_token_lasts_fifteen_minutes(monkeypatch):
    """Just before, the answer can be edited; after, it gets 50027."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            standin.advance(14 * 60)
            await player.received[0].edit_original_response(content="lo")
            assert said.message.content == "lo"
            standin.advance(61)
            with pytest.raises(discord.HTTPException) as refused:
                await player.received[0].edit_original_response(content="lu")
            assert (refused.value.status, refused.value.code) == (401, 50027)
            assert [refusal.code for refusal in standin.refused()] == [50027]


@pytest.mark.asyncio
async def test_a_file_above_the_limit_is_refused(monkeypatch):
    """The interaction says the limit; a byte more gets 413 and 40005, and the message stays as it was."""
    async with Discord(size_limit=1000) as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            heard = player.received[0]
            assert heard.filesize_limit == 1000
            with pytest.raises(discord.HTTPException) as refused:
                await heard.edit_original_response(attachments=[discord.File(io.BytesIO(bytes(1001)), "big.mid")])
            assert (refused.value.status, refused.value.code) == (413, 40005)
            assert said.message.attachments == []
            await heard.edit_original_response(attachments=[discord.File(io.BytesIO(bytes(1000)), "fits.mid")])
            assert [file.filename for file in said.message.attachments] == ["fits.mid"]
            assert [refusal.code for refusal in standin.refused()] == [40005]


@pytest.mark.asyncio
async def test_followups(monkeypatch):
    """They are messages of their own, which can be edited; a user-installed app gets five."""
    async with Discord() as standin:
        robert = standin.person("robert", standin.guild(installed=False), installed=True)
        async with connected(standin, monkeypatch) as player:
            said = await robert.types("/say", text="la")
            webhook = player.received[0].followup
            standin.traffic.limits["/webhooks/{application}/{token}"] = (50, 1.0)
            for number in range(5):
                sent = await webhook.send(str(number), wait=True)
            await sent.edit(content="last")
            assert [message.content for message in said.followups] == ["0", "1", "2", "3", "last"]
            with pytest.raises(discord.HTTPException) as refused:
                await webhook.send("one more")
            assert refused.value.code == 40094
            assert [refusal.code for refusal in standin.refused()] == [40094]
