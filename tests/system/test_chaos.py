"""Faults of every kind while people go on asking: bots and workers are real processes, Discord is a stand-in, and the
model writes scales. Whoever was told that an answer follows gets one, exactly one, and nothing is left behind.

`make chaos` runs it for minutes (CHAOS_SECONDS) and with another seed each time (CHAOS_SEED repeats one)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import pytest

from core.rendering.pool import SCRATCH
from tests.discord_standin import Discord, Interaction
from tests.support.crowd import Crowd
from tests.support.deployment import PATIENCE
from tests.support.deployments import ManyMachines, OneMachine
from tests.support.faults import FaultyDeployment
from tests.support.postgres import Postgres
from tests.support.waiting import until

SECONDS = float(os.environ.get("CHAOS_SECONDS", 30))
SEED = int(os.environ.get("CHAOS_SEED") or (secrets.randbelow(10**6) if "CHAOS_SECONDS" in os.environ else 2))
ARRIVALS, FAULTS = 2.0, 0.25
"""A second. A short run has each kind of fault once, and so more of them in its time."""
EXIT_UNREACHABLE = 1
"""The exit code of a bot or a worker that does not find its database when it starts."""
EXPECTED_REFUSALS = {
    10062: "the acknowledgement came too late",
    10015: "it was never acknowledged, so there is nothing to edit",
    40060: "only the receipt of the acknowledgement was lost, or another bot was faster",
    10008: "the message is gone",
}

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(SECONDS + 900)]

Deployed = TypeVar("Deployed", bound=FaultyDeployment)


@contextlib.asynccontextmanager
async def deployed(deployment: Deployed) -> AsyncIterator[Deployed]:
    try:
        await deployment.begin()
        yield deployment
    finally:
        deployment.end()


async def test_chaos_on_one_machine(tmp_path: Path):
    """A bot and a worker on SQLite."""
    chance = random.Random(SEED)
    async with Discord() as discord, deployed(OneMachine(discord, tmp_path, chance)) as deployment:
        await run(deployment)
        assert not deployment.ended, f"seed {SEED}: some ended by themselves"
        assert not (deployment.data / SCRATCH).exists()


@pytest.mark.long
async def test_chaos_on_many_machines(postgres: Postgres, tmp_path: Path):
    """Two bots and three workers on PostgreSQL; some are lost for ever, or taken for dead when they are not."""
    chance = random.Random(SEED)
    async with Discord() as discord, deployed(ManyMachines(discord, tmp_path, chance, postgres)) as deployment:
        await run(deployment)
        assert {code for _, code in deployment.ended} <= {EXIT_UNREACHABLE}, f"seed {SEED}: {deployment.ended}"


async def run(deployment: FaultyDeployment) -> None:
    """Let people ask while faults happen; then see that nothing is owed and nothing left."""
    print(f"seed {SEED}")
    crowd = Crowd(deployment.people, deployment.chance, ARRIVALS)
    keeping = asyncio.create_task(deployment.restart_ended())
    await crowd.ask_while(asyncio.create_task(deployment.inject_faults(SECONDS, FAULTS)))
    print(f"{len(crowd.asked)} interactions, {dict(deployment.happened)}")
    accepted = [interaction for interaction in crowd.asked if interaction.acknowledged_at is not None]
    await check_answers(deployment, crowd, accepted)
    keeping.cancel()
    await check_rows(deployment)
    await check_stops(deployment)
    check_files(deployment)
    check_messages(deployment, accepted)


async def check_answers(deployment: FaultyDeployment, crowd: Crowd, accepted: list[Interaction]) -> None:
    """Each has an answer, many have a piece, and each piece is the one that was asked for."""
    waited = await asyncio.gather(*(one.finished(PATIENCE) for one in accepted), return_exceptions=True)
    answers = dict(zip(accepted, waited, strict=True))
    silent = [one.id for one, answer in answers.items() if isinstance(answer, BaseException)]
    logs = "\n".join(bot.log[-6000:] for bot in deployment.bots)
    assert not silent, f"seed {SEED}: {len(silent)} of {len(accepted)} unanswered: {silent}\n{logs}"
    messages = {one: answer for one, answer in answers.items() if not isinstance(answer, BaseException)}
    pieces = {one: message for one, message in messages.items() if message.attachments}
    print(f"{len(accepted)} accepted, {len(pieces)} pieces; ended by themselves: {dict(deployment.ended)}")
    print(Counter(crowd.wishes[one].way.word for one in pieces if one in crowd.wishes))
    print(Counter(message.content for one, message in messages.items() if one not in pieces))
    assert len(pieces) > len(accepted) / 4
    wrong = [one for one, message in pieces.items() if (w := crowd.wishes.get(one)) and not w.is_met_by(message)]
    assert not wrong, f"seed {SEED}: another piece than was asked for: {[(crowd.wishes[one], one) for one in wrong]}"


async def check_rows(deployment: FaultyDeployment) -> None:
    """The last of the killed bots left something perhaps, and see to it when they are started again."""
    for bot in deployment.bots:
        await deployment.stop_bot(bot)
        bot.start()
    for bot in deployment.bots:
        await deployment.up(bot)
    for _ in range(100):
        if not any(deployment.rows().values()):
            break
        await asyncio.sleep(0.2)
    assert not any(deployment.rows().values()), f"seed {SEED}: {deployment.rows()} stay"


async def check_stops(deployment: FaultyDeployment) -> None:
    """All end when they are asked to, or `stop_worker` and `stop_bot` lose patience; workers also while they begin."""
    for bot in deployment.bots:
        await deployment.stop_bot(bot)
    for host in deployment.hosts:
        await deployment.stop_worker(host)
        host.begin()
        await deployment.stop_worker(host)
    print(f"{max(deployment.stops):.1f} s took the longest stop")
    await until(lambda: not deployment.processes())  # what one has started notices its end a moment later


def check_files(deployment: FaultyDeployment) -> None:
    """Pieces of which a killed bot has written a part are few, and the hourly sweep takes these."""
    parts = [piece.name for piece in deployment.pieces.iterdir() if piece.name.startswith(".")]
    assert len(parts) <= deployment.killed_bots


def check_messages(deployment: FaultyDeployment, accepted: list[Interaction]) -> None:
    """Nobody is answered twice, nothing comes after a piece, and Discord has refused nothing but what it must."""
    channels = {person.channel for person in deployment.people}
    nonces = Counter(message.nonce for channel in channels for message in channel.messages if message.nonce)
    twice = [one.id for one in accepted if one.posted and one.message and not one.message.deleted]
    assert not twice, f"seed {SEED}: answered twice: {twice}"
    assert not nonces or max(nonces.values()) == 1
    refused = Counter(refusal.code for refusal in deployment.discord.refused())
    assert {*refused} <= {*EXPECTED_REFUSALS}, f"seed {SEED}: {refused}"
    last = [[bool(revision.attachments) for revision in one.message.revisions] for one in accepted if one.message]
    assert all(sorted(looks) == looks for looks in last), f"seed {SEED}: something came after a piece"
    again = sum(looks.count(True) > 1 for looks in last)
    happened = deployment.happened
    reasons = deployment.killed_bots + happened["bot_frozen"] + 4 * happened["receipts_lost"]
    print(f"{again} times the same edit was made again")
    assert again <= reasons, f"seed {SEED}: {again} pieces came more than once"
