"""Jobs are put, run, watched, taken back and survive `kill -9`, on every engine; the worker is real, its composer is
not."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pretty_midi import Note
from sqlalchemy import Engine, MetaData, create_engine, make_url, text

from core.errors import QueueError
from core.piece import Composed
from core.queue.client import JobQueue
from core.queue.engine import OnceAMinute
from core.queue.jobs import COMPOSED, TOOK_TOO_LONG, UNFORESEEN, WAITED_TOO_LONG, Job, JobState, QueueSnapshot
from core.queue.server import RUNS
from core.request import ComposeRequest, Recipe, Rendering
from core.seed import Seed
from tests.support.fake_worker import (
    BROKEN_TAKE,
    FAILING_TAKE,
    KILLED_ONCE_TAKE,
    PATIENCE,
    POISONED_TAKE,
    SLOW_TAKE,
    UNKNOWN,
    Worker,
    surroundings,
)
from tests.support.music import as_bytes, piano
from tests.support.postgres import Postgres
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]

NOTE = Note(66, 60, 0.0, 1.0)
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def asks(take: int = 1, length: int = 25) -> ComposeRequest:
    """A request; the fake composer makes 100 steps of `length` a second."""
    return ComposeRequest(Seed.parse("72"), take=take, length=length)


async def watch(jobs: JobQueue, job_id: str, *states: JobState) -> Job:
    """The job, once it is in one of these states."""
    async with asyncio.timeout(PATIENCE):
        while (job := await known(jobs, job_id)).state not in states:  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(0.05)
        return job


async def known(jobs: JobQueue, job_id: str) -> Job:
    job = await jobs.job(job_id)
    assert job is not None, f"there is no job {job_id}"
    return job


async def held(jobs: JobQueue, *job_ids: str) -> None:
    """Wait until a worker holds these jobs, whether or not it has begun them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = await jobs._client.list_workflows_async(workflow_ids=[*job_ids], load_input=False)
            if all(row.status == "PENDING" for row in rows):
                return
            await asyncio.sleep(0.05)


async def python(code: str) -> str:
    """The output of a fresh interpreter."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, env=surroundings())
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


def database(url: str) -> Engine:
    """An engine that finds the queue's tables, which in PostgreSQL have a schema of their own."""
    if url.startswith("sqlite"):
        return create_engine(url)
    where = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(where.update_query_dict({"options": "-csearch_path=dbos"}))


def rows(url: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Every row of every table of the queue, with the table's name."""
    engine = database(url)
    schema = MetaData()
    schema.reflect(engine)
    with engine.connect() as connection:
        for table in schema.sorted_tables:
            yield from ((table.name, dict(row)) for row in connection.execute(table.select()).mappings())
    engine.dispose()


@pytest.fixture(scope="module")
def worker(url_for: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that all tests share which do not kill it."""
    folder = tmp_path_factory.mktemp("shared")
    with Worker(folder, "--silent", QUEUE_URL=url_for(folder)) as worker:
        yield worker


@pytest_asyncio.fixture
async def jobs(worker: Worker) -> AsyncIterator[JobQueue]:
    """The queue of the shared worker."""
    jobs = await JobQueue.open(worker.url)
    yield jobs
    await jobs.close()


@pytest_asyncio.fixture
async def unattended(url: str) -> AsyncIterator[JobQueue]:
    """A queue that no worker attends to yet."""
    jobs = await JobQueue.open(url)
    yield jobs
    await jobs.close()


@pytest.fixture
def begin(url: str, tmp_path: Path) -> Callable[..., Worker]:
    """Starts a worker for that queue."""
    return lambda *arguments: Worker(tmp_path, "--silent", *arguments, QUEUE_URL=url)


async def test_a_piece_comes_back(jobs: JobQueue):
    """A request comes back as a piece, with its times, its wait, and the size limit that it was made for."""
    await jobs.put("piece", asks(take=7), user_id=1, size_limit=1000)
    job = await watch(jobs, "piece", *ENDED)
    assert (job.state, job.progress, job.error) == (JobState.DONE, 1.0, None)
    assert job.piece is not None
    assert job.waited is not None
    assert job.piece.recipe.request == asks(take=7)
    assert job.piece.midi.startswith(b"MThd")
    assert job.piece.audio == b"1000"
    assert job.piece.seconds["compose"] > 0
    assert job.waited > 0


async def test_a_poll_does_not_read_the_piece(jobs: JobQueue):
    """Megabytes for nothing otherwise: whoever polls is told that it is done and how large it is, and reads it then."""
    await jobs.put("poll", asks(), user_id=1)
    done = await watch(jobs, "poll", *ENDED)
    assert done.piece is not None
    jobs._snapshot = QueueSnapshot()  # the last look was perhaps before its end
    polled = await jobs.standing("poll")
    assert polled == Job("poll", JobState.DONE, progress=1.0)
    assert await jobs.size("poll") > len(done.piece.midi)
    assert await jobs.size("no such job") == 0


async def test_what_is_composed_is_only_rendered(jobs: JobQueue, worker: Worker):
    """A job may bring its notes along: the composer is not asked, and the piece is rendered as is wished."""
    rendering, composed = Rendering(instrument="harpsichord", tempo=80), Composed("fedcba987654", as_bytes(piano(NOTE)))
    await jobs.put("again", asks(take=61), user_id=1, rendering=rendering, composed=composed)
    job = await watch(jobs, "again", *ENDED)
    assert job.piece is not None
    assert 61 not in worker.history("began")
    assert job.piece.recipe == Recipe(asks(take=61), "fedcba987654", rendering)
    assert job.piece.composed == composed.midi
    assert job.piece.notes == 1


async def test_an_unknown_job_is_none(jobs: JobQueue):
    """An id that was never put has no job."""
    assert await jobs.job("nobody") is None


async def test_putting_twice_is_one_job(jobs: JobQueue, worker: Worker):
    """The same id is the same job: while it waits, and after it is done."""
    await asyncio.gather(*(jobs.put("twice", asks(take=22), user_id=1) for _ in range(2)))
    await watch(jobs, "twice", JobState.DONE)
    await jobs.put("twice", asks(take=22), user_id=1)
    assert (await known(jobs, "twice")).state == JobState.DONE
    assert worker.history("began").count(22) == 1


async def test_progress_rises(jobs: JobQueue):
    """A running job's progress rises, and is seen on the way; none of it is rendered yet."""
    await jobs.put("long", asks(length=3000), user_id=1)
    seen = [0.0]
    async with asyncio.timeout(PATIENCE):
        while len(set(seen)) < 4:
            seen.append((await known(jobs, "long")).progress)
            await asyncio.sleep(0.05)
    await jobs.cancel("long")
    assert seen == sorted(seen)
    assert seen[-1] < COMPOSED


async def test_a_running_job_is_taken_back(jobs: JobQueue, worker: Worker):
    """Cancelled in the middle, the composer stops soon and is free for the next; the log has one line and no more."""
    await jobs.put("unwanted", asks(take=31, length=3000), user_id=1)
    await watch(jobs, "unwanted", JobState.RUNNING)
    await jobs.cancel("unwanted")
    assert (await known(jobs, "unwanted")).state == JobState.CANCELLED
    await jobs.put("wanted", asks(take=32), user_id=1)
    await watch(jobs, "wanted", JobState.DONE)
    assert 31 not in worker.history("composed")
    assert worker.log.count("unwanted") == 1
    assert "job unwanted cancelled" in worker.log


async def test_a_piece_is_taken_back_while_it_is_rendered(jobs: JobQueue, worker: Worker):
    """The job is gone for the listener at once, that late too, and the log has one line and no more."""
    await jobs.put("regretted", asks(take=SLOW_TAKE), user_id=1)
    async with asyncio.timeout(PATIENCE):
        while (await known(jobs, "regretted")).progress < COMPOSED:  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(0.05)
    await jobs.cancel("regretted")
    assert (await known(jobs, "regretted")).state == JobState.CANCELLED
    await asyncio.to_thread(worker.wait_for, "job regretted cancelled")
    await jobs.put("next", asks(), user_id=1)
    await watch(jobs, "next", JobState.DONE)
    assert worker.log.count("regretted") == 1
    assert (await known(jobs, "regretted")).piece is None


async def test_a_job_fails_with_its_sentence(jobs: JobQueue):
    """An error raised on purpose reaches the listener in its own words."""
    await jobs.put("failing", asks(take=FAILING_TAKE), user_id=1)
    job = await watch(jobs, "failing", *ENDED)
    assert (job.state, str(job.error), job.piece) == (JobState.FAILED, UNKNOWN, None)


async def test_a_surprise_is_not_shown(jobs: JobQueue, worker: Worker):
    """An error that nobody foresaw reaches the listener as a friendly sentence, and the log in full, with the job."""
    await jobs.put("broken", asks(take=BROKEN_TAKE), user_id=1)
    job = await watch(jobs, "broken", *ENDED)
    assert (job.state, job.error) == (JobState.FAILED, UNFORESEEN)
    assert "job broken failed\nTraceback" in worker.log
    assert "ZeroDivisionError: broken on purpose" in worker.log


async def test_a_job_past_its_deadline_is_not_begun(jobs: JobQueue, worker: Worker):
    """A job that nobody waits for any more fails with a sentence, and the composer is not asked."""
    await jobs.put("late", asks(take=41), user_id=1, deadline=time.time() - 1)
    job = await watch(jobs, "late", *ENDED)
    assert (job.state, job.error) == (JobState.FAILED, WAITED_TOO_LONG)
    assert 41 not in worker.history("began")


async def test_a_job_that_takes_too_long_is_given_up(worker: Worker):
    """The time-out ends it with a sentence of its own, not as if the listener had taken it back."""
    jobs = await JobQueue.open(worker.url, job_seconds=0.5)
    await jobs.put("endless", asks(length=3000), user_id=1)
    job = await watch(jobs, "endless", *ENDED)
    assert (job.state, job.error) == (JobState.FAILED, TOOK_TOO_LONG)
    await jobs.close()


async def test_nothing_of_an_answered_job_stays(jobs: JobQueue, worker: Worker):
    """After `delete` no row of any table mentions the job."""
    await jobs.put("forgotten-0815", asks(), user_id=1)
    await watch(jobs, "forgotten-0815", JobState.DONE)
    assert any("forgotten-0815" in str(row) for _, row in rows(worker.url))
    await jobs.delete("forgotten-0815")
    assert not any("forgotten-0815" in str(row) for _, row in rows(worker.url))
    assert await jobs.job("forgotten-0815") is None


async def test_nothing_of_a_forgotten_user_stays(jobs: JobQueue, worker: Worker):
    """After `forget` no row of any table mentions the user, and others' jobs are still there."""
    for job_id, user_id in ("f1", 48151623), ("f2", 48151623), ("f3", 42108):
        await jobs.put(job_id, asks(), user_id=user_id)
        await watch(jobs, job_id, JobState.DONE)
    assert any("48151623" in str(row) for _, row in rows(worker.url))
    await jobs.forget(48151623)
    assert not any("48151623" in str(row) for _, row in rows(worker.url))
    assert await jobs.job("f1") is None
    assert (await known(jobs, "f3")).state == JobState.DONE


async def test_everything_is_stored_as_json(jobs: JobQueue, worker: Worker):
    """Request, draft, progress, piece and failure: whatever the queue keeps for a program is JSON."""
    for job_id, take in ("good", 1), ("bad", FAILING_TAKE), ("ugly", BROKEN_TAKE):
        await jobs.put(f"json-{job_id}", asks(take=take), user_id=1)
        await watch(jobs, f"json-{job_id}", *ENDED)
    stored = list(rows(worker.url))
    formats = {row["serialization"] for _, row in stored if row.get("serialization")}
    values = [
        row[key] for _, row in stored for key in ("inputs", "output", "error", "value", "message") if row.get(key)
    ]
    assert formats == {"portable_json"}
    assert len(values) >= 10
    assert all(json.loads(str(value)) is not None for value in values)


async def test_a_pickle_is_never_read(jobs: JobQueue, worker: Worker):
    """A row that claims to be a pickle does not run code in whoever reads it."""
    harmful = "gASVIAAAAAAAAACMCGJ1aWx0aW5zlIwEZXhlY5STlIwEYm9vbZSFlFKULg=="  # exec('boom')
    await jobs.put("tampered", asks(), user_id=1)
    await watch(jobs, "tampered", JobState.DONE)
    engine = database(worker.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE workflow_status SET serialization='py_pickle' WHERE workflow_uuid='tampered'"))
        connection.execute(
            text("UPDATE workflow_output SET output=:output WHERE workflow_uuid='tampered'"), {"output": harmful}
        )
    engine.dispose()
    job = await jobs.job("tampered")
    assert job is not None
    assert (job.state, job.error) == (JobState.FAILED, UNFORESEEN)


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


async def test_a_job_is_taken_back_before_it_is_put(unattended: JobQueue, begin: Callable[..., Worker]):
    """Withdrawn, it is cancelled whenever it is put; one that waits already is cancelled too, and neither is begun."""
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
    await unattended.delete("1")
    assert "1" not in await unattended.ids()


async def test_a_job_that_waits_for_the_model_is_not_running(url: str, begin: Callable[..., Worker]):
    """A worker takes more jobs while it composes one; they still stand in line."""
    jobs = await JobQueue.open(url, snapshot_seconds=0)
    with begin():
        await jobs.put("first", asks(length=3000), user_id=1)
        await watch(jobs, "first", JobState.RUNNING)
        await jobs.put("second", asks(length=3000), user_id=2)
        await jobs.put("third", asks(length=3000), user_id=3)
        await held(jobs, "second", "third")
        assert [(await known(jobs, job_id)).place for job_id in ("first", "second", "third")] == [None, 1, 2]
        snapshot = await jobs.snapshot()
    assert snapshot.waiting == ["second", "third"]
    assert [*snapshot.shares] == ["first"]
    assert 0 <= snapshot.shares["first"] < COMPOSED
    await jobs.close()


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


async def test_jobs_are_composed_together(unattended: JobQueue, begin: Callable[..., Worker]):
    """As many at once as there are places; the next one begins when one has ended."""
    for take in 1, 2, 3:
        await unattended.put(str(take), asks(take=take, length=3000), user_id=take)
    with begin("--places", "3") as worker:
        for job_id in "123":
            await watch(unattended, job_id, JobState.RUNNING)
        await unattended.put("4", asks(take=4), user_id=4)  # put with the others, it might be begun before one of them
        assert (await known(unattended, "4")).state == JobState.QUEUED
        await unattended.cancel("1")
        assert (await watch(unattended, "4", *ENDED)).state == JobState.DONE
        assert worker.history("composed") == [4]


async def test_both_processes_may_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Bot and worker start at the same moment on a folder that does not exist yet, its name relative."""
    monkeypatch.chdir(tmp_path)
    code = "import asyncio; from core.queue.client import JobQueue; asyncio.run(JobQueue.open('sqlite:///new/jobs.sqlite'))"
    await asyncio.gather(*(python(code) for _ in range(4)))
    assert (tmp_path / "new" / "jobs.sqlite").exists()


async def test_a_queue_that_cannot_be_opened_is_a_sentence(tmp_path: Path):
    """A file that is no database is reported without a traceback."""
    (tmp_path / "nocturne.sqlite").write_text("a letter to Elise, not a database " * 100)
    with pytest.raises(QueueError, match="cannot be reached"):
        await JobQueue.open(f"sqlite:///{tmp_path}/nocturne.sqlite")


async def test_the_queue_is_light():
    """The bot's side of the queue imports nothing that the worker alone needs."""
    code = "import sys, core.queue.client; print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    assert await python(code) == "[]\n"


async def test_the_engine_does_not_fill_the_log(caplog: pytest.LogCaptureFixture):
    """The engine's log has the filter, which lets the same words through once a minute."""
    assert any(isinstance(there, OnceAMinute) for there in logging.getLogger("dbos").filters)
    times = iter((0, 0, 1, 1, 59, 59, 61, 61))
    engine = logging.getLogger("test_queue.engine")
    engine.addFilter(OnceAMinute(lambda: next(times)))
    for _ in range(4):
        engine.warning("Exception in queue thread: connection refused")
        engine.warning("Workflow 4711 was lost")
    assert [record.getMessage()[:9] for record in caplog.records] == ["Exception", "Workflow "] * 2
