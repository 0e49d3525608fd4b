"""Two deployments: `OneMachine` has a SQLite file, `ManyMachines` share nothing but a PostgreSQL database and a folder
for files."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess
from tests.support.deployment import Host
from tests.support.faults import FaultyDeployment, faulty
from tests.support.postgres import Postgres


class OneMachine(FaultyDeployment):
    """A bot and a worker share a folder, and in it their SQLite file."""

    tables = ("nocturne_answers", "workflow_status", "workflow_events", "operation_outputs")

    def __init__(self, discord: Discord, folder: Path, chance: random.Random) -> None:
        super().__init__(discord, folder, chance)
        self.data = folder / "data"
        self.pieces = self.data / "pieces"
        settings = {"SPAWN_WORKER": "false", "DATA_DIR": str(self.data), "MAX_JOBS_PER_USER": "5"}
        self.bots = [BotProcess(folder, discord.environment | settings | faulty(self.machine))]
        self.hosts = [Host(self.data, **faulty(self.machine))]

    @contextlib.contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.data / "nocturne.sqlite", timeout=30)) as connection:
            yield connection

    async def database_locked(self) -> None:
        def lock(seconds: float) -> None:
            with self.connected() as connection:
                connection.execute("BEGIN EXCLUSIVE")
                time.sleep(seconds)
                connection.rollback()

        await asyncio.to_thread(lock, self.chance.uniform(1, 5))


class ManyMachines(FaultyDeployment):
    """Two bots and three workers, each in a folder of its own, and a PostgreSQL server, which is away at times."""

    frozen = 8.0  # longer than any of them is taken for living
    tables = ("nocturne_answers", "dbos.workflow_status", "dbos.workflow_events", "dbos.operation_outputs")

    def __init__(self, discord: Discord, folder: Path, chance: random.Random, postgres: Postgres) -> None:
        super().__init__(discord, folder, chance)
        self.postgres, self.url = postgres, postgres.fresh(durable=True)
        self.pieces = folder / "pieces"
        self._settings = (
            discord.environment
            | faulty(self.machine)
            | {
                "QUEUE_URL": self.url,
                "FILES_URL": str(self.pieces),
                "MAX_JOBS_PER_USER": "5",
            }
        )
        self.bots = [self._new_bot() for _ in range(2)]
        self.hosts = [self._new_host() for _ in range(3)]
        self._server = asyncio.Lock()
        self.faults += [
            self.bot_lost,
            self.worker_lost,
            self.database_restarted,
            self.database_crashed,
            self.connections_cut,
        ]

    def _new_bot(self) -> BotProcess:
        number = sum(path.name.startswith("bot") for path in self.folder.iterdir())
        bot = BotProcess(self.folder / f"bot-{number}", self._settings, "tests.support.hurried_bot", "current")
        bot.folder.mkdir()
        return bot

    def _new_host(self) -> Host:
        number = sum(path.name.startswith("worker") for path in self.folder.iterdir())
        return Host(
            self.folder / f"worker-{number}", "--hurried", "--hang", "60", QUEUE_URL=self.url, **faulty(self.machine)
        )

    async def bot_lost(self) -> None:
        """With all that its machine knew; another one begins elsewhere."""
        async with self.a_bot() as bot:
            bot.kill()
            self.bots[self.bots.index(bot)] = another = self._new_bot()
            another.start()

    async def worker_lost(self) -> None:
        async with self.a_host() as host:
            host.worker.kill()
            self.hosts[self.hosts.index(host)] = self._new_host()

    async def database_restarted(self) -> None:
        async with self._server:
            await asyncio.to_thread(self.postgres.stop)
            try:
                await self.a_moment()
            finally:
                await asyncio.to_thread(self.postgres.start)

    async def database_crashed(self) -> None:
        async with self._server:
            await asyncio.to_thread(self.postgres.crash)
            await asyncio.to_thread(self.postgres.start)

    async def connections_cut(self) -> None:
        async with self._server:
            with self.connected() as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    @contextlib.contextmanager
    def connected(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url) as connection:
            yield connection

    async def database_locked(self) -> None:
        def lock(seconds: float) -> None:
            with self.connected() as connection:
                connection.execute("LOCK TABLE nocturne_answers, dbos.workflow_status IN ACCESS EXCLUSIVE MODE")
                time.sleep(seconds)

        async with self._server:
            await asyncio.to_thread(lock, self.chance.uniform(1, 5))
