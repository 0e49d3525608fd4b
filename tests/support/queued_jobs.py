"""Jobs of a queue, as tests put them, watch them and look for their traces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from sqlalchemy import Engine, MetaData, create_engine, make_url

from core.queue.client import JobQueue
from core.queue.jobs import Job, JobState
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.fake_worker import PATIENCE

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
