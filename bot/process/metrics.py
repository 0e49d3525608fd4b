"""What the bot counts, and how it answers whatever watches over it. core/process/metrics.py serves it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import discord
from discord import app_commands
from prometheus_client import Counter, Gauge, Histogram

from core.errors import BadRequest, QueueError, QueueFull, StoreError, TooManyJobs
from core.process.metrics import BUCKETS, Page, registry
from core.queue.client import JobQueue
from core.queue.jobs import JobState

LOOP_SECONDS = 3.0
"""How long the event loop may take to answer the page before it counts as stuck; a page asks it three times, and
Prometheus waits for 10 s."""

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
    """Count an answer; both times are in seconds, and of `how` what stands before a comma."""
    ANSWERS.labels(state, how.partition(",")[0]).inc()
    DELIVER.observe(deliver)
    if state is JobState.DONE:
        ANSWER.observe(in_all)


def refused(error: BaseException) -> None:
    """Count what was answered by a sentence instead of a job."""
    cause = getattr(error, "original", error)  # discord.py wraps what a command raises
    kinds: dict[str, tuple[type[BaseException], ...]] = {
        "limit": (TooManyJobs,),
        "full": (QueueFull,),
        "queue": (QueueError, StoreError),  # one database: README tells an operator to look there
        "input": (BadRequest,),
        "outdated": (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch),
    }
    REFUSALS.labels(next((kind for kind, types in kinds.items() if isinstance(cause, types)), "error")).inc()


def attend(page: Page, client: discord.AutoShardedClient, queue: JobQueue) -> None:
    """Let the page ask client and queue. To be called in the event loop that they run in."""
    loop = asyncio.get_running_loop()

    def ask(question: Callable[[], Coroutine[Any, Any, str]]) -> str:
        try:
            return asyncio.run_coroutine_threadsafe(question(), loop).result(LOOP_SECONDS)
        except TimeoutError:
            return "the event loop does not answer"

    async def stuck() -> str:
        return ""

    async def missing() -> str:
        if not client.is_ready() or any(shard.is_closed() for shard in client.shards.values()):
            return "not connected to Discord"
        try:
            await queue.snapshot()
        except QueueError as error:
            return str(error)
        return ""

    def count(state: JobState) -> float:
        try:
            line = asyncio.run_coroutine_threadsafe(queue.snapshot(), loop).result(LOOP_SECONDS)
            return len(line.waiting if state is JobState.QUEUED else line.shares)
        except (QueueError, TimeoutError):
            return math.nan

    page.stuck = lambda: ask(stuck)
    page.missing = lambda: ask(missing)
    JOBS.labels(JobState.QUEUED).set_function(lambda: count(JobState.QUEUED))
    JOBS.labels(JobState.RUNNING).set_function(lambda: count(JobState.RUNNING))
