"""Several workers that share nothing but a PostgreSQL database: what one of them has begun, another finishes."""

from __future__ import annotations

import asyncio
import inspect
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from dbos import DBOS

from core.queue.client import JobQueue
from core.queue.jobs import UNFORESEEN, JobState
from core.queue.liveness import HANG_SECONDS, Roll, Watch
from core.queue.server import HUNG, RUNS, polling
from tests.core.queue.test_queue import ENDED, asks, known, watch
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

pytestmark = pytest.mark.asyncio

BEAT, DEAD, HANG = HURRIED


@pytest.fixture
def engine() -> str:
    return "postgresql"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest_asyncio.fixture
async def jobs(url: str) -> AsyncIterator[JobQueue]:
    jobs = await JobQueue.open(url)
    yield jobs
    await jobs.close()


@pytest.fixture
def begin(url: str, tmp_path: Path) -> Callable[..., Worker]:
    """Starts a worker in a folder of its own, as on a machine of its own."""

    def begin(name: str, *arguments: str) -> Worker:
        return Worker(tmp_path / name, "--silent", "--hurried", *arguments, QUEUE_URL=url)

    return begin


async def where(job_id: str, workers: dict[str, Worker], take: int) -> str:
    """The name of the worker that has begun it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for name, worker in workers.items():
                if take in worker.history("began"):
                    return name
            await asyncio.sleep(0.05)


async def test_another_worker_finishes_what_a_killed_one_began(jobs: JobQueue, begin: Callable[..., Worker]):
    """All that it had, within the time after which it counts as dead and some seconds."""
    with begin("a", "--places", "2") as a, begin("b", "--places", "2") as b:
        await asyncio.sleep(DEAD + 2)  # until they are sure of each other
        for take in range(1, 5):
            await jobs.put(str(take), asks(take=take, length=300), user_id=take)
        await watch(jobs, "1", JobState.RUNNING)
        await asyncio.sleep(1)
        first, second = (a, b) if a.history("began") else (b, a)
        theirs = first.history("began")
        first.kill()
        killed = time.monotonic()
        await asyncio.to_thread(second.wait_for, "which does not live any more")
        assert time.monotonic() < killed + DEAD + 5
        for take in range(1, 5):
            assert (await watch(jobs, str(take), *ENDED)).state == JobState.DONE
        left = set(theirs) - set(first.history("composed"))
        assert left and left <= set(second.history("began"))
        assert sorted(first.history("composed") + second.history("composed")) == [1, 2, 3, 4]


async def test_a_frozen_worker_that_goes_on_answers_nothing(jobs: JobQueue, begin: Callable[..., Worker]):
    """What it was at has been handed on; its late outcome is refused, the other's is there, and it takes new jobs."""
    workers = {name: begin(name, "--hang", "60") for name in ("a", "b")}
    with workers["a"], workers["b"]:
        await asyncio.sleep(DEAD + 2)
        await jobs.put("1", asks(take=1, length=600), user_id=1)
        first = workers.pop(await where("1", workers, 1))
        [second] = workers.values()
        first.process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(second.wait_for, "which does not live any more")
        await where("1", workers, 1)
        first.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(first.wait_for, "job 1 is another worker's now")
        assert (await watch(jobs, "1", *ENDED)).state == JobState.DONE
        assert first.history("composed") == [] and second.history("composed") == [1]
        assert first.process.poll() is None
        for take in range(2, 6):
            await jobs.put(str(take), asks(take=take, length=100), user_id=take)
        for take in range(2, 6):
            assert (await watch(jobs, str(take), *ENDED)).state == JobState.DONE
        assert first.history("composed")  # it is one of them again


@pytest.mark.long
async def test_a_worker_that_wakes_up_at_the_very_end_is_refused(jobs: JobQueue, begin: Callable[..., Worker]):
    """Frozen while the other finishes the job and begins nothing else: the outcome stays the other's."""
    workers = {name: begin(name, "--hang", "60") for name in ("a", "b")}
    with workers["a"], workers["b"]:
        await asyncio.sleep(DEAD + 2)
        await jobs.put("1", asks(take=1, length=100), user_id=1)
        first = workers.pop(await where("1", workers, 1))
        first.process.send_signal(signal.SIGSTOP)
        done = await watch(jobs, "1", *ENDED)
        first.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(first.wait_for, "job 1 ")
        await asyncio.sleep(1)
        after = await known(jobs, "1")
        assert after.state == done.state == JobState.DONE
        assert after.piece is not None and done.piece is not None and after.piece.seconds == done.piece.seconds


@pytest.mark.parametrize(("take", "code"), [(HUNG_ONCE_TAKE, HUNG), (BLOCKING_TAKE, 1)])
async def test_a_worker_whose_model_hangs_ends(take: int, code: int, jobs: JobQueue, begin: Callable[..., Worker]):
    """It says why, and its jobs are done when it was started again; also when the model keeps the interpreter."""
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
        await asyncio.sleep(DEAD + 2)
        for take in 1, 2:
            await jobs.put(str(take), asks(take=take, length=1100), user_id=take)
        for take in 1, 2:
            await watch(jobs, str(take), JobState.RUNNING)
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(DEAD + HANG)
        await asyncio.to_thread(postgres.start)
        for take in 1, 2:
            assert (await watch(jobs, str(take), *ENDED)).state == JobState.DONE
        assert sorted(a.history("began") + b.history("began")) == [1, 2]


@pytest.mark.long
async def test_a_poisoned_job_costs_others_little(jobs: JobQueue, begin: Callable[..., Worker]):
    """It takes three workers down, one after the other; those who had jobs beside it lose them once."""
    with begin("a", "--places", "4") as a, begin("b", "--places", "4") as b, begin("c", "--places", "4") as c:
        await asyncio.sleep(DEAD + 2)
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
async def test_a_stopped_worker_leaves_its_jobs_to_others_at_once(jobs: JobQueue, begin: Callable[..., Worker]):
    """Told twice, it stops in the middle and strikes itself from the roll."""
    workers = {name: begin(name, "--hang", "60") for name in ("a", "b")}
    with workers["a"], workers["b"]:
        await asyncio.sleep(DEAD + 2)
        await jobs.put("1", asks(take=1, length=600), user_id=1)
        first = workers.pop(await where("1", workers, 1))
        [second] = workers.values()
        first.process.terminate()
        first.wait_for("stopping")
        first.process.terminate()
        assert await asyncio.to_thread(first.process.wait, PATIENCE) == 0
        ended = time.monotonic()
        await asyncio.to_thread(second.wait_for, "which does not live any more")
        assert time.monotonic() < ended + DEAD
        assert (await watch(jobs, "1", *ENDED)).state == JobState.DONE


async def test_the_roll(url: str, monkeypatch: pytest.MonkeyPatch):
    """Who beats is on it, who is struck or silent is not."""
    first, second = Roll(url, "first"), Roll(url, "second")
    first.beat()
    second.beat()
    second.beat()
    assert first.living() == second.living() == {"first", "second"}
    second.strike()
    assert first.living() == {"first"}
    monkeypatch.setattr("core.queue.liveness.DEAD_SECONDS", 0.0)
    assert first.living() == set()
    for roll in first, second:
        roll.close()


async def test_many_workers_spare_the_database():
    """Up to ten look for jobs ten times a second each, a hundred as often together, nobody less than once a second."""
    assert [polling(workers) for workers in (0, 1, 10, 50, 100, 1000)] == [0.1, 0.1, 0.1, 0.5, 1.0, 1.0]


async def test_a_watch_does_not_bark_at_those_who_were_asleep():
    """Jobs that advance, wait for the database or have ended are no trouble."""
    barked: list[str] = []
    watch = Watch(barked.append)
    with watch.over("1"):
        assert "1" in watch._advanced
        with watch.pause("1"):
            assert "1" not in watch._advanced
        assert "1" in watch._advanced
    assert not watch._advanced and not barked and HANG_SECONDS > 30


async def test_what_dbos_keeps_to_itself():
    """The one private function that is called has the signature that it had."""
    parameters = inspect.signature(DBOS._recover_pending_workflows).parameters
    assert [*parameters] == ["executor_ids"]
    assert re.fullmatch(r"(typing\.)?List\[str\]", str(parameters["executor_ids"].annotation))
