"""Jobs are followed to their end, whatever can be reached meanwhile."""

import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from bot.delivery import follower
from bot.delivery.follower import IN_ALL, Outcome, log_line
from bot.language.replies import Reply
from bot.store import pending_reply
from core.errors import QueueError
from core.queue.jobs import Job, JobState
from tests.discord_standin import Discord
from tests.support.pieces import piece
from tests.support.playing_bot import SHORT, FakeQueue, clara, emptied, playing
from tests.support.stored_pieces import pending
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio


async def test_a_job_that_the_queue_never_got_is_put_again(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A bot killed between its row and the queue loses nothing."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
        queue.jobs.clear()
        async with playing(standin, queue, url, monkeypatch):
            await until(lambda: str(asked.id) in queue.jobs)
            assert queue.requests[str(asked.id)].take == 7
            queue.finish(asked.id)
            assert (await asked.finished()).attachments


async def test_a_piece_that_could_not_arrive_is_given_up_in_time(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Where the bot cannot write by itself, a job that is not done by minute 14 is cancelled, with a sentence."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(installed=False), installed=True)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            [terms] = queue.terms
            assert terms["seconds_left"] == pytest.approx(14 * 60, abs=PATIENCE)
            monkeypatch.setattr(pending_reply, "moment", lambda: asked.created_at + 14 * 60 + 2)
            message = await asked.finished()
            assert message.content == str(follower.TOO_LATE)
            assert queue.jobs[str(asked.id)].state is JobState.CANCELLED


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_step_of_the_clock_loses_nothing(
    step: float, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Where the bot cannot write by itself either: whether the token and the piece are still of use, Discord's clock
    says, and in between the monotonic one."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(installed=False), installed=True)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            now = time.time
            monkeypatch.setattr(time, "time", lambda: now() + step)
            queue.run(asked.id, 0.25)
            await asked.shows(lambda message: "25%" in message.content)
            queue.finish(asked.id)
            assert (await asked.finished()).attachments


async def test_the_queue_may_stumble(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A queue that cannot be reached for a moment costs no answer; for longer, the listener is told."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            queue.broken = 2
            asked = await listener.types("/compose", seed="72")
            assert "next" in (await asked.answered()).content
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            queue.broken = 100
            asked = await listener.types("/compose", seed="72")
            assert (await asked.answered()).content == "The queue cannot be reached at the moment."


async def test_a_job_that_cannot_be_deleted_is_answered_all_the_same(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Its row is gone, and the piece knows its message; a later sweep removes the job."""

    attempts = []

    async def away(job_id: str) -> None:
        attempts.append(job_id)
        raise QueueError("The queue cannot be reached at the moment.")

    monkeypatch.setattr(queue, "delete", away)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            queue.finish(asked.id)
            message = await asked.finished()
            await until(lambda: len(attempts) > len(SHORT.database_delays))
            assert await emptied(url)
            [stored] = await bot.services.library.of(listener.user.id, 0, 9)
            assert stored.message_url.endswith(f"/{message.id}")
    assert "unanswered" not in caplog.text


async def test_one_line_a_job_and_no_token(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The log has id, user, recipe and times of a job in one line, without the interaction's token."""
    caplog.set_level(logging.INFO)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            queue.finish(asked.id)
            assert await emptied(url)
    [line] = [record.getMessage() for record in caplog.records if str(asked.id) in record.getMessage()]
    assert f"job {asked.id} of user {listener.user.id}, /compose seed:72 take:7: done, answered; wait 0.10 s" in line
    assert "compose 3.00 s, render 1.00 s, encode 0.50 s, draw 0.20 s, deliver " in line
    assert asked.token not in caplog.text


async def test_jobs_that_nobody_is_owed_are_removed(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A bot killed just after an answer leaves a job without a row, and so does one that cannot reach the queue then:
    the next start removes it, and each sweep from then on, and no other."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
        queue.jobs["1"] = Job("1", JobState.DONE)
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, sweep=0.05)):
            await until(lambda: "1" in queue.deleted)
            queue.jobs["2"] = Job("2", JobState.DONE)
            await until(lambda: "2" in queue.deleted)
            assert {*queue.deleted} == {"1", "2"}
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            assert await emptied(url)


async def test_whether_it_was_heard_is_not_known(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """When each receipt of the acknowledgement is lost, the piece is delivered all the same."""
    timing = replace(SHORT, acknowledge_delays=())
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, timing=timing):
            standin.fails("POST", "callback", broken=True, processed=True)
            asked = await listener.types("/compose", seed="72")
            await until(lambda: str(asked.id) in queue.jobs)
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            assert await emptied(url)


@pytest.mark.parametrize("how", [{"broken": True, "processed": True}, {"broken": True}])
async def test_a_lost_receipt_loses_no_piece(
    how: dict[str, Any], queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The acknowledgement's connection breaks, after it arrived or before: it is said again, and the piece comes."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            standin.fails("POST", "/callback", **how)
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
        assert all(refusal.code == 40060 for refusal in standin.refused())


@pytest.mark.parametrize(("seconds", "said"), [(5.678, "in all 5.7 s"), (73.21, "in all 73 s")])
async def test_the_log_says_where_the_time_went(seconds: float, said: str):
    """A stage to 10 ms, and the whole time as exactly as it is known: to a tenth below 10 s."""
    outcome = Outcome(pending(), [Job("1", JobState.DONE, piece=piece(), waited=0.25)], Reply("A piece"))
    line = log_line(outcome, "answered", {"deliver": 0.4, IN_ALL: seconds})
    spent = f"wait 0.25 s, compose 3.00 s, render 1.00 s, encode 0.50 s, draw 0.20 s, deliver 0.40 s, {said}"
    assert line == f"job 1 of user 42, /compose seed:72 take:7: done, answered; {spent}"
