"""core/queue: the order in which jobs are begun, their places, and how many are composed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from core.queue.client import JobQueue
from core.queue.jobs import COMPOSED_SHARE, Job, JobState
from tests.support.fake_worker import PATIENCE, Worker
from tests.support.queued_jobs import ENDED, asks, held, known, watch

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]

UNHURRIED = ("--speed", "20")
"""Options of a worker that is at a piece of 3,000 steps for longer than a test lasts, and at one of 25 for a second."""


async def test_everybody_is_served_before_anybody_is_served_twice(
    url: str, unattended: JobQueue, begin: Callable[..., Worker]
):
    """The second job of one user stands behind the first of another, whoever came first, and places say so."""
    for job_id, user in ("1", "ann"), ("2", "ann"), ("3", "ann"), ("4", "bob"), ("5", "cat"), ("6", "bob"):
        await unattended.put(job_id, asks(take=int(job_id)), user_id=user)
    places = {job_id: (await known(unattended, job_id)).place for job_id in "123456"}
    assert places == {"1": 1, "4": 2, "5": 3, "2": 4, "6": 5, "3": 6}
    assert (await unattended.snapshot()).waiting == ["1", "4", "5", "2", "6", "3"]
    with begin() as worker:
        await watch(unattended, "3", JobState.DONE)
        first, *others = worker.history("began")
        assert first in (1, 4, 5)  # taken together by an idle worker, they run for the model
        assert others == [take for take in (1, 4, 5, 2, 6, 3) if take != first]
    other = await JobQueue.open(url)
    assert (await other.snapshot()).waiting == []
    await other.close()


async def test_many_share_one_look(url: str, unattended: JobQueue):
    """Jobs that are put after a look have their places in its snapshot, a user's second job behind everybody's first;
    another bot's look agrees."""
    jobs = await JobQueue.open(url, snapshot_seconds=600)
    assert (await jobs.snapshot()).waiting == []
    for user, take in ((1, 1), (1, 2), (2, 3), (3, 4)):
        await jobs.put(f"{user}-{take}", asks(take=take), user_id=user)
    order = ["1-1", "2-3", "3-4", "1-2"]
    assert (await jobs.snapshot()).waiting == order
    assert (await unattended.snapshot()).waiting == order
    assert [await jobs.standing(job_id) for job_id in order] == [
        Job(job_id, JobState.QUEUED, place) for place, job_id in enumerate(order, start=1)
    ]
    await jobs.close()


async def test_a_snapshot_counts_the_workers(url: str, begin: Callable[..., Worker]):
    """Also before the first of them has made its table, and after the last has left."""
    jobs = await JobQueue.open(url, snapshot_seconds=0)
    assert (await jobs.snapshot()).workers == 0
    with begin() as worker:
        assert (await jobs.snapshot()).workers == 1
        worker.process.terminate()
        await asyncio.to_thread(worker.process.wait, PATIENCE)
    assert (await jobs.snapshot()).workers == 0
    await jobs.close()


async def test_a_job_that_waits_for_the_model_is_not_running(url: str, begin: Callable[..., Worker]):
    """A worker takes more jobs while it composes one; they still stand in line."""
    jobs = await JobQueue.open(url, snapshot_seconds=0)
    with begin(*UNHURRIED):
        await jobs.put("first", asks(length=3000), user_id=1)
        await watch(jobs, "first", JobState.RUNNING)
        await jobs.put("second", asks(length=3000), user_id=2)
        await jobs.put("third", asks(length=3000), user_id=3)
        await held(jobs, "second", "third")
        assert [(await known(jobs, job_id)).place for job_id in ("first", "second", "third")] == [None, 1, 2]
        snapshot = await jobs.snapshot()
    assert snapshot.waiting == ["second", "third"]
    assert [*snapshot.shares] == ["first"]
    assert 0 <= snapshot.shares["first"] < COMPOSED_SHARE
    await jobs.close()


async def test_jobs_are_composed_together(unattended: JobQueue, begin: Callable[..., Worker]):
    """As many at once as there are places; the next one begins when one has ended."""
    for take in 1, 2, 3:
        await unattended.put(str(take), asks(take=take, length=3000), user_id=take)
    with begin("--places", "3", *UNHURRIED) as worker:
        for job_id in "123":
            await watch(unattended, job_id, JobState.RUNNING)
        await unattended.put("4", asks(take=4), user_id=4)  # put with the others, it might be begun before one of them
        assert (await known(unattended, "4")).state == JobState.QUEUED
        await unattended.cancel("1")
        assert (await watch(unattended, "4", *ENDED)).state == JobState.DONE
        assert worker.history("composed") == [4]
