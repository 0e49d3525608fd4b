"""Limits on what may be asked for, from the command to its refusal."""

import asyncio
import re
import time

import pytest

from core.queue.jobs import Job, JobState
from tests.discord_standin import Discord
from tests.support.playing_bot import FakeQueue, clara, emptied, playing, remaining

pytestmark = pytest.mark.asyncio


async def test_a_listener_cannot_fill_the_queue(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """One piece more than MAX_JOBS_PER_USER is refused, however fast they come; an answered one makes room."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=2):
            asked = await asyncio.gather(*(listener.types("/compose", seed="72") for _ in range(3)))
            messages = [await interaction.answered() for interaction in asked]
            [refused] = [message for message in messages if message.ephemeral]
            assert (
                refused.content
                == "You have as many pieces in the making as are taken at a time (2); let one finish, or cancel one."
            )
            for job_id in list(queue.jobs):
                queue.finish(int(job_id))
            assert await emptied(url)
            assert "next" in (await (await listener.types("/compose", seed="72")).answered()).content


async def test_a_full_queue_takes_nothing_more(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Beyond QUEUE_LIMIT there is a sentence that the listener alone sees, however fast they come and whoever filled
    the queue; nothing of it is kept. It says when to try again as soon as that can be told."""
    async with Discord() as standin:
        guild = standin.guild()
        people = [standin.person(f"listener{number}", guild) for number in range(6)]
        async with playing(standin, queue, url, monkeypatch, limit=4) as bot:
            queue.jobs["1"] = Job("1", JobState.QUEUED)  # another bot's
            asked = await asyncio.gather(*(person.types("/compose", seed="72") for person in people))
            messages = [await interaction.answered() for interaction in asked]
            refused = [message for message in messages if message.ephemeral]
            assert len(refused) == 3
            assert "try again in a few minutes" in refused[0].content
            assert len(await remaining(url)) == 3
            assert len(queue.jobs) == 4
            monkeypatch.setattr(bot.services.deliveries.estimates, "eased", lambda most: 60.0)
            [later] = re.findall(
                r"try again <t:(\d+):R>", (await (await people[5].types("/compose", seed="72")).answered()).content
            )
            assert 50 < int(later) - time.time() < 70
            for job_id in [job_id for job_id in queue.jobs if job_id != "1"]:
                queue.finish(int(job_id))
            assert await emptied(url)
            assert "place" not in (await (await people[5].types("/compose", seed="72")).answered()).content
            assert len(await remaining(url)) == 1
