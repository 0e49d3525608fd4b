"""Pending replies belong to one bot at a time, and outlive it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.commands import submit
from bot.store.pending_replies import PendingReplies
from bot.store.pending_reply import PendingReply
from core.queue.jobs import JobState
from tests.discord_standin import Discord
from tests.support.playing_bot import SHORT, FakeQueue, age, clara, emptied, playing, remaining, set_owner
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio

OFTEN = replace(SHORT, renew=0.05)
NEVER = replace(SHORT, renew=1000.0)
SEEMED_DEAD = "by another bot, to which this one seemed dead"


async def test_a_restarted_bot_answers_what_was_left(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A bot that ends in the middle leaves a row; the next one edits the original answer, and buttons go on working."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            first, second = [await listener.types("/compose", seed=seed) for seed in ("72", "60")]
            await first.answered()
            await second.answered()
        assert len(await remaining(url)) == 2
        queue.finish(first.id)
        async with playing(standin, queue, url, monkeypatch):
            assert len((await first.finished()).attachments) == 3
            assert len(queue.terms) == 2  # neither was put again
            await listener.clicks(second.message, "Cancel")
            assert (await second.shows(lambda message: not message.buttons)).content.startswith("Cancelled")
            assert await emptied(url)


async def test_a_job_that_another_bot_took_over_is_left_to_it(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """A bot that seemed dead follows it no longer once it learns so; yet the job is counted, and can be cancelled,
    wherever its listener asks: also before the other has put it into the queue."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, timing=OFTEN) as bot:
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            await set_owner(url, "b", 1000, asked.id)
            await until(lambda: SEEMED_DEAD in caplog.text)
            of = bot.services.deliveries.of
            await until(lambda: [pending.job_id for pending in of(listener.user.id)] == [str(asked.id)])
            queue.jobs.clear()
            await listener.clicks(asked.message, "Cancel")
            await until(lambda: queue.jobs)
            assert queue.jobs[str(asked.id)].state is JobState.CANCELLED
        assert "Cancelled" not in asked.message.content
        assert len(await remaining(url)) == 1


async def test_a_piece_that_another_bot_took_over_is_not_delivered(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """A bot that seemed dead learns so at the latest when the piece is there, and then says nothing to the listener."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, timing=NEVER) as bot:
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            await set_owner(url, "b", 1000, asked.id)
            queue.finish(asked.id)
            await until(lambda: SEEMED_DEAD in caplog.text)
            await until(lambda: not bot.services.deliveries.of(listener.user.id))  # it has come to an end here
            assert not asked.message.attachments
        assert len(await remaining(url)) == 1
        assert not queue.deleted


async def test_a_token_is_not_kept_when_it_has_expired(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Also of a piece that still waits, which comes as a message of its own."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
        [row] = await remaining(url)
        assert row.destination.token == asked.token
        await age(url, 15 * 60)
        async with playing(standin, queue, url, monkeypatch, timing=OFTEN):
            async with asyncio.timeout(PATIENCE):
                while (await remaining(url))[0].destination.token:  # noqa: ASYNC110 - it can only be asked
                    await asyncio.sleep(0.05)
            written = asyncio.create_task(standin.written(listener.channel))
            await asyncio.sleep(0)
            queue.finish(asked.id)
            assert len((await written).attachments) == 3
            assert await emptied(url)


async def test_jobs_of_a_bot_that_died_are_taken_over(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """As soon as their lease has run out, and no sooner, by a bot that was there all the time."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            dead, alive = [await listener.types("/compose", seed=seed) for seed in ("72", "60")]
            await dead.answered()
            await alive.answered()
        queue.finish(dead.id)
        queue.finish(alive.id)
        await set_owner(url, "b", -1, dead.id)
        await set_owner(url, "b", 1000, alive.id)
        async with playing(standin, queue, url, monkeypatch, timing=OFTEN, lease_seconds=1.0):
            assert len((await dead.finished()).attachments) == 3
            assert not alive.message.attachments
            await set_owner(url, "b", -1, alive.id)
            assert len((await alive.finished()).attachments) == 3
            assert await emptied(url)


async def test_what_another_bot_accepted_is_not_answered_twice(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Discord tells every bot of an interaction; the later one makes no job of it, and leaves it to the other."""
    asked_later = asyncio.Event()

    async def late(self: PendingReplies, pending: PendingReply, a_day: int = 0) -> bool:
        asked_later.set()
        return False

    monkeypatch.setattr(PendingReplies, "add", late)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            asking = asyncio.create_task(listener.types("/compose", seed="72", take=7))
            await asked_later.wait()
            await until(lambda: not bot.services.deliveries.of(listener.user.id))
        asking.cancel()
        [asked] = standin.world.interactions.values()
        assert asked.acknowledged_at is None
        assert not queue.jobs


async def test_an_interaction_is_noted_before_it_is_acknowledged(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """When Discord hears of it, the row is there."""
    noted: list[int] = []
    real = submit.acknowledge

    async def acknowledge(*arguments: Any) -> None:
        noted.append(len(await remaining(url)))
        await real(*arguments)

    monkeypatch.setattr(submit, "acknowledge", acknowledge)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
    assert noted == [1]


async def test_an_interaction_that_cannot_be_noted_in_time_is_refused(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """With a sentence, in time, and no row stays that is written later."""
    add, slow, written = PendingReplies.add, asyncio.Event(), asyncio.Event()

    async def add_late(store: PendingReplies, pending: PendingReply, a_day: int = 0) -> bool:
        await slow.wait()
        ours = await add(store, pending, a_day)
        written.set()
        return ours

    monkeypatch.setattr(PendingReplies, "add", add_late)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, note=0.05)):
            refused = await (await listener.types("/compose", seed="72")).answered()
            assert refused.ephemeral
            assert "database cannot be reached" in refused.content
            slow.set()
            await written.wait()
            assert await emptied(url)
        assert not queue.jobs
