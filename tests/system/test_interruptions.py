"""What befalls a piece on its way, with a real bot and worker: it is cancelled, Discord fails, processes are killed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess
from tests.support.stage import PATIENCE, Stage, beginning, music

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

MIDDLE = 1000
"""Steps of a piece that takes seconds, so that things can happen to it."""


async def test_progress_and_cancel(stage: Stage):
    """The place in the queue, then progress at most every 2 s; Cancel works while it waits and while it runs, and for
    the one who asked alone."""
    running = await stage.clara.types("/compose", seed="72", length=3000)
    await running.shows(lambda message: "Composing" in message.content, PATIENCE)
    waiting = await stage.robert.types("/compose", seed="72", length=MIDDLE)
    place = await waiting.shows(lambda message: "next" in message.content)

    refused = await stage.robert.clicks(running.message, "Cancel")
    assert refused.message.ephemeral
    assert "only the person" in refused.message.content.lower()
    await stage.robert.clicks(place, "Cancel")
    assert (await waiting.finished()).content.startswith("Cancelled")

    await running.shows(lambda message: len(message.revisions) >= 4, PATIENCE)
    told = [revision.at for revision in running.message.revisions[1:]]
    assert min(later - earlier for earlier, later in pairwise(told)) > 1.9
    await stage.clara.clicks(running.message, "Cancel")
    message = await running.finished()
    assert message.content.startswith("Cancelled")
    assert not message.attachments
    assert not message.buttons


async def test_discord_has_its_moments(stage: Stage):
    """The gateway drops, an edit fails, an answer gets lost: the piece arrives all the same, once."""
    asked = await stage.clara.types("/compose", seed="72", length=500)
    stage.discord.gateway.drop()
    stage.discord.fails("PATCH", "@original", answer=503)
    stage.discord.fails("PATCH", "@original", answer=429, retry_after=0.2)
    stage.discord.fails("PATCH", "@original", broken=True, processed=True)
    message = await asked.finished(PATIENCE)
    assert len(message.attachments) == 3
    assert (await stage.clara.types("/about")).acknowledged_after is not None


async def test_a_token_that_has_expired(stage: Stage):
    """What is ready after 15 minutes comes as a message in the channel, which calls the one who asked, in the place of
    the one that showed progress."""
    asked = await stage.clara.types("/compose", seed="72", length=500)
    progress = await asked.shows(lambda message: message.content)
    stage.discord.advance(15 * 60)
    message = await stage.discord.written(stage.clara.channel, PATIENCE)
    assert message.pings == [stage.clara.user.id]
    await progress.until(lambda message: message.deleted)
    assert {file.filename.rpartition(".")[2] for file in message.attachments} == {"mid", "mp3", "png"}
    assert {refusal.code for refusal in stage.discord.refused()} == {50027}


@pytest.mark.long
async def test_a_killed_worker(stage: Stage):
    """Kill -9 in the middle of a job: it runs again in a new worker, and is answered once."""
    before = list(stage.clara.channel.messages)
    asked = await stage.clara.types("/compose", seed="72", length=MIDDLE, take=7)
    await asked.shows(lambda message: "%" in message.content, PATIENCE)
    (killed,) = stage.bot.workers
    stage.bot.kill_workers()
    message = await asked.finished(PATIENCE)
    assert len(message.attachments) == 3
    assert beginning(await music(stage.discord, message))[0] == 72  # above which the model may join
    assert stage.bot.workers != [killed]
    assert [bool(revision.attachments) for revision in message.revisions].count(True) == 1
    assert stage.clara.channel.messages == [*before, message]


async def test_a_killed_bot_and_worker(stage: Stage):
    """Kill -9 of both: after the restart every job's answer is there, in the place of what was shown before, and a
    button from before the restart works."""
    before = list(stage.clara.channel.messages)
    asked = await stage.clara.types("/compose", seed="72", length=MIDDLE, take=7)
    other = await stage.robert.types("/compose", seed="C4 E4 G4", length=MIDDLE)
    await asked.shows(lambda message: "%" in message.content, PATIENCE)
    await other.shows(lambda message: message.buttons, PATIENCE)
    stage.bot.kill_all()
    await stage.discord.world.until(lambda world: not stage.discord.gateway.live)
    lost = await stage.clara.types("/compose", seed="72")
    assert lost.acknowledged_after is None

    stage.bot.start()
    await stage.discord.registered("compose", within=PATIENCE)
    await stage.robert.clicks(other.message, "Cancel")
    assert (await other.finished(PATIENCE)).content.startswith("Cancelled")
    message = await asked.finished(PATIENCE)
    assert len(message.attachments) == 3
    assert beginning(await music(stage.discord, message))[0] == 72  # above which the model may join
    assert sorted(stage.clara.channel.messages, key=id) == sorted([*before, message, other.message], key=id)


async def test_a_wrong_token(tmp_path: Path):
    """One sentence that names the setting and not the token, and exit code 2."""
    async with Discord() as discord:
        wrong = {"DISCORD_TOKEN": "MTE.wrong.token", "SPAWN_WORKER": "false", "LOG_LEVEL": "DEBUG"}
        bot = BotProcess(tmp_path, discord.environment | wrong)
        bot.start()
        assert await bot.ended() == 2
        assert bot.log.splitlines()[-1].startswith("DISCORD_TOKEN is refused by Discord")
        assert "Traceback" not in bot.log
        assert bot.files_with("MTE.wrong.token") == []
        assert {refusal.status for refusal in discord.refused()} == {401}
