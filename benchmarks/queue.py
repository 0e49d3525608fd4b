"""The queue by itself: real workers around a stand-in for the model, which takes two seconds a piece and no processor.
The workers share the cores of one machine, so that workers on several machines reach these figures at least."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks._report import parser, table
from core.queue.client import JobQueue
from core.queue.jobs import Job, JobState
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.fake_worker import Worker
from tests.support.postgres import MISSING, installed, running

COST = 2.0
"""Seconds a piece."""
PLACES = 4
"""Pieces that a worker composes at once."""
ROUNDS = 6
"""How often each place has its turn."""
ALONE = 5
"""Pieces that are asked for one at a time."""
WORKERS = (1, 2, 4, 8)


def request(take: int) -> ComposeRequest:
    return ComposeRequest(Seed.parse("72"), take=take, length=25)


async def alone(jobs: JobQueue) -> tuple[float, float]:
    """Medians of a piece that is asked for while nothing else is: seconds until it is begun, and from asking until the
    bot has it, without the model's."""
    waited, spent = [], []
    for take in range(ALONE):
        began = time.monotonic()
        await jobs.put(f"alone-{take}", request(take), user_id=1)
        job = await done(jobs, f"alone-{take}")
        assert job.waited is not None and job.piece is not None
        spent.append(time.monotonic() - began - job.piece.seconds["compose"])
        waited.append(job.waited)
        await jobs.delete(f"alone-{take}")
    return statistics.median(waited), statistics.median(spent)


async def done(jobs: JobQueue, job_id: str) -> Job:
    """The job, once it is done."""
    while True:
        job = await jobs.job(job_id)
        if job is not None and job.state is JobState.DONE:
            return job
        await asyncio.sleep(0.02)


async def together(jobs: JobQueue, count: int) -> tuple[float, float]:
    """Seconds until `count` pieces, asked for in the same moment by as many people, are in the queue, and until they
    are made."""
    began = time.monotonic()
    await asyncio.gather(*(jobs.put(str(take), request(take), user_id=take) for take in range(count)))
    put = time.monotonic() - began
    while True:
        line = await jobs.snapshot()
        if not line.waiting and not line.shares:
            return put, time.monotonic() - began
        await asyncio.sleep(0.1)


async def measure(engine: str, url: str, workers: int, folder: Path, rounds: int) -> list[str]:
    """One row of the table."""
    jobs = await JobQueue.open(url)
    with ExitStack() as stack:
        for number in range(workers):
            options = ("--silent", f"--places={PLACES}", f"--cost={COST}")
            stack.enter_context(Worker(folder / str(number), *options, QUEUE_URL=url))
        waited, spent = await alone(jobs)
        count = workers * PLACES * rounds
        put, made = await together(jobs, count)
    await jobs.close()
    most = workers * PLACES / COST
    return [
        f"{engine}, {workers}",
        f"{1000 * waited:.0f}",
        f"{1000 * spent:.0f}",
        str(count),
        f"{count / put:.0f}",
        f"{60 * count / made:.0f}",
        f"{100 * count / made / most:.0f} %",
    ]


async def measure_all(folder: Path, rounds: int, counts: Sequence[int]) -> list[list[str]]:
    rows = [await measure("SQLite", f"sqlite:///{folder}/nocturne.sqlite", 1, folder / "sqlite", rounds)]
    if (programs := installed()) is None:
        print(MISSING)
        return rows
    with running(programs) as postgres:
        for workers in counts:
            rows.append(await measure("PostgreSQL", postgres.fresh(), workers, folder / str(workers), rounds))
    return rows


def main() -> None:
    extent = (1, (1,)) if parser("queue", __doc__, "3 minutes").parse_args().quick else (ROUNDS, WORKERS)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure_all(Path(folder), *extent))
    title = f"the queue, {PLACES} pieces at once a worker, {COST:g} s a piece"
    header = [
        "database, workers",
        "ms until one piece begins",
        "ms it takes but composing",
        "pieces at once",
        "put a second",
        "made a minute",
        "% of baseline",
    ]
    baseline = f"all places of all workers always busy, {60 * PLACES / COST:.0f} pieces a minute for each worker"
    print(table(title, header, rows, baseline))


if __name__ == "__main__":
    main()
