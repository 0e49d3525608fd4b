"""A bot with its worker as real processes, a stand-in for Discord, and two people in a server."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from pretty_midi import PrettyMIDI

from tests.discord_standin import Discord, Guild, Message, Person
from tests.support.bot_process import BotProcess

PATIENCE = 300.0
"""Seconds that a piece may take on a machine that is busy with other things, its worker being started again."""


@dataclass
class Stage:
    """A running bot in a server, and two people there."""

    discord: Discord
    bot: BotProcess
    guild: Guild
    clara: Person
    robert: Person


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Bot and worker from their start to their end. Of no token there may be a trace then: not in the log, which is at
    DEBUG, nor in the data, where all is answered."""
    async with Discord() as discord:
        guild = discord.guild()
        clara, robert = discord.person("clara", guild), discord.person("robert", guild)
        bot = BotProcess(folder, discord.environment | {"LOG_LEVEL": "DEBUG"})
        bot.start()
        try:
            await discord.registered("compose", "about", within=PATIENCE)
            yield Stage(discord, bot, guild, clara, robert)
            await bot.forgets(discord.world.interactions)  # Discord has the last answer before the bot knows it
            assert await bot.stop() == 0
        finally:
            bot.kill_all()
        assert bot.log.count("[token]") >= len(discord.world.interactions)  # they were there to be left out
        for token in (discord.token, *discord.world.interactions):
            assert bot.files_with(token.rstrip("=")) == []  # in an address = is written as %3D


async def music(discord: Discord, message: Message) -> PrettyMIDI:
    return PrettyMIDI(io.BytesIO(await discord.download(message.file(".mid"))))


def beginning(midi: PrettyMIDI) -> list[int]:
    """The pitches that sound first, from low to high."""
    notes = [note for instrument in midi.instruments for note in instrument.notes]
    first = min(note.start for note in notes)
    return sorted(note.pitch for note in notes if note.start == first)
