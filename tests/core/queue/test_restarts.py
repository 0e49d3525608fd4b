"""core/queue: jobs survive the `kill -9` of their worker and a restart of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import QueueError
from core.queue.client import JobQueue
from core.queue.jobs import UNFORESEEN, JobState
from core.queue.server import RUNS
from tests.support.fake_worker import KILLED_ONCE_TAKE, PATIENCE, POISONED_TAKE, Worker
from tests.support.postgres import Postgres
from tests.support.queued_jobs import ENDED, asks, watch
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]


async def test_a_killed_worker_s_job_runs_again(unattended: JobQueue, begin: Callable[..., Worker]):
    """`kill -9` in the middle of composing: after the restart the job is done, once."""
    await unattended.put("survivor", asks(take=5, length=100), user_id=1)
    with begin("--speed", "10") as worker:
        await watch(unattended, "survivor", JobState.RUNNING)
        await until(lambda: worker.history("began"))  # it is said to run a moment before it does
        worker.kill()
    with begin() as worker:
        assert (await watch(unattended, "survivor", *ENDED)).state == JobState.DONE
        assert worker.history("began") == [5, 5]
        assert worker.history("composed") == [5]


async def test_a_job_outlives_a_restart_of_the_database(postgres: Postgres, tmp_path: Path):
    """While PostgreSQL is away, the bot is told so in a sentence; then the job goes on in the same worker, and others
    are taken."""
    jobs = await JobQueue.open(where := postgres.fresh())
    with Worker(tmp_path, "--silent", QUEUE_URL=where) as worker:
        await jobs.put("first", asks(take=1, length=300), user_id=1)
        await watch(jobs, "first", JobState.RUNNING)
        await asyncio.to_thread(postgres.stop)
        with pytest.raises(QueueError, match="cannot be reached"):
            await jobs.job("first")
        await asyncio.sleep(2)
        await asyncio.to_thread(postgres.start)
        await jobs.put("second", asks(take=2), user_id=1)
        for job_id in "first", "second":
            assert (await watch(jobs, job_id, *ENDED)).state == JobState.DONE
        assert worker.history("began") == [1, 2]
    await jobs.close()


async def test_a_composed_piece_is_not_composed_again(unattended: JobQueue, begin: Callable[..., Worker]):
    """`kill -9` while rendering: after the restart only the rendering is repeated."""
    await unattended.put("half", asks(take=KILLED_ONCE_TAKE), user_id=1)
    with begin() as worker:
        await asyncio.to_thread(worker.process.wait, PATIENCE)
    with begin() as worker:
        assert (await watch(unattended, "half", *ENDED)).state == JobState.DONE
        assert worker.history("began") == [KILLED_ONCE_TAKE]


async def test_a_job_that_kills_every_worker_is_given_up_alone(unattended: JobQueue, begin: Callable[..., Worker]):
    """One poisoned job among eight that are composed together: from its second run on each runs alone, so that after
    three runs it is given up with a sentence, and the seven others are answered."""
    for take in (1, 2, 3, POISONED_TAKE, 5, 6, 7, 8):
        await unattended.put(str(take), asks(take=take), user_id=take)
    for _ in range(RUNS):
        killed = begin("--places", "8")  # perhaps before it says that it is ready, so that is not waited for
        await asyncio.to_thread(killed.process.wait, PATIENCE)
    with begin("--places", "8") as worker:
        poisoned = await watch(unattended, str(POISONED_TAKE), *ENDED)
        assert (poisoned.state, poisoned.error) == (JobState.FAILED, UNFORESEEN)
        for take in (1, 2, 3, 5, 6, 7, 8):
            assert (await watch(unattended, str(take), *ENDED)).state == JobState.DONE
        assert worker.history("began").count(POISONED_TAKE) == RUNS
        assert f"workflow {POISONED_TAKE}" in worker.log  # that it was given up
