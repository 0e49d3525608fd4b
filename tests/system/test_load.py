"""Many people at once, with a worker and without: `python -m benchmarks.load` measures it, this only counts."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.discord_standin import Discord, Interaction
from tests.support.bot_process import BotProcess
from tests.support.fake_worker import Worker
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.asyncio, pytest.mark.long]

INTERACTIONS, USERS, SECONDS = 200, 150, 20.0
TOO_MANY = "You already have as many pieces in progress"
GETTING_READY = "My composer is getting ready"


@pytest.mark.parametrize("working", [True, False])
async def test_many_at_once(working: bool, tmp_path: Path):
    """Each interaction is acknowledged in Discord's 3 s; a refusal is for having three already. With a worker everybody
    gets a piece, and without one everybody is told that the composer is not there."""
    async with Discord() as discord, contextlib.AsyncExitStack() as stack:
        guild = discord.guild()
        people = [discord.person(f"listener{number}", guild) for number in range(USERS)]
        bot = BotProcess(tmp_path, discord.environment | {"SPAWN_WORKER": "false", "DATA_DIR": str(tmp_path)})
        bot.start()
        stack.callback(bot.kill)
        await discord.registered("compose", within=PATIENCE)

        async def ask(number: int) -> Interaction:
            await asyncio.sleep(number * SECONDS / INTERACTIONS)
            return await people[number % USERS].types("/compose", seed="72", length=50, take=1000 + number)

        with Worker(tmp_path, "--silent", "--places", "16") if working else contextlib.nullcontext():
            asked = await asyncio.gather(*(ask(number) for number in range(INTERACTIONS)))
            assert [one for one in asked if one.acknowledged_at is None] == []
            for one in asked:
                message = await (one.finished(PATIENCE) if working else one.answered(PATIENCE))
                served = message.attachments if working else GETTING_READY in message.content
                assert served or message.content.startswith(TOO_MANY), message.content
        assert await bot.stop() == 0
        assert not discord.refused()
