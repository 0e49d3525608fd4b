"""Faults that happen to the processes of a deployment, to its machine, to its database and to its way to Discord."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess
from tests.support.deployment import Deployment
from tests.support.fake_worker import HANGING
from tests.support.processes import children

FULL_BYTES = 4096
"""The size of a file on a full disk."""
CLOCK_STEPS = (-86_400.0, -1200.0, 1200.0, 86_400.0)
"""Seconds."""
FAULTY_MACHINE = Path(__file__).with_name("faulty_machine")
"""Folder of the module that gives a process the faults of its machine."""


def faulty(machine: Path) -> dict[str, str]:
    """The environment of a process whose machine has the faults that this folder says."""
    return {"MACHINE": str(machine), "PYTHONPATH": os.pathsep.join([str(FAULTY_MACHINE), *filter(None, sys.path)])}


def kill_children(of: int, chance: random.Random) -> None:
    """Kill -9 one of the processes that this one has started."""
    if started := children(of):
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(started), signal.SIGKILL)


class FaultyDeployment(Deployment):
    """A deployment to which faults happen. Each is undone at its end."""

    frozen = 4.0
    """Seconds for which a process is suspended at most."""

    def __init__(self, discord: Discord, folder: Path, chance: random.Random) -> None:
        super().__init__(discord, folder, chance)
        self.machine = folder / "machine"
        """Where processes read which faults their machine has."""
        self.machine.mkdir(parents=True)
        self.happened: Counter[str] = Counter()
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

    @property
    def killed_bots(self) -> int:
        """How often a bot was killed."""
        everybody = len(self.bots) * self.happened["everything_killed"]
        return self.happened["bot_killed"] + self.happened["bot_lost"] + everybody

    async def a_moment(self, most: float = 3.0) -> None:
        await asyncio.sleep(self.chance.uniform(0.2, most))

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
