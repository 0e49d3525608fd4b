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

from tests.discord_standin import ClientRefuses, Discord, Interaction, Person, Upload
from tests.support.deployments import EXIT_UNREACHABLE, PATIENCE, Deployment, ManyMachines, OneMachine
from tests.support.midi_corpus import note, smf, track
from tests.support.postgres import Postgres

SECONDS = float(os.environ.get("CHAOS_SECONDS", 30))
SEED = int(os.environ.get("CHAOS_SEED") or (secrets.randbelow(10**6) if "CHAOS_SECONDS" in os.environ else 2))
ARRIVALS, FAULTS = 2.0, 0.25
"""A second. A short run has each kind of fault once, and so more of them in its time."""
STOP_SECONDS = 30.0
"""Within which bot and worker end when they are asked to."""
CANCELLED = 0.1
"""The share of pieces that are taken back."""
CONTINUED = 0.2
"""The share of those that go on from a file."""
SEVERAL = 0.15
"""The share of those of several takes."""
FILE = Upload("mine.mid", smf(track(note(60), note(62))))
EXPECTED_REFUSALS = {
    10062: "the acknowledgement came too late",
    10015: "it was never acknowledged, so there is nothing to edit",
    40060: "only the receipt of the acknowledgement was lost, or another bot was faster",
    10008: "the message is gone",
}

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(SECONDS + 900)]

Deployed = TypeVar("Deployed", bound=Deployment)


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
        assert not (deployment.data / "scratch").exists()


@pytest.mark.long
async def test_chaos_on_many_machines(postgres: Postgres, tmp_path: Path):
    """Two bots and three workers on PostgreSQL; some are lost for ever, or taken for dead when they are not."""
    chance = random.Random(SEED)
    async with Discord() as discord, deployed(ManyMachines(discord, tmp_path, chance, postgres)) as deployment:
        await run(deployment)
        assert {code for _, code in deployment.ended} <= {EXIT_UNREACHABLE}, f"seed {SEED}: {deployment.ended}"


async def run(deployment: Deployment) -> None:
    """Let people ask while faults happen; then see that nothing is owed and nothing left."""
    print(f"seed {SEED}")
    discord, chance = deployment.discord, deployment.chance
    asked: list[Interaction] = []

    async def ask(person: Person, take: int, length: int, takes: int, cancelled: bool, continued: bool) -> None:
        begin = ("/continue", {"file": FILE}) if continued else ("/compose", {"seed": "72"})
        interaction = await person.types(begin[0], **begin[1], length=length, take=take, takes=takes)
        asked.append(interaction)
        if cancelled:
            with contextlib.suppress(TimeoutError, ClientRefuses):
                await person.clicks(await interaction.answered(), "Cancel")

    keeping = asyncio.create_task(deployment.restart_ended())
    faults = asyncio.create_task(deployment.inject_faults(SECONDS, FAULTS))
    asking = []
    while not faults.done():
        await asyncio.sleep(chance.expovariate(ARRIVALS))
        person, length = chance.choice(deployment.people), chance.choice((25, 50, 100, 150))
        takes = 1 if chance.random() > SEVERAL else chance.choice((2, 3, 4))
        whims = chance.random() < CANCELLED, chance.random() < CONTINUED
        asking.append(asyncio.create_task(ask(person, 1000 + len(asking), length, takes, *whims)))
    await faults
    await asyncio.gather(*asking)
    print(f"{len(asked)} interactions, {dict(deployment.happened)}")

    accepted = [interaction for interaction in asked if interaction.acknowledged_at is not None]
    waited = await asyncio.gather(*(one.finished(PATIENCE) for one in accepted), return_exceptions=True)
    silent = [one.id for one, answer in zip(accepted, waited, strict=True) if isinstance(answer, BaseException)]
    logs = "\n".join(bot.log[-6000:] for bot in deployment.bots)
    assert not silent, f"seed {SEED}: {len(silent)} of {len(accepted)} unanswered: {silent}\n{logs}"
    pieces = sum(bool(interaction.message and interaction.message.attachments) for interaction in accepted)
    print(f"{len(accepted)} accepted, {pieces} pieces; ended by themselves: {dict(deployment.ended)}")
    print(Counter(one.message.content for one in accepted if one.message and not one.message.attachments))
    assert pieces > len(accepted) / 4

    keeping.cancel()
    for bot in deployment.bots:
        await deployment.stop_bot(bot)
        bot.start()  # whatever the last of the killed ones left is seen to
    for bot in deployment.bots:
        await deployment.up(bot)
    for _ in range(100):
        if not any(deployment.rows().values()):
            break
        await asyncio.sleep(0.2)
    assert not any(deployment.rows().values()), f"seed {SEED}: {deployment.rows()} stay"
    for bot in deployment.bots:
        await deployment.stop_bot(bot)
    for host in deployment.hosts:
        await deployment.stop_worker(host)
        host.begin()
        await deployment.stop_worker(host)  # while it begins
    assert max(deployment.stops) < STOP_SECONDS, f"seed {SEED}: {deployment.stops}"
    assert deployment.processes() == []
    kills = sum(count for fault, count in deployment.happened.items() if fault in ("bot_killed", "bot_lost"))
    kills += len(deployment.bots) * deployment.happened["everything_killed"]
    parts = [piece.name for piece in deployment.pieces.iterdir() if piece.name.startswith(".")]
    assert len(parts) <= kills  # the hourly sweep takes these

    channels = {person.channel for person in deployment.people}
    nonces = Counter(message.nonce for channel in channels for message in channel.messages if message.nonce)
    assert not {str(one.id) for one in accepted} & {*nonces}, f"seed {SEED}: answered twice"
    assert not nonces or max(nonces.values()) == 1
    refused = Counter(refusal.code for refusal in discord.refused())
    assert {*refused} <= {*EXPECTED_REFUSALS}, f"seed {SEED}: {refused}"
    last = [[bool(revision.attachments) for revision in one.message.revisions] for one in accepted if one.message]
    assert all(sorted(looks) == looks for looks in last), f"seed {SEED}: something came after a piece"
    again = sum(looks.count(True) > 1 for looks in last)
    reasons = kills + deployment.happened["bot_frozen"] + 4 * deployment.happened["receipts_lost"]
    print(f"{again} times the same edit was made again")
    assert again <= reasons, f"seed {SEED}: {again} pieces came more than once"
