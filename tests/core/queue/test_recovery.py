"""Several workers that share nothing but a PostgreSQL database: what one of them has begun, another finishes."""

from __future__ import annotations

import asyncio
import inspect
import re
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from dbos import DBOS

from core.queue.client import JobQueue
from core.queue.jobs import UNFORESEEN, JobState
from core.queue.liveness import Heartbeat
from core.queue.recovery import poll_seconds
from core.queue.server import HUNG, RUNS
from tests.support.fake_worker import (
    BLOCKING_TAKE,
    HANGING_TAKE,
    HUNG_ONCE_TAKE,
    HURRIED,
    PATIENCE,
    POISONED_TAKE,
    Worker,
)
from tests.support.postgres import Postgres
from tests.support.queued_jobs import ENDED, asks, known, watch
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

SLOW = ("--hang", "60", "--speed", "20")
"""Options of a worker that a test has time to kill, freeze or stop: a piece of 300 steps takes 15 seconds."""
ENDLESS = ("--hang", "60", "--speed", "1")
"""Options of a worker that finishes nothing while a test lasts."""


@pytest.fixture
def engine() -> str:
    return "postgresql"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest.fixture
def jobs(unattended: JobQueue) -> JobQueue:
    return unattended


@pytest.fixture
def begin(url: str, tmp_path: Path) -> Callable[..., Worker]:
    """Starts a worker in a folder of its own, as on a machine of its own."""

    def begin(name: str, *arguments: str) -> Worker:
        return Worker(tmp_path / name, "--silent", "--hurried", *arguments, QUEUE_URL=url)

    return begin


async def begun(worker: Worker, take: int = 1) -> None:
    """Wait until it has begun this take."""
    await until(lambda: take in worker.history("began"))


async def test_another_worker_finishes_what_a_killed_one_began(jobs: JobQueue, begin: Callable[..., Worker]):
    """All that it had, those jobs included which still waited for a place in it."""
    with begin("a", *ENDLESS, "--places", "2") as a:
        for take in range(1, 5):
            await jobs.put(str(take), asks(take=take, length=300), user_id=take)
        await until(lambda: len(a.history("began")) == 2)  # of jobs that are taken together, any two get the places
        a.kill()
        with begin("b", "--places", "2") as b:
            await asyncio.to_thread(b.wait_for, "which does not live any more")
            for take in range(1, 5):
                assert (await watch(jobs, str(take), *ENDED)).state == JobState.DONE
            assert a.history("composed") == []
            assert sorted(b.history("composed")) == [1, 2, 3, 4]


async def test_a_frozen_worker_that_goes_on_answers_nothing(jobs: JobQueue, begin: Callable[..., Worker]):
    """Its job has been handed on: its late outcome is refused, the other's is there, and it takes new jobs."""
    with begin("a", *SLOW) as a:
        await jobs.put("1", asks(take=1, length=300), user_id=1)
        await begun(a)
        a.process.send_signal(signal.SIGSTOP)
        with begin("b", *SLOW) as b:
            await asyncio.to_thread(b.wait_for, "which does not live any more")
            await begun(b)
            a.process.send_signal(signal.SIGCONT)
            await asyncio.to_thread(a.wait_for, "job 1 is another worker's now")
            assert (await watch(jobs, "1", *ENDED)).state == JobState.DONE
            assert a.history("composed") == []
            assert b.history("composed") == [1]
            assert a.process.poll() is None
        await jobs.put("2", asks(take=2), user_id=2)
        assert (await watch(jobs, "2", *ENDED)).state == JobState.DONE
        assert a.history("composed") == [2]


@pytest.mark.long
async def test_a_worker_that_wakes_up_at_the_very_end_is_refused(jobs: JobQueue, begin: Callable[..., Worker]):
    """Frozen while the other finishes the job and begins nothing else: the outcome stays the other's."""
    with begin("a", *SLOW) as a:
        await jobs.put("1", asks(take=1, length=300), user_id=1)
        await begun(a)
        a.process.send_signal(signal.SIGSTOP)
        with begin("b"):
            done = await watch(jobs, "1", *ENDED)
            a.process.send_signal(signal.SIGCONT)
            await asyncio.to_thread(a.wait_for, "job 1 ")
            a.process.terminate()  # which waits for what it is at
            assert await asyncio.to_thread(a.process.wait, PATIENCE) == 0
            after = await known(jobs, "1")
    assert done.state == after.state == JobState.DONE
    assert done.piece is not None
    assert after.piece is not None
    assert after.piece.seconds == done.piece.seconds


@pytest.mark.parametrize(("take", "code"), [(HUNG_ONCE_TAKE, HUNG), (BLOCKING_TAKE, 1)])
async def test_a_worker_whose_model_hangs_ends(take: int, code: int, jobs: JobQueue, begin: Callable[..., Worker]):
    """The log says why, and its jobs are done once it was started again; also when the model blocks the interpreter."""
    with begin("a", "--places", "2") as worker:
        await jobs.put("hanging", asks(take=take), user_id=1)
        assert await asyncio.to_thread(worker.process.wait, PATIENCE) == code
        said = "job hanging has not advanced for 4 s: the model hangs" if code == HUNG else "in compose"
        assert said in worker.log
    with begin("a", "--places", "2"):
        assert (await watch(jobs, "hanging", *ENDED)).state == JobState.DONE


@pytest.mark.long
async def test_another_worker_takes_over_from_one_that_hangs(jobs: JobQueue, begin: Callable[..., Worker]):
    """A job on which every model hangs is given up after three times; the other job of its worker is done."""
    workers = []
    await jobs.put("hanging", asks(take=HANGING_TAKE), user_id=1)
    await jobs.put("other", asks(take=1, length=700), user_id=2)
    for number in range(RUNS):
        with begin(f"machine-{number}", "--places", "2") as worker:
            workers.append(worker)
            assert await asyncio.to_thread(worker.process.wait, PATIENCE) == HUNG
    with begin("last", "--places", "2"):
        hanging = await watch(jobs, "hanging", *ENDED)
        assert (hanging.state, hanging.error) == (JobState.FAILED, UNFORESEEN)
        assert (await watch(jobs, "other", *ENDED)).state == JobState.DONE
    assert sum(worker.history("began").count(HANGING_TAKE) for worker in workers) == RUNS


@pytest.mark.long
async def test_a_database_that_was_away_costs_nobody_a_job(
    postgres: Postgres, url: str, jobs: JobQueue, begin: Callable[..., Worker]
):
    """After it, all have been silent for longer than the dead are; yet each job goes on where it is."""
    with begin("a") as a, begin("b") as b:
        await asyncio.sleep(HURRIED.dead + 2)  # until they would take over from each other
        for take in 1, 2:
            await jobs.put(str(take), asks(take=take, length=1100), user_id=take)
        for take in 1, 2:
            await watch(jobs, str(take), JobState.RUNNING)
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(HURRIED.dead + HURRIED.hang)  # for longer than either
        await asyncio.to_thread(postgres.start)
        for take in 1, 2:
            assert (await watch(jobs, str(take), *ENDED)).state == JobState.DONE
        assert sorted(a.history("began") + b.history("began")) == [1, 2]


@pytest.mark.long
async def test_a_poisoned_job_costs_others_little(jobs: JobQueue, begin: Callable[..., Worker]):
    """Three workers end by it, one after the other; the jobs beside it are begun once more, and done."""
    with begin("a", "--places", "4") as a, begin("b", "--places", "4") as b, begin("c", "--places", "4") as c:
        for take in (1, 2, POISONED_TAKE, 3, 4):
            await jobs.put(str(take), asks(take=take, length=100), user_id=take)
        for worker in a, b, c:
            await asyncio.to_thread(worker.process.wait, PATIENCE)
    with begin("d", "--places", "4"):
        for take in (1, 2, 3, 4):
            assert (await watch(jobs, str(take), *ENDED)).state == JobState.DONE
        poisoned = await watch(jobs, str(POISONED_TAKE), *ENDED)
        assert (poisoned.state, poisoned.error) == (JobState.FAILED, UNFORESEEN)


@pytest.mark.long
async def test_a_stopped_worker_leaves_its_jobs_to_others_at_once(
    url: str, jobs: JobQueue, begin: Callable[..., Worker]
):
    """Told twice, it stops in the middle and takes its heartbeat back; nobody need wait until that is too old."""
    with begin("a", *SLOW) as a:
        await jobs.put("1", asks(take=1, length=300), user_id=1)
        await begun(a)
        a.process.terminate()
        await asyncio.to_thread(a.wait_for, "stopping")
        a.process.terminate()
        assert await asyncio.to_thread(a.process.wait, PATIENCE) == 0
    with closing(Heartbeat(url, "observer", dead_seconds=3600.0)) as observer:
        assert observer.living() == set()
    with begin("b"):
        assert (await watch(jobs, "1", *ENDED)).state == JobState.DONE


async def test_many_workers_spare_the_database():
    """Up to ten look for jobs ten times a second each, a hundred as often together, nobody less than once a second."""
    assert [poll_seconds(workers) for workers in (0, 1, 10, 50, 100, 1000)] == [0.1, 0.1, 0.1, 0.5, 1.0, 1.0]


async def test_what_dbos_keeps_to_itself():
    """The one private function that is called has the signature that it had."""
    parameters = inspect.signature(DBOS._recover_pending_workflows).parameters
    assert [*parameters] == ["executor_ids"]
    assert re.fullmatch(r"(typing\.)?List\[str\]", str(parameters["executor_ids"].annotation))
