"""core/queue: the rows that the engine keeps of a job are JSON, and nothing stays of those that are deleted."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from core.queue.client import JobQueue
from core.queue.jobs import UNFORESEEN, JobState
from tests.support.fake_worker import BROKEN_TAKE, FAILING_TAKE, Worker
from tests.support.queued_jobs import ENDED, asks, database, known, rows, watch

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]


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
