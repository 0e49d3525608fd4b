"""The queues that tests share, and their workers: these are real, their composer is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.queue.client import JobQueue
from tests.support.fake_worker import Worker


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
