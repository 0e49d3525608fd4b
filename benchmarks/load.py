"""Many people at once: their waits, the refusals, and the memory of the bot. The bot is `python -m
bot`, Discord a stand-in, and the worker composes scales at a known speed, so what is measured is all but the model:
`python -m benchmarks.load --interactions 1000 --users 400 --seconds 60`, or `--minutes 30` for as many a second as
that, for as long. Its pieces have no sound; with `--sound 1600` they are as large as 100 s of music, for the bot's
memory: `python -m benchmarks.load --interactions 120 --seconds 60 --sound 1600`. `--no-worker` measures the
acknowledgements alone, while nobody composes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks._report import megabytes, parser, table
from tests.discord_standin import Discord, Interaction, Person
from tests.support.bot_process import BotProcess
from tests.support.fake_worker import Worker

PATIENCE = 300.0
"""Seconds after the last interaction until what is unanswered counts as such."""
LOOKS = 12
"""How often the memory is read, about, from the first interaction to the last answer."""


class Asked:
    """One interaction: `finished` is in seconds from asking."""

    def __init__(self, interaction: Interaction, began: float) -> None:
        self.interaction, self.began = interaction, began
        self.finished: float | None = None

    @property
    def refused(self) -> bool:
        message = self.interaction.message
        return message is not None and message.ephemeral and not message.attachments


async def ask(person: Person, take: int, length: int, everything: list[Asked], waits: bool) -> None:
    began = time.monotonic()
    asked = Asked(await person.types("/compose", seed="72", length=length, take=take), began)
    everything.append(asked)
    if asked.interaction.acknowledged_at is None or not waits:
        return
    message = await asked.interaction.finished(PATIENCE)
    asked.finished = time.monotonic() - began
    for attachment in message.attachments:
        attachment.bytes = b""  # this process is not what is measured, but it runs on the same machine
    message.revisions.clear()


def quantiles(seconds: Sequence[float]) -> list[str]:
    """p50, p95, p99 and the worst; nothing of nothing."""
    if not seconds:
        return [""] * 4
    ordered = sorted(seconds)
    return [f"{ordered[min(round(share * len(ordered)), len(ordered) - 1)]:.2f}" for share in (0.5, 0.95, 0.99, 1.0)]


async def measure(folder: Path, options: argparse.Namespace) -> str:
    seconds = 60 * options.minutes if options.minutes else options.seconds
    count = round(options.interactions / options.seconds * seconds)
    chance = random.Random(options.seed)
    everything: list[Asked] = []
    sizes: list[tuple[float, float]] = []
    async with Discord() as discord:
        guilds = [discord.guild() for _ in range(10)]
        people = [discord.person(f"listener{number}", chance.choice(guilds)) for number in range(options.users)]
        settings = {"SPAWN_WORKER": "false", "DATA_DIR": str(folder), "QUEUE_LIMIT": str(options.limit)}
        bot = BotProcess(folder, discord.environment | settings)
        bot.start()
        await discord.registered("compose", within=60)
        pace = ["--places", str(options.places), "--speed", str(options.speed)]
        with contextlib.ExitStack() as stack:
            if not options.no_worker:
                stack.enter_context(Worker(folder, "--silent", "--sound", str(1000 * options.sound), *pace))
            began = time.monotonic()
            times = sorted(chance.uniform(0, seconds) for _ in range(count))
            looking = asyncio.create_task(look(bot.pid, began, seconds / LOOKS, sizes))
            asking = []
            for take, at in enumerate(times, start=1000):  # some of the smaller takes fail on purpose
                await asyncio.sleep(began + at - time.monotonic())
                person = chance.choice(people)
                asking.append(asyncio.create_task(ask(person, take, options.length, everything, not options.no_worker)))
            await asyncio.gather(*asking, return_exceptions=True)
            over = time.monotonic() - began
            looking.cancel()
            sizes.append((over, megabytes(bot.pid)))
            most = megabytes(bot.pid, "VmHWM")
            await asyncio.sleep(2)
        edits = discord.traffic.counts.get("PATCH /webhooks/{application}/{token}/messages/{message}", 0)
        limited = len(discord.traffic.limited)
        await bot.stop()
        refused_by_discord = len(discord.refused())
    sizes = [*sizes[: -1 : math.ceil(len(sizes) / LOOKS)], sizes[-1]]
    accepted = [asked for asked in everything if not asked.refused and asked.interaction.acknowledged_at is not None]
    silent = count - sum(asked.interaction.acknowledged_at is not None for asked in everything)
    unanswered = sum(asked.finished is None for asked in everything)
    acknowledged = [asked.interaction.acknowledged_after or 0.0 for asked in everything]
    said = [asked.interaction.message for asked in everything if asked.refused]
    refusals = Counter(message.content for message in said if message)
    finished = [asked.finished for asked in accepted if asked.finished is not None]
    title = f"{count} interactions of {options.users} users in {seconds:g} s, pieces of {options.length} steps"
    rows = [["acknowledged", *quantiles(acknowledged)], ["all files", *quantiles(finished)]]
    return "\n".join(
        [
            table(f"{title}; seconds", ["", "p50", "p95", "p99", "worst"], rows),
            f"accepted {len(accepted)}, refused {len(everything) - len(accepted)}, not acknowledged {silent},"
            f" unanswered {unanswered}; all over after {over:.0f} s",
            *(f"refused {times} times: {sentence}" for sentence, times in refusals.most_common()),
            f"edits: {edits}, limited by Discord: {limited}, refused by Discord: {refused_by_discord}",
            "",
            table(
                "memory of the bot",
                ["at s", *(f"{at:.0f}" for at, _ in sizes), "most"],
                [["MB", *(f"{size:.0f}" for _, size in sizes), f"{most:.0f}"]],
            ),
        ]
    )


async def look(pid: int, began: float, every: float, sizes: list[tuple[float, float]]) -> None:
    while True:
        sizes.append((time.monotonic() - began, megabytes(pid)))
        await asyncio.sleep(every)


def main() -> None:
    command = parser("load", __doc__)
    command.add_argument("--interactions", type=int, default=1000)
    command.add_argument("--users", type=int, default=400)
    command.add_argument("--seconds", type=float, default=60.0, help="in which they come")
    command.add_argument("--minutes", type=float, help="for how long, as many a second")
    command.add_argument("--no-worker", action="store_true", help="nobody composes")
    command.add_argument("--limit", type=int, default=1000, help="QUEUE_LIMIT")
    command.add_argument("--places", type=int, default=16, help="how many pieces the worker composes at once")
    command.add_argument("--speed", type=float, default=100.0, help="steps a second of each")
    command.add_argument("--length", type=int, default=100, help="steps of a piece")
    command.add_argument("--sound", type=int, default=0, help="KB of sound a piece, 1600 for 100 s; 0 for none")
    command.add_argument("--seed", type=int, default=1, help="of who asks when")
    options = command.parse_args()
    if options.quick:
        options.interactions, options.users, options.seconds, options.minutes = 4, 2, 4.0, None
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(measure(Path(folder), options)))


if __name__ == "__main__":
    main()
