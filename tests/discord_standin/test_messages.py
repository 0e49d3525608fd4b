"""messages.py: ordinary messages in channels."""

from __future__ import annotations

import asyncio

import discord
import pytest

from tests.discord_standin import Discord
from tests.discord_standin.player import connected


@pytest.mark.asyncio
async def test_a_message_with_a_nonce_is_sent_once(monkeypatch):
    """Sent twice with the same nonce there is one message, and it notifies whom it is allowed to."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        async with connected(standin, monkeypatch) as player:
            channel = await player.fetch_channel(guild.channels[0].id)
            allowed = discord.AllowedMentions(users=[discord.Object(clara.user.id)])
            text = f"{clara.mention} from {robert.mention}"
            first = await channel.send(text, nonce="job-1", allowed_mentions=allowed)
            second = await channel.send(text, nonce="job-1", allowed_mentions=allowed)
            assert first.id == second.id
            (message,) = guild.channels[0].messages
            assert message.pings == [clara.user.id]
            await first.delete()
            assert guild.channels[0].messages == []


@pytest.mark.asyncio
async def test_where_the_bot_may_write(monkeypatch):
    """Not without permission, not where it is not, and in no direct message of one who does not want it."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        guild.channels[0].readonly, robert.user.accepts_dms = True, False
        async with connected(standin, monkeypatch) as player:
            channel = await player.fetch_channel(guild.channels[0].id)
            among = player.get_partial_messageable(clara.chat_with(robert).id)
            refusing = await (await player.fetch_user(robert.user.id)).create_dm()
            for place, code in ((channel, 50013), (among, 50001), (refusing, 50007)):
                with pytest.raises(discord.Forbidden) as refused:
                    await place.send("la")
                assert refused.value.code == code
            assert len(standin.refused()) == 3
            writing = asyncio.create_task(standin.written(clara.dm))
            await (await player.fetch_user(clara.user.id)).send("la")
            assert (await writing).content == "la"
