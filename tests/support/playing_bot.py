"""The bot in the test's own process: the real client, a stand-in for Discord, a queue that does as told."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest
import sqlalchemy as sa
import yarl

from bot.client import Nocturne
from bot.commands.register import VIEWS, register
from bot.delivery.deliveries import Deliveries
from bot.delivery.timing import Timing
from bot.delivery.uploads import UploadReader
from bot.model_cards import read_cards
from bot.services import Services
from bot.settings import Shards
from bot.store.database import Database
from bot.store.defaults import DefaultsBook
from bot.store.pending_replies import LEASE_SECONDS, PendingReplies
from bot.store.pending_reply import PendingReply
from bot.store.pieces import Library
from bot.store.server_rules import RuleBook
from bot.store.sweeper import Sweeper
from core.errors import QueueError
from core.queue.jobs import Job, JobState, QueueSnapshot
from core.request import ComposeRequest, Rendering
from tests.discord_standin import Discord, Interaction, Person
from tests.support.pieces import piece
from tests.support.waiting import PATIENCE

SHORT = Timing(
    poll=0.02,
    edit=0.1,
    admit=PATIENCE,
    note=PATIENCE,
    mention=math.inf,
    database_delays=(0.01, 0.01),
    discord_delays=(0.01, 0.01),
)
"""Moments between two looks or attempts; nothing is given up because the machine is busy."""


class FakeQueue:
    """Jobs stay as they are put until a test says otherwise."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: dict[str, ComposeRequest] = {}
        self.renderings: dict[str, Rendering] = {}
        self.terms: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.forgotten: list[int] = []
        self._finishing: dict[str, dict[str, Any]] = {}
        self.workers = 1
        """How many of them live."""
        self.broken = 0
        """How many further calls fail."""

    async def put(self, job_id: str, request: ComposeRequest, **terms: Any) -> None:
        self._fail()
        self.terms.append(terms)
        self.requests[job_id] = request
        self.renderings[job_id] = terms["rendering"]
        self.jobs.setdefault(job_id, Job(job_id, JobState.QUEUED, place=1 + len((await self.snapshot()).waiting)))
        if job_id in self._finishing:
            self._finish(job_id, self._finishing[job_id])

    async def job(self, job_id: str) -> Job | None:
        self._fail()
        return self.jobs.get(job_id)

    async def standing(self, job_id: str) -> Job | None:
        self._fail()
        return self.jobs.get(job_id)

    async def until_over(self, job_ids: Collection[str], seconds: float) -> None:
        self._fail()
        await asyncio.sleep(seconds)

    async def size(self, job_id: str) -> int:
        piece = self.jobs[job_id].piece
        return len(piece.audio) if piece else 0

    async def cancel(self, job_id: str) -> None:
        if job_id in self.jobs:
            await self.withdraw(job_id, 0)

    async def withdraw(self, job_id: str, user_id: int) -> None:
        self.jobs[job_id] = Job(job_id, JobState.CANCELLED)

    async def delete(self, job_id: str) -> None:
        self.deleted.append(job_id)

    async def ids(self) -> list[str]:
        return list(self.jobs)

    async def forget(self, user_id: int) -> None:
        self.forgotten.append(user_id)

    async def snapshot(self) -> QueueSnapshot:
        self._fail()
        waiting = [job.id for job in self.jobs.values() if job.state is JobState.QUEUED]
        shares = {job.id: job.progress for job in self.jobs.values() if job.state is JobState.RUNNING}
        return QueueSnapshot(waiting, shares, time.monotonic(), self.workers)

    def run(self, job_id: int, progress: float) -> None:
        self.jobs[str(job_id)] = Job(str(job_id), JobState.RUNNING, progress=progress)

    def finish(self, job_id: int, **changes: Any) -> None:
        """Finish a job; one that is still to be put is finished as soon as it is."""
        if str(job_id) in self.requests:
            self._finish(str(job_id), changes)
        else:
            self._finishing[str(job_id)] = changes

    def _finish(self, job_id: str, changes: dict[str, Any]) -> None:
        done = piece(self.requests[job_id])
        done = replace(done, recipe=replace(done.recipe, rendering=self.renderings[job_id]))
        self.jobs[job_id] = Job(job_id, JobState.DONE, piece=replace(done, **changes), waited=0.1)

    def _fail(self) -> None:
        if self.broken:
            self.broken -= 1
            raise QueueError("The queue cannot be reached at the moment.")


@contextlib.asynccontextmanager
async def playing(
    standin: Discord,
    queue: Any,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    most: int = 3,
    limit: int = 1000,
    shards: Shards | None = None,
    timing: Timing = SHORT,
    lease_seconds: float = LEASE_SECONDS,
) -> AsyncIterator[Nocturne]:
    """The bot, logged in and listening. At the end it is closed as at a SIGTERM."""
    standin.world.answer_seconds = PATIENCE  # the machine may be busy
    monkeypatch.setattr(discord.http.Route, "BASE", standin.api)
    # the bot sets this one itself; here it is put back afterwards
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL("ws://nowhere"))
    database = await Database.open(url)
    library = Library(database, Path(url.removeprefix("sqlite:///")).with_name("pieces"))
    bot = Nocturne(shards=shards)
    reader = UploadReader()
    deliveries = Deliveries(
        bot,
        queue,
        PendingReplies(database, lease_seconds=lease_seconds),
        library,
        reader,
        VIEWS,
        max_jobs_per_user=most,
        queue_limit=limit,
        timing=timing,
    )
    cards = await read_cards(Path("nowhere"), "small")
    rules, defaults = RuleBook(database), DefaultsBook(database)
    bot.services = Services(queue, library, Sweeper(library, 1), rules, defaults, deliveries, reader, cards)
    register(bot)
    async with bot:
        running = asyncio.create_task(bot.start(standin.token))
        await asyncio.wait(
            [running, asyncio.create_task(standin.registered("compose", "about"))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        if running.done():
            running.result()
        yield bot
    await running
    await database.close()


async def remaining(url: str) -> list[PendingReply]:
    """The rows of pending replies."""
    database = await Database.open(url)
    rows = await PendingReplies(database).all()
    await database.close()
    return rows


async def set_destination(url: str, **changes: Any) -> None:
    """Change where every pending reply goes."""
    database = await Database.open(url)
    store = PendingReplies(database)
    for row in await store.all():
        await store.change(replace(row, destination=replace(row.destination, **changes)))
    await database.close()


async def age(url: str, seconds: float) -> None:
    """Let the one pending reply have been accepted so much earlier."""
    [accepted_at] = {row.destination.accepted_at for row in await remaining(url)}
    await set_destination(url, accepted_at=accepted_at - seconds)


async def set_owner(url: str, owner: str, lease: float, *job_ids: int) -> None:
    """Give pending replies to another bot, until `lease` seconds from now."""
    set_row = sa.text("UPDATE nocturne_answers SET owner = :owner, lease = :lease WHERE job_id = :job_id")
    rows = [{"owner": owner, "lease": time.time() + lease, "job_id": str(job_id)} for job_id in job_ids]
    database = await Database.open(url)
    await database.run(lambda connection: connection.execute(set_row, rows))
    await database.close()


async def emptied(url: str) -> bool:
    """Wait until every row is gone. A listener has the answer before the bot has removed its row, and the bot has done
    that before it deletes the job."""
    patience = time.monotonic() + PATIENCE
    while await remaining(url):
        if time.monotonic() > patience:
            return False
        await asyncio.sleep(0.02)
    return True


def clara(standin: Discord) -> Person:
    return standin.person("clara", standin.guild())


def asks_for(queue: FakeQueue, asked: Interaction) -> ComposeRequest:
    return queue.requests[str(asked.id)]
