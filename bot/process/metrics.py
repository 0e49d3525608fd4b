"""Metrics of the bot, and its answers to health checks. core/process/metrics.py serves both."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import discord
from discord import app_commands
from prometheus_client import Counter, Gauge, Histogram

from core.errors import BadRequest, QueueError, QueueFull, StoreError, TooManyJobs
from core.process.metrics import BUCKETS, Page, registry
from core.queue.client import JobQueue
from core.queue.jobs import JobState

LOOP_SECONDS = 3.0
"""Limit for the event loop to answer the page; after that it counts as stuck. A page asks it three times, and
Prometheus waits for 10 s."""

_Answer = TypeVar("_Answer")

REGISTRY = registry()
ANSWERS = Counter(
    "nocturne_answers",
    "Accepted requests that are over, by what became of the job and how that was said.",
    ["state", "how"],
    registry=REGISTRY,
)
REFUSALS = Counter("nocturne_refusals", "Requests that became no job, by why.", ["reason"], registry=REGISTRY)
RETRIES = Counter("nocturne_retries", "Calls of queue or Discord that were repeated.", ["of"], registry=REGISTRY)
DELIVER = Histogram("nocturne_deliver_seconds", "Sending an answer.", buckets=BUCKETS, registry=REGISTRY)
ANSWER = Histogram("nocturne_answer_seconds", "From asking until a piece is there.", buckets=BUCKETS, registry=REGISTRY)
STORED_BYTES = Gauge("nocturne_stored_bytes", "Of all stored pieces, of all bots.", registry=REGISTRY)
FREE_BYTES = Gauge("nocturne_free_bytes", "Free on the disk of pieces and database.", registry=REGISTRY)
JOBS = Gauge(
    "nocturne_queue_jobs", "Unfinished jobs in the queue, of all bots, by state.", ["state"], registry=REGISTRY
)

for state in JobState.DONE, JobState.FAILED, JobState.CANCELLED:
    ANSWERS.labels(state, "answered")  # a line from the start on, or its first increase would not be seen
for reason in ("input", "limit", "full", "queue", "outdated", "error"):
    REFUSALS.labels(reason)
for of in ("queue", "discord"):
    RETRIES.labels(of)


def answered(state: JobState, how: str, deliver: float, in_all: float) -> None:
    """Count a delivered reply by the state of its job and by `how` it was delivered, up to a comma. Both times are in
    seconds."""
    ANSWERS.labels(state, how.partition(",")[0]).inc()
    DELIVER.observe(deliver)
    if state is JobState.DONE:
        ANSWER.observe(in_all)


def refused(error: BaseException) -> None:
    """Count a request that was answered by a sentence instead of a job."""
    cause = getattr(error, "original", error)  # discord.py wraps what a command raises
    kinds: dict[str, tuple[type[BaseException], ...]] = {
        "limit": (TooManyJobs,),
        "full": (QueueFull,),
        "queue": (QueueError, StoreError),  # one database for both
        "input": (BadRequest,),
        "outdated": (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch),
    }
    REFUSALS.labels(next((kind for kind, types in kinds.items() if isinstance(cause, types)), "error")).inc()


class Health:
    """Answers the page's questions. Its methods are called in the page's threads, and ask in the event loop in which
    this object was made."""

    def __init__(self, client: discord.AutoShardedClient, queue: JobQueue) -> None:
        self._client, self._queue = client, queue
        self._loop = asyncio.get_running_loop()

    def stuck(self) -> str:
        """Why the event loop counts as stuck; empty where it does not."""
        return self._ask(self._alive)

    def missing(self) -> str:
        """Why the bot is not ready; empty where it is."""
        return self._ask(self._lacking)

    def jobs(self, state: JobState) -> float:
        """Unfinished jobs in this state; NaN where the queue cannot be reached."""
        try:
            return self._in_loop(lambda: self._count(state))
        except (QueueError, TimeoutError):
            return math.nan

    def _ask(self, question: Callable[[], Coroutine[Any, Any, str]]) -> str:
        try:
            return self._in_loop(question)
        except TimeoutError:
            return "the event loop does not answer"

    def _in_loop(self, question: Callable[[], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """Raises: TimeoutError where the loop does not answer, or is closed: the page outlives it while a bot ends."""
        asking = question()
        try:
            answer = asyncio.run_coroutine_threadsafe(asking, self._loop)
        except RuntimeError as error:
            asking.close()
            raise TimeoutError("the event loop is closed") from error
        return answer.result(LOOP_SECONDS)

    async def _alive(self) -> str:
        return ""

    async def _lacking(self) -> str:
        if not self._client.is_ready() or any(shard.is_closed() for shard in self._client.shards.values()):
            return "not connected to Discord"
        try:
            await self._queue.snapshot()
        except QueueError as error:
            return str(error)
        return ""

    async def _count(self, state: JobState) -> float:
        snapshot = await self._queue.snapshot()
        return len(snapshot.waiting if state is JobState.QUEUED else snapshot.shares)


def attend(page: Page, client: discord.AutoShardedClient, queue: JobQueue) -> None:
    """Let the page ask client and queue. To be called in the event loop that they run in."""
    health = Health(client, queue)
    page.stuck, page.missing = health.stuck, health.missing
    for state in JobState.QUEUED, JobState.RUNNING:
        JOBS.labels(state).set_function(partial(health.jobs, state))
