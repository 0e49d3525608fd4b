"""The bot in the test's own process: the real client, a stand-in for Discord, a queue that does as told."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest
import yarl

from bot.client import Nocturne
from bot.commands.register import VIEWS, register
from bot.delivery import follower, messenger
from bot.delivery.uploads import UploadReader
from bot.model_cards import read_cards
from bot.services import Services
from bot.settings import Shards
from bot.store.database import Database
from bot.store.pending_replies import Answer, Answers
from bot.store.pieces import Library
from bot.store.server_rules import RuleBook
from core.errors import QueueError
from core.queue.jobs import Job, JobState, QueueSnapshot
from core.request import ComposeRequest, Rendering
from tests.discord_standin import Discord, Interaction, Person
from tests.support.pieces import piece
from tests.support.waiting import PATIENCE


class FakeQueue:
    """Jobs stay as they are put until a test says otherwise."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: dict[str, ComposeRequest] = {}
        self.renderings: dict[str, Rendering] = {}
        self.terms: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.forgotten: list[int] = []
        self.broken = 0
        """How many further calls fail."""

    async def put(self, job_id: str, request: ComposeRequest, **terms: Any) -> None:
        self._fail()
        self.terms.append(terms)
        self.requests[job_id] = request
        self.renderings[job_id] = terms["rendering"]
        self.jobs.setdefault(job_id, Job(job_id, JobState.QUEUED, place=1 + len((await self.snapshot()).waiting)))

    async def job(self, job_id: str) -> Job | None:
        self._fail()
        return self.jobs.get(job_id)

    async def standing(self, job_id: str) -> Job | None:
        return await self.job(job_id)

    async def cancel(self, job_id: str) -> None:
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
        return QueueSnapshot(waiting, shares, time.monotonic())

    def run(self, job_id: int, progress: float) -> None:
        self.jobs[str(job_id)] = Job(str(job_id), JobState.RUNNING, progress=progress)

    def finish(self, job_id: int, **changes: Any) -> None:
        done = piece(self.requests[str(job_id)])
        done = replace(done, recipe=replace(done.recipe, rendering=self.renderings[str(job_id)]))
        self.jobs[str(job_id)] = Job(str(job_id), JobState.DONE, piece=replace(done, **changes), waited=0.1)

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
) -> AsyncIterator[Nocturne]:
    """The bot, logged in and listening; everything that it waits for takes moments. At the end it is closed as at a
    SIGTERM."""
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(follower, "EDIT_SECONDS", 0.1)
    monkeypatch.setattr(follower, "QUEUE_PATIENCE", (0.01, 0.01))
    monkeypatch.setattr(messenger, "DISCORD_PATIENCE", (0.01, 0.01))
    monkeypatch.setattr(discord.http.Route, "BASE", standin.api)
    # the bot sets this one itself; here it is put back afterwards
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL("ws://nowhere"))
    database = await Database.open(url)
    library = Library(database, Path(url.removeprefix("sqlite:///")).with_name("pieces"), keep_days=1)
    bot = Nocturne(shards=shards)
    reader = UploadReader(bot)
    deliveries = follower.Deliveries(
        bot, queue, Answers(database), library, reader, VIEWS, max_jobs_per_user=most, queue_limit=limit
    )
    cards = await read_cards(Path("nowhere"), "small")
    bot.services = Services(queue, library, RuleBook(database), deliveries, reader, cards)
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


async def remaining(url: str) -> list[Answer]:
    database = await Database.open(url)
    rows = await Answers(database).all()
    await database.close()
    return rows


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
