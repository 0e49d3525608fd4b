"""Limits on what may be asked for, from the command to its refusal."""

import asyncio
import re
import time
from typing import cast

import pytest

from bot.delivery.admission import Admission
from bot.delivery.estimates import Estimates
from bot.delivery.open_replies import OpenReplies
from bot.store.pending_reply import Destination, PendingReply
from core.errors import QueueFull, TooManyJobs
from core.queue.client import JobQueue
from core.queue.jobs import Job, JobState
from tests.discord_standin import Discord
from tests.support.pieces import REQUEST
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
            assert refused.content.startswith("You already have as many pieces in progress as I take at once (2); wait")
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
            asked_at = time.time()
            [later] = re.findall(
                r"try again <t:(\d+):R>", (await (await people[5].types("/compose", seed="72")).answered()).content
            )
            assert asked_at + 59 < int(later) < time.time() + 61
            for job_id in [job_id for job_id in queue.jobs if job_id != "1"]:
                queue.finish(int(job_id))
            assert await emptied(url)
            assert "place" not in (await (await people[5].types("/compose", seed="72")).answered()).content
            assert len(await remaining(url)) == 1


def pending(job_id: str, guild_id: int) -> PendingReply:
    return PendingReply(job_id, REQUEST, Destination(42, 43, 44, "token", False, 10**7, True, 0.0, guild_id))


async def test_the_last_place_is_taken_once(queue: FakeQueue):
    """Of two requests that were both checked while there was room, in all or in one server, the later one is refused;
    another server's limit is its own."""
    open_replies = OpenReplies()
    admission = Admission(
        cast(JobQueue, queue), open_replies, Estimates(lambda _: None), max_jobs_per_user=2, queue_limit=9
    )
    for _ in range(2):
        await admission.check(42)
    admission.enter(pending("1", guild_id=7), at_once=1)
    with pytest.raises(TooManyJobs, match=r"\(1\)"):
        admission.enter(pending("2", guild_id=7), at_once=1)
    admission.enter(pending("3", guild_id=8), at_once=1)
    with pytest.raises(TooManyJobs, match=r"\(2\)"):
        admission.enter(pending("4", guild_id=9))
    open_replies.close("1")
    admission.enter(pending("4", guild_id=9))


async def test_jobs_that_the_queue_does_not_know_yet_need_room_too(queue: FakeQueue):
    """Jobs count from the moment they are entered; a queue that is away for a moment refuses nobody."""
    admission = Admission(
        cast(JobQueue, queue), OpenReplies(), Estimates(lambda _: None), max_jobs_per_user=9, queue_limit=2
    )
    queue.broken = 1
    await admission.check(42)
    admission.enter(pending("1", guild_id=7))
    admission.enter(pending("2", guild_id=7))
    with pytest.raises(QueueFull, match="can't take another one now"):
        admission.enter(pending("3", guild_id=7))
