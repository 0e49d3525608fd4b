"""Two bots and three workers that share nothing but a PostgreSQL database, and what happens to machines."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess
from tests.support.fake_worker import Worker
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(600)]

PIECES = 10
PATIENCE = 300.0
OPTIONS = ("--silent", "--hurried", "--hang", "60", "--places", "2")


@pytest.mark.long
async def test_every_job_is_answered_exactly_once(postgres: Postgres, tmp_path: Path):
    """A worker and a bot are killed, another worker is frozen for a while, and the database is restarted."""
    where = postgres.fresh()
    async with Discord() as standin, AsyncExitStack() as stack:
        guild = standin.guild()
        people = [standin.person(f"clara{number}", guild) for number in range(PIECES)]
        bots = [BotProcess(tmp_path / name, standin.environment | {"QUEUE_URL": where}) for name in ("bot-a", "bot-b")]
        for bot in bots:
            bot.folder.mkdir()
            bot.start()
            stack.callback(bot.kill_all)
        for bot in bots:
            await bot.logs("is at the piano", within=PATIENCE)
        workers = [
            stack.enter_context(Worker(tmp_path / name, *OPTIONS, QUEUE_URL=where))
            for name in ("worker-a", "worker-b", "worker-c")
        ]
        asked = [
            await person.types("/compose", seed="72", length=600, take=take) for take, person in enumerate(people, 1)
        ]
        for one in asked:
            await one.shows(lambda message: message.content, PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while not all(worker.history("began") for worker in workers):  # noqa: ASYNC110 - they can only be looked at
                await asyncio.sleep(0.1)
        frozen, killed, left = workers
        killed.kill()
        frozen.process.send_signal(signal.SIGSTOP)
        with psycopg.connect(where) as connection:
            [(owners,)] = connection.execute("SELECT count(DISTINCT owner) FROM nocturne_answers").fetchall()
        assert owners in (1, 2)
        bots[0].kill()
        await asyncio.sleep(2)
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(3)
        await asyncio.to_thread(postgres.start)
        await asyncio.sleep(8)
        frozen.process.send_signal(signal.SIGCONT)

        messages = [await one.finished(PATIENCE) for one in asked]
        for take, message in enumerate(messages, 1):
            assert {file.filename.rpartition("-")[2] for file in message.attachments} == {
                f"take{take}.{suffix}" for suffix in ("mid", "mp3", "png")
            }
            assert [bool(revision.attachments) for revision in message.revisions].count(True) == 1
        assert sorted(guild.channels[0].messages, key=id) == sorted(messages, key=id)
        assert {refusal.code for refusal in standin.refused()} <= {40060}  # both bots are told of each interaction

        async with asyncio.timeout(PATIENCE):
            while rows(where) != (0, 0):  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(0.5)
        assert await bots[1].stop() == 0
        assert "Traceback" not in bots[1].log
        assert left.process.poll() is frozen.process.poll() is None


def rows(where: str) -> tuple[int, ...]:
    """How many answers and how many jobs there are."""
    with psycopg.connect(where) as connection:
        return tuple(
            connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table in ("nocturne_answers", "dbos.workflow_status")
        )
