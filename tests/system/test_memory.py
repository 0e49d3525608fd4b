"""The bot's memory under an attack: sixty pieces of the largest size brought back at once."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.process.byte_budget import BYTES_IN_MEMORY
from bot.store.database import Database
from bot.store.pending_reply import Destination, PendingReply
from bot.store.pieces import Library
from tests.discord_standin import Discord, Person
from tests.support.bot_process import BotProcess
from tests.support.pieces import REQUEST, piece
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.asyncio, pytest.mark.long, pytest.mark.timeout(900)]

PEOPLE, TIMES = 20, 3
SOUND_BYTES = 9_500_000


async def stored(data: Path, listener: Person) -> str:
    """The id of a piece with a large sound, stored before the bot starts."""
    database = await Database.open(f"sqlite:///{data / 'nocturne.sqlite'}")
    library = Library(database, data / "pieces")
    await library.claim()
    guild = listener.channel.guild
    destination = Destination(
        listener.user.id, 1, 2, "", False, 10 * 2**20, True, time.time(), guild.id if guild else None
    )
    kept = await library.add(
        PendingReply("1", REQUEST, destination), replace(piece(), audio=os.urandom(SOUND_BYTES), seconds={})
    )
    await database.close()
    return kept.id


def mib(bot: BotProcess, what: str) -> int:
    """Memory of the bot's process: VmRSS for now, VmHWM for the most so far."""
    status = Path(f"/proc/{bot.pid}/status").read_text()
    return int(re.findall(rf"{what}:\s+(\d+) kB", status)[0]) // 1024


async def test_many_large_pieces_fit_into_memory(tmp_path: Path):
    """All of them are shown, and the bot takes no more for them than three times what it lets in at a time; where there
    was no limit it took over a thousand MiB."""
    async with Discord() as discord:
        guild = discord.guild()
        people = [discord.person(f"listener{number}", guild) for number in range(PEOPLE)]
        (tmp_path / "data").mkdir()
        piece_id = await stored(tmp_path / "data", people[0])
        settings = {"SPAWN_WORKER": "false", "DATA_DIR": str(tmp_path / "data")}
        bot = BotProcess(tmp_path, discord.environment | settings)
        bot.start()
        try:
            await discord.registered("piece", within=PATIENCE)
            first = await (await people[0].types("/piece", id=piece_id)).finished(PATIENCE)
            assert len(first.file(".mp3").bytes) == SOUND_BYTES
            before = mib(bot, "VmRSS")
            asked = await asyncio.gather(
                *(person.types("/piece", id=piece_id) for person in people for _ in range(TIMES))
            )
            messages = await asyncio.gather(*(one.finished(PATIENCE) for one in asked))
            print(f"before {before} MiB, at most {mib(bot, 'VmHWM')} MiB, after {mib(bot, 'VmRSS')} MiB")
            assert [len(message.attachments) for message in messages] == [3] * PEOPLE * TIMES
            assert mib(bot, "VmHWM") < before + 3 * BYTES_IN_MEMORY / 2**20
        finally:
            bot.kill()
