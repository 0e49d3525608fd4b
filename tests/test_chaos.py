"""Faults of every kind while people go on asking: bot and worker are real processes, Discord is a stand-in, and the
model writes scales. Whoever was told that an answer follows gets one, exactly one, and nothing is left behind.

`make chaos` runs it for minutes (CHAOS_SECONDS) and with another seed each time (CHAOS_SEED repeats one)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.bot_process import BotProcess
from tests.discord_standin import ClientRefuses, Discord, Interaction, Person
from tests.fake_worker import HANGING, Worker

SECONDS = float(os.environ.get("CHAOS_SECONDS", 30))
SEED = int(os.environ.get("CHAOS_SEED") or (secrets.randbelow(10**6) if "CHAOS_SECONDS" in os.environ else 2))
ARRIVALS, FAULTS = 2.0, 0.6
"""A second."""
PATIENCE = 120.0
"""Seconds after the last fault until every answer has to be there; a busy machine takes its time."""
STOP_SECONDS = 30.0
"""Within which bot and worker end when they are asked to."""
CANCELLED = 0.1
"""The share of pieces that are taken back."""
EXPECTED_REFUSALS = {
    10062: "the acknowledgement came too late",
    10015: "it was never acknowledged, so there is nothing to edit",
    40060: "only the receipt of the acknowledgement was lost",
    10008: "the message is gone",
}

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(SECONDS + 400)]


class Stage:
    """A bot, a worker, and all that can happen to them. Whatever a fault did, it is undone at its end."""

    def __init__(self, discord: Discord, folder: Path, chance: random.Random) -> None:
        self.discord, self.folder, self.chance = discord, folder, chance
        self.data = folder / "data"
        settings = {"SPAWN_WORKER": "false", "DATA_DIR": str(self.data), "MAX_JOBS_PER_USER": "5"}
        self.bot = BotProcess(folder, discord.environment | settings)
        self.worker = self._new_worker()
        self.bots, self.workers = asyncio.Lock(), asyncio.Lock()
        self.happened: Counter[str] = Counter()
        self.stops: list[float] = []
        self.faults: list[Callable[[], Awaitable[None]]] = [
            self.worker_killed,
            self.worker_frozen,
            self.worker_asked_to_stop,
            self.bot_killed,
            self.bot_frozen,
            self.bot_asked_to_stop,
            self.both_killed,
            self.gateway_dropped,
            self.gateway_reconnects,
            self.session_invalid,
            self.answers_fail,
            self.answers_limited,
            self.receipts_lost,
            self.acknowledgements_fail,
            self.database_locked,
            self.results_not_writable,
            self.renderer_hangs,
        ]

    def _new_worker(self) -> Worker:
        return Worker(self.data, "--silent", "--places", "4")

    async def a_moment(self, most: float = 3.0) -> None:
        await asyncio.sleep(self.chance.uniform(0.2, most))

    async def worker_killed(self) -> None:
        async with self.workers:
            self.worker.kill()
            await self.a_moment()
            self.worker = self._new_worker()

    async def worker_frozen(self) -> None:
        async with self.workers:
            self.worker.process.send_signal(signal.SIGSTOP)
            await self.a_moment(5)
            self.worker.process.send_signal(signal.SIGCONT)

    async def worker_asked_to_stop(self) -> None:
        async with self.workers:
            began = time.monotonic()
            self.worker.process.terminate()
            await asyncio.to_thread(self.worker.process.wait, PATIENCE)
            self.stops.append(time.monotonic() - began)
            self.worker = self._new_worker()

    async def bot_killed(self) -> None:
        async with self.bots:
            self.bot.kill()
            await self.a_moment(2)
            self.bot.start()
            await self.a_moment()

    async def bot_frozen(self) -> None:
        async with self.bots:
            os.kill(self.bot.pid, signal.SIGSTOP)
            await self.a_moment()
            os.kill(self.bot.pid, signal.SIGCONT)

    async def bot_asked_to_stop(self) -> None:
        async with self.bots:
            await self.discord.registered("compose", within=PATIENCE)
            await self._stop_bot()
            self.bot.start()
            await self.a_moment()

    async def _stop_bot(self) -> None:
        began = time.monotonic()
        os.kill(self.bot.pid, signal.SIGTERM)
        assert await self.bot.ended(PATIENCE) == 0
        self.stops.append(time.monotonic() - began)

    async def both_killed(self) -> None:
        async with self.bots, self.workers:
            self.bot.kill()
            self.worker.kill()
            await self.a_moment(1)
            self.worker = self._new_worker()
            self.bot.start()

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
        how = self.chance.choice(({"answer": 503}, {"broken": True}, {"broken": True, "processed": True}))
        self.discord.fails("POST", "callback", times=2, **how)

    async def database_locked(self) -> None:
        def lock(seconds: float) -> None:
            with contextlib.closing(sqlite3.connect(self.data / "nocturne.sqlite", timeout=30)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                time.sleep(seconds)
                connection.rollback()

        await asyncio.to_thread(lock, self.chance.uniform(1, 5))

    async def results_not_writable(self) -> None:
        """A file lies where the folder was: root may write into any folder that there is."""
        pieces, away = self.data / "pieces", self.data / "pieces-away"
        if away.exists():
            return
        pieces.mkdir(exist_ok=True)
        pieces.rename(away)
        pieces.touch()
        await self.a_moment(4)
        pieces.unlink()
        away.rename(pieces)

    async def renderer_hangs(self) -> None:
        (self.data / HANGING).touch()
        await self.a_moment(5)
        (self.data / HANGING).unlink(missing_ok=True)

    async def misfortune(self) -> None:
        """Every kind of fault once, then any, at random moments; returns when all are over."""
        count = max(len(self.faults), round(SECONDS * FAULTS))
        faults = self.chance.sample(self.faults, len(self.faults))
        faults += self.chance.choices(self.faults, k=count - len(faults))
        times = sorted(self.chance.uniform(1, SECONDS) for _ in faults)
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for at, fault in zip(times, faults, strict=True):
                await asyncio.sleep(began + at - time.monotonic())
                self.happened[fault.__name__] += 1
                tasks.create_task(fault())

    def rows(self) -> dict[str, int]:
        with contextlib.closing(sqlite3.connect(self.data / "nocturne.sqlite", timeout=30)) as connection:
            tables = ("nocturne_answers", "workflow_status", "workflow_events", "operation_outputs")
            return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}

    def processes(self) -> list[int]:
        """Those that are at work in the folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(self.folder):
                    found.append(int(process.name))
        return found


@contextlib.asynccontextmanager
async def staged(discord: Discord, folder: Path, chance: random.Random) -> AsyncIterator[Stage]:
    stage = Stage(discord, folder, chance)
    stage.bot.start()
    try:
        await discord.registered("compose", within=PATIENCE)
        await asyncio.to_thread(stage.worker.wait_for, "ready for jobs")
        yield stage
    finally:
        stage.bot.kill()
        stage.worker.kill()


async def test_chaos(tmp_path: Path):
    """See above."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    asked: list[Interaction] = []

    async def ask(person: Person, take: int, length: int, cancelled: bool) -> None:
        interaction = await person.types("/compose", seed="72", length=length, take=take)
        asked.append(interaction)
        if cancelled:
            with contextlib.suppress(TimeoutError, ClientRefuses):
                await person.clicks(await interaction.answered(), "Cancel")

    async with Discord() as discord:
        guilds = [discord.guild() for _ in range(3)]
        people = [discord.person(f"listener{number}", chance.choice(guilds)) for number in range(40)]
        async with staged(discord, tmp_path, chance) as stage:
            misfortune = asyncio.create_task(stage.misfortune())
            asking = []
            while not misfortune.done():
                await asyncio.sleep(chance.expovariate(ARRIVALS))
                person, length = chance.choice(people), chance.choice((25, 50, 100, 150))
                asking.append(asyncio.create_task(ask(person, 1000 + len(asking), length, chance.random() < CANCELLED)))
            await misfortune
            await asyncio.gather(*asking)
            print(f"{len(asked)} interactions, {dict(stage.happened)}")

            accepted = [interaction for interaction in asked if interaction.acknowledged_at is not None]
            waited = await asyncio.gather(*(one.finished(PATIENCE) for one in accepted), return_exceptions=True)
            silent = [one.id for one, answer in zip(accepted, waited, strict=True) if isinstance(answer, BaseException)]
            assert not silent, f"seed {SEED}: {len(silent)} of {len(accepted)} unanswered\n{stage.bot.log[-6000:]}"
            pieces = sum(bool(interaction.message and interaction.message.attachments) for interaction in accepted)
            print(f"{len(accepted)} accepted, {pieces} pieces")
            assert pieces > len(accepted) / 4

            await stage._stop_bot()
            stage.bot.start()  # whatever the last of the killed ones left is seen to
            await discord.registered("compose", within=PATIENCE)
            for _ in range(100):
                if not any(stage.rows().values()):
                    break
                await asyncio.sleep(0.2)
            assert not any(stage.rows().values()), f"seed {SEED}: {stage.rows()} stay"
            await stage._stop_bot()
            await stage.worker_asked_to_stop()
            await stage.worker_asked_to_stop()
            stage.worker.kill()
            assert max(stage.stops) < STOP_SECONDS, f"seed {SEED}: {stage.stops}"
            assert stage.processes() == []
            assert not (stage.data / "scratch").exists()
            kills = stage.happened["bot_killed"] + stage.happened["both_killed"]
            parts = [piece.name for piece in (stage.data / "pieces").iterdir() if piece.name.startswith(".")]
            assert len(parts) <= kills  # the hourly sweep takes these

        nonces = Counter(m.nonce for guild in guilds for channel in guild.channels for m in channel.messages if m.nonce)
        assert not {str(one.id) for one in accepted} & {*nonces}, f"seed {SEED}: answered twice"
        assert not nonces or max(nonces.values()) == 1
        refused = Counter(refusal.code for refusal in discord.refused())
        assert {*refused} <= {*EXPECTED_REFUSALS}, f"seed {SEED}: {refused}"
        last = [[bool(revision.attachments) for revision in one.message.revisions] for one in accepted if one.message]
        assert all(sorted(looks) == looks for looks in last), f"seed {SEED}: something came after a piece"
