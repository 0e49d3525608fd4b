"""core/queue: jobs are put, run and watched, on every engine."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from pretty_midi import Note

from core.errors import QueueError
from core.piece import Composed
from core.process.database import CACHE_KIB
from core.queue.client import JobQueue
from core.queue.engine import OnceAMinute
from core.queue.jobs import COMPOSED_SHARE, TOOK_TOO_LONG, UNFORESEEN, WAITED_TOO_LONG, Job, JobState, QueueSnapshot
from core.recipe import Recipe
from core.request import Rendering
from tests.support.fake_worker import BROKEN_TAKE, FAILING_TAKE, PATIENCE, UNKNOWN, Worker, surroundings
from tests.support.faults import faulty
from tests.support.music import as_bytes, piano
from tests.support.queued_jobs import ENDED, asks, known, watch

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]

NOTE = Note(66, 60, 0.0, 1.0)


async def python(code: str) -> str:
    """The output of a fresh interpreter."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, env=surroundings())
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


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


async def test_an_end_is_told_before_the_next_look(worker: Worker):
    """Whoever awaits the end of jobs is told of it however old the last look at the queue is."""
    jobs = await JobQueue.open(worker.url, snapshot_seconds=math.inf)
    await jobs.put("awaited", asks(), user_id=1)
    jobs._snapshot.waiting.clear()
    jobs._snapshot.shares["awaited"] = COMPOSED_SHARE
    async with asyncio.timeout(PATIENCE):
        await jobs.until_over(["awaited"], PATIENCE)
    told = await jobs.standing("awaited")
    await jobs.close()
    assert told == Job("awaited", JobState.DONE, progress=1.0)


async def test_an_end_is_awaited_as_long_as_is_asked(jobs: JobQueue):
    """No longer, though the job is not over; and not after it was taken back."""
    await jobs.put("unending", asks(length=3000), user_id=1)
    async with asyncio.timeout(PATIENCE):
        await jobs.until_over(["unending"], 0.0)
        waiting = asyncio.create_task(jobs.until_over(["unending"], 2 * PATIENCE))
        await jobs.cancel("unending")
        await waiting


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
    assert seen[-1] < COMPOSED_SHARE


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
    await jobs.put("late", asks(take=41), user_id=1, seconds_left=-2.0)
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


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
async def test_a_wrong_clock_ends_no_job(url: str, tmp_path: Path, seconds: int):
    """Though it is a day ahead or behind: what a job has left of its time with the worker is counted by a clock that
    nobody sets, and of its time in the queue by the database's."""
    jobs = await JobQueue.open(url)
    machine = tmp_path / "machine"
    machine.mkdir()
    with Worker(tmp_path, "--silent", QUEUE_URL=url, **faulty(machine)) as worker:
        await jobs.put("steady", asks(length=500), user_id=1)
        await watch(jobs, "steady", JobState.RUNNING)
        (machine / "clock").write_text(str(seconds))
        await jobs.put("awaited", asks(), user_id=2, seconds_left=600.0)
        assert (await watch(jobs, "steady", *ENDED)).state == JobState.DONE, worker.log
        assert (await watch(jobs, "awaited", *ENDED)).state == JobState.DONE, worker.log
    await jobs.close()


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


async def test_writers_that_wait_hold_up_no_reader(tmp_path: Path):
    """While another process writes to the embedded database, a hundred that would put or remove a job stand in line,
    and the queue is looked at meanwhile."""
    jobs = await JobQueue.open(f"sqlite:///{tmp_path}/nocturne.sqlite")
    await jobs.put("1", asks(), user_id=1)
    other = sqlite3.connect(tmp_path / "nocturne.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = [
        asyncio.create_task(write)
        for number in range(25)
        for write in (
            jobs.put(f"put-{number}", asks(), user_id=number),
            jobs.withdraw(f"withdrawn-{number}", number),
            jobs.cancel(f"cancelled-{number}"),
            jobs.delete(f"deleted-{number}"),
        )
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        assert (await jobs.snapshot()).waiting == ["1"]
    assert not any(task.done() for task in writing)
    other.execute("COMMIT")
    other.close()
    await asyncio.gather(*writing)
    assert len((await jobs.snapshot()).waiting) == 26
    await jobs.close()


async def test_the_queue_is_light(tmp_path: Path):
    """The bot's side of the queue imports nothing that the worker alone needs; on SQLite neither a driver of PostgreSQL
    nor SQLAlchemy's object-relational mapper."""
    code = f"""
import asyncio, sys
from core.queue.client import JobQueue

async def use():
    queue = await JobQueue.open("sqlite:///{tmp_path}/queue.sqlite")
    assert (await queue.snapshot()).waiting == []
    await queue.close()

asyncio.run(use())
print(sorted({{"tensorflow", "keras", "matplotlib", "psycopg", "sqlalchemy.orm"}} & set(sys.modules)))
"""
    assert await python(code) == "[]\n"


async def test_the_engine_knows_the_drivers_errors():
    """DBOS, which is imported without the driver of PostgreSQL, tells its errors once that is there."""
    code = """
import core.queue.dbos, psycopg
from dbos import _sys_db, _utils
print(_utils.psycopg.OperationalError is psycopg.OperationalError)
print(_sys_db.pg_errors.LockNotAvailable is psycopg.errors.LockNotAvailable)
"""
    assert await python(code) == "True\nTrue\n"


async def test_a_connection_keeps_little_of_the_file(tmp_path: Path):
    """Of SQLite's; also the first one of a queue."""
    queue = await JobQueue.open(f"sqlite:///{tmp_path}/queue.sqlite")
    with queue._client._sys_db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA cache_size").scalar() == -CACHE_KIB
    await queue.close()


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
