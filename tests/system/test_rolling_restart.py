"""Every bot and every worker is replaced by one of the next version while people go on asking, and nobody notices."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.discord_standin import Discord, Interaction
from tests.support.bot_process import BotProcess
from tests.support.deployment import PATIENCE
from tests.support.fake_worker import Worker
from tests.support.postgres import Postgres
from tests.support.versions import VERSIONS
from tests.system.test_many_machines import rows

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(900), pytest.mark.long]

ARRIVALS = 2.0
"""A second."""
TOGETHER = 4.0
"""Seconds that two versions run beside each other between two replacements."""


async def test_a_rolling_restart_loses_nothing(postgres: Postgres, tmp_path: Path):
    """Two bots and two workers of the version before this one, then of this one, then of the next: each version's jobs
    and pieces are read by the others, and whoever asks meanwhile gets one answer, a piece."""
    where = postgres.fresh()
    asked: list[Interaction] = []
    asks: list[asyncio.Task[None]] = []
    async with Discord() as discord, asyncio.TaskGroup() as tasks:
        guild = discord.guild()
        people = [discord.person(f"clara{number}", guild) for number in range(30)]
        settings = discord.environment | {"QUEUE_URL": where, "FILES_URL": str(tmp_path / "pieces")}
        settings["MAX_JOBS_PER_USER"] = "1000"  # the machine may be slower than people are

        def bot(name: str, version: str) -> BotProcess:
            bot = BotProcess(tmp_path / name, settings, "tests.support.hurried_bot", version)
            bot.start()
            return bot

        def worker(name: str, version: str) -> Worker:
            return Worker(tmp_path / name, "--silent", "--places", "2", "--version", version, QUEUE_URL=where)

        async def ready(one: BotProcess) -> None:
            async with asyncio.timeout(PATIENCE):
                while not one.ready:
                    assert one.exit_code is None, one.log
                    await asyncio.sleep(0.1)

        async def ask(take: int) -> None:
            person = people[take % len(people)]
            asked.append(await person.types("/compose", seed="72", length=100, take=1000 + take))

        async def keep_asking() -> None:
            for take in range(10**6):
                asks.append(tasks.create_task(ask(take)))
                await asyncio.sleep(1 / ARRIVALS)

        bots = {name: bot(name, VERSIONS[0]) for name in ("bot-a", "bot-b")}
        workers = {name: worker(name, VERSIONS[0]) for name in ("worker-a", "worker-b")}
        with ExitStack() as stack:
            stack.callback(lambda: [each.kill() for each in (*bots.values(), *workers.values())])
            for one in bots.values():
                await ready(one)
            for each in workers.values():
                await asyncio.to_thread(each.wait_for, "ready for jobs")
            asking = tasks.create_task(keep_asking())
            begun = {}
            for version in VERSIONS[1:]:
                for name, old in workers.items():
                    await asyncio.sleep(TOGETHER)
                    old.process.terminate()
                    assert await asyncio.to_thread(old.process.wait, PATIENCE) == 0
                    begun[name, version] = len(old.history("began"))
                    workers[name] = worker(name, version)
                    await asyncio.to_thread(workers[name].wait_for, "ready for jobs")
                for name, former in bots.items():
                    await asyncio.sleep(TOGETHER)
                    os.kill(former.pid, signal.SIGTERM)
                    assert await former.ended(PATIENCE) == 0
                    bots[name] = bot(name, version)
                    await ready(bots[name])
            await asyncio.sleep(TOGETHER)
            asking.cancel()
            await asyncio.gather(*asks)  # whoever asked last is still waiting for the acknowledgement

            heard = [one for one in asked if not one.lost]  # else this machine was too slow for Discord's 3 s
            assert len(heard) > 0.8 * len(asked)
            assert all(one.acknowledged_at is not None for one in heard)
            messages = [await one.finished(PATIENCE) for one in heard]
            for message in messages:
                assert message.attachments, message
                assert [bool(revision.attachments) for revision in message.revisions].count(True) == 1
            assert sorted(guild.channels[0].messages, key=id) == sorted(messages, key=id)
            assert {refusal.code for refusal in discord.refused()} <= {40060, 10062, 10015}  # both bots hear of each
            async with asyncio.timeout(PATIENCE):
                while rows(where) != (0, 0):  # noqa: ASYNC110 - it can only be asked
                    await asyncio.sleep(0.5)
            for name, each in workers.items():  # every version had its share
                assert 0 < begun[name, VERSIONS[1]] < begun[name, VERSIONS[2]] < len(each.history("began"))
            for one in bots.values():
                assert "Traceback" not in one.log
                assert "cannot be read" not in one.log
        print(f"{len(asked)} interactions, {len(heard)} acknowledged in time, each answered once")
