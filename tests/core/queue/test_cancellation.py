"""core/queue: jobs are taken back, whether they wait, run or are still to be put."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from core.queue.client import JobQueue
from core.queue.jobs import COMPOSED_SHARE, Job, JobState
from tests.support.fake_worker import PATIENCE, SLOW_TAKE, Worker
from tests.support.queued_jobs import asks, known, watch

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]


async def test_a_running_job_is_taken_back(jobs: JobQueue, worker: Worker):
    """Cancelled in the middle, the composer stops soon and is free for the next, and what plays the piece meanwhile is
    left; the log has one line and no more."""
    await jobs.put("unwanted", asks(take=31, length=3000), user_id=1)
    await watch(jobs, "unwanted", JobState.RUNNING)
    await jobs.cancel("unwanted")
    assert (await known(jobs, "unwanted")).state == JobState.CANCELLED
    await jobs.put("wanted", asks(take=32), user_id=1)
    await watch(jobs, "wanted", JobState.DONE)
    assert 31 not in worker.history("composed")
    assert len(worker.history("left")) == 2
    assert worker.log.count("unwanted") == 1
    assert "job unwanted cancelled" in worker.log


async def test_a_piece_is_taken_back_while_it_is_rendered(jobs: JobQueue, worker: Worker):
    """The job is gone for the listener at once, that late too, and the log has one line and no more."""
    await jobs.put("regretted", asks(take=SLOW_TAKE), user_id=1)
    async with asyncio.timeout(PATIENCE):
        while (await known(jobs, "regretted")).progress < COMPOSED_SHARE:  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(0.05)
    await jobs.cancel("regretted")
    assert (await known(jobs, "regretted")).state == JobState.CANCELLED
    await asyncio.to_thread(worker.wait_for, "job regretted cancelled")
    await jobs.put("next", asks(), user_id=1)
    await watch(jobs, "next", JobState.DONE)
    assert worker.log.count("regretted") == 1
    assert (await known(jobs, "regretted")).piece is None


async def test_a_cancelled_job_is_not_in_an_old_snapshot(url: str):
    """Taken back, it is looked for anew; deleted, it is not among the ids."""
    jobs = await JobQueue.open(url, snapshot_seconds=600)
    for job_id in "123":
        await jobs.put(job_id, asks(), user_id=job_id)
    assert (await jobs.snapshot()).waiting == ["1", "2", "3"]
    await jobs.delete("2")
    await jobs.cancel("1")
    assert sorted(await jobs.ids()) == ["1", "3"]
    assert await jobs.standing("1") == Job("1", JobState.CANCELLED)
    await jobs.close()


async def test_a_waiting_job_is_taken_back(unattended: JobQueue, begin: Callable[..., Worker]):
    """Cancelled before it began, a job never begins, and the ones behind it move up."""
    for job_id in "12":
        await unattended.put(job_id, asks(take=int(job_id)), user_id=job_id)
    await unattended.cancel("1")
    assert (await known(unattended, "1")).state == JobState.CANCELLED
    assert (await known(unattended, "2")).place == 1
    with begin() as worker:
        await watch(unattended, "2", JobState.DONE)
        assert worker.history("began") == [2]


async def test_a_job_is_taken_back_before_it_is_put(unattended: JobQueue, begin: Callable[..., Worker]):
    """Withdrawn, it is cancelled whenever it is put; one that waits already is cancelled too, and neither is begun. One
    that is done stays so."""
    await unattended.withdraw("1", user_id=1)
    assert (await known(unattended, "1")).state == JobState.CANCELLED
    await unattended.put("1", asks(take=1), user_id=1)
    await unattended.put("2", asks(take=2), user_id=2)
    await unattended.withdraw("2", user_id=2)
    await unattended.put("3", asks(take=3), user_id=3)
    assert [(await known(unattended, job_id)).state for job_id in "12"] == [JobState.CANCELLED] * 2
    with begin() as worker:
        await watch(unattended, "3", JobState.DONE)
        assert worker.history("began") == [3]
    await unattended.withdraw("3", user_id=3)
    assert (await known(unattended, "3")).state == JobState.DONE
    await unattended.delete("1")
    assert "1" not in await unattended.ids()
