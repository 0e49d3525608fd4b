"""Deployments: bots and workers as real processes, and faults that happen to them. `OneMachine` has a SQLite file,
`ManyMachines` share nothing but a PostgreSQL database and a folder for files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess, children
from tests.support.fake_worker import HANGING, Worker
from tests.support.postgres import Postgres

PATIENCE = 300.0
"""Seconds after which a test gives up waiting for a process; a busy machine takes its time."""
PEOPLE = 40
EXIT_UNREACHABLE = 1
"""The exit code of a bot or a worker that does not find its database when it starts."""


FULL_BYTES = 4096
"""The size of a file on a full disk."""


def kill_children(of: int, chance: random.Random) -> None:
    """Kill -9 one of the processes that this one has started."""
    if started := children(of):
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(started), signal.SIGKILL)


CLOCK_STEPS = (-86_400.0, -1200.0, 1200.0, 86_400.0)
"""Seconds."""
FAULTY_MACHINE = Path(__file__).with_name("faulty_machine")
"""Folder of the module that gives a process the faults of its machine."""


def faulty(machine: Path) -> dict[str, str]:
    """The environment of a process whose machine has the faults that this folder says."""
    return {"MACHINE": str(machine), "PYTHONPATH": os.pathsep.join([str(FAULTY_MACHINE), *filter(None, sys.path)])}


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
    """Bots, workers and their database. Each fault is undone at its end."""

    frozen = 4.0
    """Seconds for which a process is suspended at most."""
    tables: Sequence[str]
    """Tables that are to be empty at the end."""

    def __init__(self, discord: Discord, folder: Path, chance: random.Random) -> None:
        self.discord, self.folder, self.chance = discord, folder, chance
        places = (*(discord.guild() for _ in range(3)), None)  # the last one is a direct message
        self.people = [
            discord.person(f"listener{number}", place, installed=place is None)
            for number, place in enumerate(chance.choices(places, k=PEOPLE))
        ]
        self.machine = folder / "machine"
        """Where processes read which faults their machine has."""
        self.machine.mkdir(parents=True)
        self.pieces: Path
        self.bots: list[BotProcess] = []
        self.hosts: list[Host] = []
        self.happened: Counter[str] = Counter()
        self.ended: Counter[tuple[str, int]] = Counter()
        """Processes that ended by themselves, by kind and exit code."""
        self.stops: list[float] = []
        """Seconds that processes took to end which were asked to."""
        self._busy: dict[BotProcess | Host, asyncio.Lock] = {}
        self.faults: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self.worker_killed,
            self.worker_frozen,
            self.worker_asked_to_stop,
            self.bot_killed,
            self.bot_frozen,
            self.bot_asked_to_stop,
            self.everything_killed,
            self.gateway_dropped,
            self.gateway_reconnects,
            self.session_invalid,
            self.answers_fail,
            self.answers_limited,
            self.receipts_lost,
            self.acknowledgements_fail,
            self.results_not_writable,
            self.renderer_hangs,
            self.renderer_killed,
            self.reader_killed,
            self.disk_full,
            self.worker_away,
            self.worker_never_ready,
            self.clock_stepped,
            self.place_read_only,
            self.database_locked,
        ]

    # Starting and stopping

    async def begin(self) -> None:
        for bot in self.bots:
            bot.start()
        for bot in self.bots:
            await self.up(bot)
        for host in self.hosts:
            await asyncio.to_thread(host.worker.wait_for, "ready for jobs")

    async def inject_faults(self, seconds: float, rate: float) -> None:
        """Every kind of fault once, then any, `rate` a second at random moments; returns when all are over."""
        count = max(len(self.faults), round(seconds * rate))
        faults = self.chance.sample(self.faults, len(self.faults))
        faults += self.chance.choices(self.faults, k=count - len(faults))
        times = sorted(self.chance.uniform(1, seconds) for _ in faults)
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for at, fault in zip(times, faults, strict=True):
                await asyncio.sleep(began + at - time.monotonic())
                self.happened[fault.__name__] += 1
                tasks.create_task(fault())

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

    def end(self) -> None:
        """Kill whatever there is."""
        for bot in self.bots:
            bot.kill()
        for host in self.hosts:
            host.worker.kill()

    async def a_moment(self, most: float = 3.0) -> None:
        await asyncio.sleep(self.chance.uniform(0.2, most))

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

    @contextlib.asynccontextmanager
    async def all_bots_up(self) -> AsyncIterator[None]:
        """Let no bot start meanwhile: it would refuse a place that cannot be written to, and end for good."""
        async with contextlib.AsyncExitStack() as stack:
            held: set[BotProcess] = set()
            while further := [bot for bot in self.bots if bot not in held]:  # another may have taken a place
                await stack.enter_async_context(self._lock(further[0]))
                held.add(further[0])
            for bot in self.bots:
                await self.up(bot)
            yield

    # Faults

    async def worker_killed(self) -> None:
        async with self.a_host() as host:
            host.worker.kill()
            await self.a_moment()
            host.begin()

    async def worker_frozen(self) -> None:
        async with self.a_host() as host:
            host.worker.process.send_signal(signal.SIGSTOP)
            await self.a_moment(self.frozen)
            host.worker.process.send_signal(signal.SIGCONT)

    async def worker_asked_to_stop(self) -> None:
        async with self.a_host() as host:
            await self.stop_worker(host)
            host.begin()

    async def stop_worker(self, host: Host) -> None:
        began = time.monotonic()
        host.worker.process.terminate()
        await asyncio.to_thread(host.worker.process.wait, PATIENCE)
        self.stops.append(time.monotonic() - began)

    async def bot_killed(self) -> None:
        async with self.a_bot() as bot:
            bot.kill()
            await self.a_moment(2)
            bot.start()
            await self.a_moment()

    async def bot_frozen(self) -> None:
        async with self.a_bot() as bot:
            if bot.exit_code is None:
                os.kill(bot.pid, signal.SIGSTOP)
                await self.a_moment(self.frozen)
                os.kill(bot.pid, signal.SIGCONT)

    async def bot_asked_to_stop(self) -> None:
        async with self.a_bot() as bot:
            await self.stop_bot(bot)
            bot.start()
            await self.a_moment()

    async def stop_bot(self, bot: BotProcess) -> None:
        """Once it is up: before, it has nothing to see to, and ends as any other process."""
        await self.up(bot)
        began = time.monotonic()
        os.kill(bot.pid, signal.SIGTERM)
        assert await bot.ended(PATIENCE) == 0
        self.stops.append(time.monotonic() - began)

    async def everything_killed(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            bots, hosts = [*self.bots], [*self.hosts]
            for one in (*bots, *hosts):
                await stack.enter_async_context(self._lock(one))
            for bot in bots:
                bot.kill()
            for host in hosts:
                host.worker.kill()
            await self.a_moment(1)
            for host in self.hosts:
                if host in hosts:
                    host.begin()
            for bot in self.bots:
                if bot in bots:
                    bot.start()

    async def gateway_dropped(self) -> None:
        self.discord.gateway.drop()

    async def gateway_reconnects(self) -> None:
        self.discord.gateway.reconnect()

    async def session_invalid(self) -> None:
        self.discord.gateway.invalidate(resumable=self.chance.random() < 0.5)

    async def answers_fail(self) -> None:
        self.discord.fails("PATCH", "@original", answer=self.chance.choice((500, 502, 503)), times=4)

    async def answers_limited(self) -> None:
        self.discord.fails("PATCH", "@original", answer=429, retry_after=0.5, times=6)

    async def receipts_lost(self) -> None:
        self.discord.fails("PATCH", "@original", broken=True, processed=True, times=4)

    async def acknowledgements_fail(self) -> None:
        how: dict[str, Any] = self.chance.choice(
            ({"answer": 503}, {"broken": True}, {"broken": True, "processed": True})
        )
        self.discord.fails("POST", "callback", times=2, **how)

    async def results_not_writable(self) -> None:
        """A file lies where the folder was: root may write into any folder that there is."""
        async with self.all_bots_up():
            away = self.pieces.with_name("pieces-away")
            self.pieces.rename(away)
            self.pieces.touch()
            await self.a_moment(4)
            self.pieces.unlink()
            away.rename(self.pieces)

    async def renderer_hangs(self) -> None:
        hanging = self.chance.choice(self.hosts).folder / HANGING
        hanging.touch()
        await self.a_moment(5)
        hanging.unlink(missing_ok=True)

    async def renderer_killed(self) -> None:
        """Of those that a worker has started; whichever is at work."""
        kill_children(self.chance.choice(self.hosts).worker.process.pid, self.chance)

    async def reader_killed(self) -> None:
        """Of those that a bot has started."""
        bot = self.chance.choice(self.bots)
        if bot.exit_code is None:
            kill_children(bot.pid, self.chance)

    async def disk_full(self) -> None:
        """For a bot: whatever it writes, database, log or piece, ends behind the first bytes."""
        async with self.a_bot() as bot:
            if bot.exit_code is None:
                before = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, before[1]))
                await self.a_moment()
                if bot.exit_code is None:
                    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, before)

    async def worker_away(self) -> None:
        """For so long that it counts as dead, or is restarted with all that takes."""
        async with self.a_host() as host:
            await self.stop_worker(host)
            await self.a_moment(2 * self.frozen)
            host.begin()

    async def worker_never_ready(self) -> None:
        """Each that is started dies before it has begun, for a while."""
        async with self.a_host() as host:
            await self.stop_worker(host)
            for _ in range(3):
                host.begin()
                await self.a_moment(1)
                host.worker.kill()
            host.begin()

    async def clock_stepped(self) -> None:
        """Of all machines, forwards or backwards, and back again."""
        clock = self.machine / "clock"
        clock.write_text(str(self.chance.choice(CLOCK_STEPS)))
        await self.a_moment(5)
        clock.unlink(missing_ok=True)

    async def place_read_only(self) -> None:
        """For the pieces: what is there can still be read."""
        async with self.all_bots_up():
            place = self.machine / "read-only"
            place.write_text(str(self.pieces))
            await self.a_moment(4)
            place.unlink()

    async def database_locked(self) -> None:
        """Somebody else holds it for some seconds."""
        raise NotImplementedError

    # What is left

    @property
    def killed_bots(self) -> int:
        """How often a bot was killed."""
        everybody = len(self.bots) * self.happened["everything_killed"]
        return self.happened["bot_killed"] + self.happened["bot_lost"] + everybody

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


class OneMachine(Deployment):
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


class ManyMachines(Deployment):
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
