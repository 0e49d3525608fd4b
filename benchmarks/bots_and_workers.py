"""How cost grows with bots and workers: real processes on one PostgreSQL database, each bot with a share of the
servers, Discord a stand-in. The workers compose scales in a known time without the processor, so that all but the model
and the sound is measured. All share the cores of one machine: where these are full, a row says what this machine can
do, and not what several would."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks._report import parser, processor_seconds, resident_mib, table
from tests.discord_standin import Discord, Guild
from tests.support.bot_process import BotProcess
from tests.support.fake_worker import Worker
from tests.support.postgres import MISSING, Postgres, installed, running

COUNTS = ((1, 1), (1, 2), (2, 2), (1, 4), (4, 4))
"""Bots and workers of each row."""
PLACES = 4
"""Pieces that a worker composes at once."""
COST = 2.0
"""Seconds that composing takes."""
SOUND = 1_600_000
"""Bytes of a recording, as many as 100 s of music have."""
PIECES = 24
"""Pieces that are asked for, for each worker."""
SECONDS = 15.0
"""In which they are asked for, so that four fifths of the workers' time are used."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Seconds from asking to the acknowledgement, and to the message with the files."""

    acknowledged: float
    finished: float


async def measure(folder: Path, postgres: Postgres, bots: int, workers: int, pieces: int, seconds: float) -> list[str]:
    """A row of the table."""
    async with Discord(shards=bots) as discord:
        guilds = await guilds_of_each(discord, bots)
        settings = discord.environment | {"QUEUE_URL": postgres.fresh(), "FILES_URL": str(folder / "pieces")}
        with ExitStack() as stack:
            processes = [bot_process(folder, settings, number, bots) for number in range(bots)]
            for process in processes:
                process.start()
                stack.callback(process.kill)
            for process in processes:
                await process.logs("is at the piano")
            options = ("--silent", f"--sound={SOUND}", f"--places={PLACES}", f"--cost={COST}")
            makers = [
                stack.enter_context(Worker(folder / f"worker-{number}", *options, QUEUE_URL=settings["QUEUE_URL"]))
                for number in range(workers)
            ]
            groups = [[bot.pid for bot in processes], [worker.process.pid for worker in makers], [postgres.pid]]
            before = [sum(map(processor_seconds, group)) for group in groups]
            replies = await ask(discord, guilds, workers * pieces, seconds)
            spent = [sum(map(processor_seconds, group)) - past for group, past in zip(groups, before, strict=True)]
            size = statistics.mean(resident_mib(bot.pid, "VmHWM") for bot in processes)
            for process in processes:
                await process.stop()
        discord.refused()  # what came too late counts as not made
    acknowledged = sorted(reply.acknowledged for reply in replies)
    waits = statistics.median(reply.finished for reply in replies) - COST
    figures = [f"{statistics.median(acknowledged):.3f}", f"{acknowledged[-1]:.3f}", f"{waits:.2f}"]
    figures += [f"{1000 * share / len(replies):.0f}" for share in spent]
    return [f"{bots}, {workers}", f"{len(replies)} of {workers * pieces}", *figures, f"{size:.0f}"]


async def guilds_of_each(discord: Discord, bots: int) -> list[Guild]:
    """A server of each bot, in the order of the bots."""
    found: dict[int, Guild] = {}
    while len(found) < bots:
        guild = discord.guild()
        found.setdefault((guild.id >> 22) % bots, guild)
        await asyncio.sleep(0.001)  # a server's id says when it was made
    return [found[number] for number in range(bots)]


def bot_process(folder: Path, settings: dict[str, str], number: int, count: int) -> BotProcess:
    place = folder / f"bot-{number}"
    return BotProcess(place, settings | {"DATA_DIR": str(place), "SHARDS": f"{number}/{count}"})


async def ask(discord: Discord, guilds: Sequence[Guild], count: int, seconds: float) -> list[Reply]:
    """So many people ask in turn, evenly within so many seconds, each in the server of the next bot. An interaction
    that is not acknowledged in time, on a machine that has too much to do, has no reply."""

    async def ask_one(number: int) -> Reply | None:
        await asyncio.sleep(seconds * number / count)
        person = discord.person(f"listener{number}", guilds[number % len(guilds)])
        began = time.monotonic()
        asked = await person.types("/compose", seed="72", length=100, take=1000 + number)
        if asked.acknowledged_after is None:
            return None
        await asked.finished(120)
        return Reply(asked.acknowledged_after, time.monotonic() - began)

    replies = await asyncio.gather(*(ask_one(number) for number in range(count)))
    return [reply for reply in replies if reply is not None]


async def measure_all(folder: Path, counts: Sequence[tuple[int, int]], pieces: int, seconds: float) -> list[list[str]]:
    if (programs := installed()) is None:
        print(MISSING)
        return []
    with running(programs) as postgres:
        return [
            await measure(folder / f"{bots}-{workers}", postgres, bots, workers, pieces, seconds)
            for bots, workers in counts
        ]


def main() -> None:
    quick = parser("bots_and_workers", __doc__, "3 minutes").parse_args().quick
    extent = (COUNTS[:1], 2, 1.0) if quick else (COUNTS, PIECES, SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure_all(Path(folder), *extent))
    header = [
        "bots, workers",
        "pieces made",
        "acknowledged, s",
        "at worst",
        "s but composing",
        "bots' processor ms a piece",
    ]
    header += ["workers'", "PostgreSQL's", "MiB a bot, most"]
    baseline = "one bot and one worker, which are asked for as many pieces for each worker; Discord waits 3 s for an"
    baseline += " acknowledgement. Where cost is linear, ms a piece and MiB a bot are those of the first row"
    title = f"bots and workers, {COST:g} s to compose a piece, {SOUND / 1e6:g} MB of sound"
    print(table(title, header, rows, baseline))


if __name__ == "__main__":
    main()
