"""A deployment: bots and workers as real processes, which are started again when they end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess
from tests.support.fake_worker import Worker

PATIENCE = 300.0
"""Seconds after which a test gives up waiting for a process; a busy machine takes its time."""
PEOPLE = 40

One = TypeVar("One", BotProcess, "Host")


class Host:
    """A folder in which one worker runs after the other."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self._options, self._environment = options, environment
        self.worker = self._begun()

    def begin(self) -> None:
        self.worker = self._begun()

    def _begun(self) -> Worker:
        return Worker(self.folder, "--renderers", "--places", "4", *self._options, **self._environment)


class Deployment:
    """Bots, workers and their database, and people who may ask."""

    tables: Sequence[str]
    """Tables that are to be empty at the end."""

    def __init__(self, discord: Discord, folder: Path, chance: random.Random) -> None:
        self.discord, self.folder, self.chance = discord, folder, chance
        places = (*(discord.guild() for _ in range(3)), None)  # the last one is a direct message
        self.people = [
            discord.person(f"listener{number}", place, installed=place is None)
            for number, place in enumerate(chance.choices(places, k=PEOPLE))
        ]
        self.pieces: Path
        self.bots: list[BotProcess] = []
        self.hosts: list[Host] = []
        self.ended: Counter[tuple[str, int]] = Counter()
        """Processes that ended by themselves, by kind and exit code."""
        self.stops: list[float] = []
        """Seconds that processes took to end which were asked to."""
        self._busy: dict[BotProcess | Host, asyncio.Lock] = {}

    # Starting and stopping

    async def begin(self) -> None:
        for bot in self.bots:
            bot.start()
        for bot in self.bots:
            await self.up(bot)
        for host in self.hosts:
            await asyncio.to_thread(host.worker.wait_for, "ready for jobs")

    async def restart_ended(self) -> None:
        """Start processes again that ended by themselves, as systemd does; for ever."""
        while True:
            await asyncio.sleep(0.2)
            for bot in self.bots:
                if not self._lock(bot).locked():
                    self._again(bot)
            for host in self.hosts:
                if not self._lock(host).locked() and (code := host.worker.process.poll()) is not None:
                    self.ended["worker", code] += 1
                    host.begin()

    def _again(self, bot: BotProcess) -> None:
        if bot.exit_code is not None:
            self.ended["bot", bot.exit_code] += 1
            bot.start()

    async def up(self, bot: BotProcess) -> None:
        async with asyncio.timeout(PATIENCE):
            while not bot.ready:
                self._again(bot)
                await asyncio.sleep(0.1)

    async def stop_worker(self, host: Host) -> None:
        """Ask it to stop, and note how long it takes."""
        began = time.monotonic()
        host.worker.process.terminate()
        await asyncio.to_thread(host.worker.process.wait, PATIENCE)
        self.stops.append(time.monotonic() - began)

    async def stop_bot(self, bot: BotProcess) -> None:
        """As a worker, once it is up: before, it has nothing to see to, and ends as any other process."""
        await self.up(bot)
        began = time.monotonic()
        os.kill(bot.pid, signal.SIGTERM)
        assert await bot.ended(PATIENCE) == 0
        self.stops.append(time.monotonic() - began)

    def end(self) -> None:
        """Kill whatever there is."""
        for bot in self.bots:
            bot.kill()
        for host in self.hosts:
            host.worker.kill()

    def _lock(self, one: BotProcess | Host) -> asyncio.Lock:
        return self._busy.setdefault(one, asyncio.Lock())

    @contextlib.asynccontextmanager
    async def a_bot(self) -> AsyncIterator[BotProcess]:
        """Any, to which nothing else happens meanwhile."""
        async with self._any(self.bots) as bot:
            yield bot

    @contextlib.asynccontextmanager
    async def a_host(self) -> AsyncIterator[Host]:
        async with self._any(self.hosts) as host:
            yield host

    @contextlib.asynccontextmanager
    async def _any(self, ones: list[One]) -> AsyncIterator[One]:
        while True:
            one = self.chance.choice(ones)
            async with self._lock(one):
                if one in ones:  # still: another may have taken its place
                    yield one
                    return

    # What is left

    @contextlib.contextmanager
    def connected(self) -> Iterator[Any]:
        """To the database."""
        raise NotImplementedError

    def rows(self) -> dict[str, int]:
        """The number of rows in each of `tables`."""
        with self.connected() as connection:
            return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in self.tables}

    def processes(self) -> list[int]:
        """The ids of processes that work in the folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(self.folder):
                    found.append(int(process.name))
        return found
