"""Many people at once: their waits, the refusals, and the memory of the bot. The bot is `python -m bot`, Discord a
stand-in, and the worker composes scales at a known speed, so what is measured is all but the model:
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
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._report import parser, resident_mib, table
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
    def acknowledged(self) -> bool:
        return self.interaction.acknowledged_at is not None

    @property
    def refused(self) -> bool:
        message = self.interaction.message
        return message is not None and message.ephemeral and not message.attachments


@dataclass(slots=True)
class Outcome:
    """A run: its interactions, and what bot and Discord did meanwhile."""

    asked: list[Asked] = field(default_factory=list)
    over: float = 0.0
    """Seconds from the first interaction to the last answer."""
    sizes: list[tuple[float, float]] = field(default_factory=list)
    """Memory of the bot: seconds since the beginning, and MiB."""
    most: float = 0.0
    """MiB, the peak of it."""
    edits: int = 0
    limited: int = 0
    refused: int = 0
    """Requests that Discord limited, and refused."""


async def ask(person: Person, take: int, length: int, everything: list[Asked], waits: bool) -> None:
    began = time.monotonic()
    asked = Asked(await person.types("/compose", seed="72", length=length, take=take), began)
    everything.append(asked)
    if not (asked.acknowledged and waits):
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
    outcome = Outcome()
    async with Discord() as discord:
        settings = {"SPAWN_WORKER": "false", "DATA_DIR": str(folder), "QUEUE_LIMIT": str(options.limit)}
        bot = BotProcess(folder, discord.environment | settings)
        bot.start()
        await discord.registered("compose", within=60)
        with contextlib.nullcontext() if options.no_worker else worker(folder, options):
            await ask_all(discord, bot, options, seconds, count, outcome)
        outcome.edits = discord.traffic.counts.get("PATCH /webhooks/{application}/{token}/messages/{message}", 0)
        outcome.limited = len(discord.traffic.limited)
        await bot.stop()
        outcome.refused = len(discord.refused())
    title = f"{count} interactions of {options.users} users in {seconds:g} s, pieces of {options.length} steps"
    return report(title, count, outcome)


def worker(folder: Path, options: argparse.Namespace) -> Worker:
    pace = ["--places", str(options.places), "--speed", str(options.speed)]
    return Worker(folder, "--silent", "--sound", str(1000 * options.sound), *pace)


async def ask_all(
    discord: Discord, bot: BotProcess, options: argparse.Namespace, seconds: float, count: int, outcome: Outcome
) -> None:
    """Ask so often within so many seconds, at random, and wait for all answers."""
    chance = random.Random(options.seed)
    guilds = [discord.guild() for _ in range(10)]
    people = [discord.person(f"listener{number}", chance.choice(guilds)) for number in range(options.users)]
    began = time.monotonic()
    times = sorted(chance.uniform(0, seconds) for _ in range(count))
    looking = asyncio.create_task(look(bot.pid, began, seconds / LOOKS, outcome.sizes))
    asking = []
    for take, at in enumerate(times, start=1000):  # some of the smaller takes fail on purpose
        await asyncio.sleep(began + at - time.monotonic())
        person = chance.choice(people)
        asking.append(asyncio.create_task(ask(person, take, options.length, outcome.asked, not options.no_worker)))
    await asyncio.gather(*asking, return_exceptions=True)
    outcome.over = time.monotonic() - began
    looking.cancel()
    outcome.sizes.append((outcome.over, resident_mib(bot.pid)))
    outcome.most = resident_mib(bot.pid, "VmHWM")
    await asyncio.sleep(2)  # for edits that still come


def report(title: str, count: int, outcome: Outcome) -> str:
    """The tables of a run of `count` interactions, and a line about each kind of refusal."""
    asked, sizes = outcome.asked, outcome.sizes
    sizes = [*sizes[: -1 : math.ceil(len(sizes) / LOOKS)], sizes[-1]]
    accepted = [one for one in asked if one.acknowledged and not one.refused]
    silent = count - sum(one.acknowledged for one in asked)
    unanswered = sum(one.finished is None for one in asked)
    messages = [one.interaction.message for one in asked if one.refused]
    refusals = Counter(message.content for message in messages if message)
    acknowledged = [one.interaction.acknowledged_after or 0.0 for one in asked]
    finished = [one.finished for one in accepted if one.finished is not None]
    rows = [["acknowledged", *quantiles(acknowledged)], ["all files", *quantiles(finished)]]
    return "\n".join(
        [
            table(
                f"{title}; a share of them is done within so many seconds",
                ["", "50 %", "95 %", "99 %", "all"],
                rows,
                "Discord gives a bot 3 s for an acknowledgement",
            ),
            f"accepted {len(accepted)}, refused {len(asked) - len(accepted)}, not acknowledged {silent},"
            f" unanswered {unanswered}; all over after {outcome.over:.0f} s",
            *(f"refused {times} times: {sentence}" for sentence, times in refusals.most_common()),
            f"edits: {outcome.edits}, limited by Discord: {outcome.limited}, refused by Discord: {outcome.refused}",
            "",
            table(
                "memory of the bot",
                ["after s", *(f"{at:.0f}" for at, _ in sizes), "most"],
                [["MiB", *(f"{size:.0f}" for _, size in sizes), f"{outcome.most:.0f}"]],
                "the bot before the first request",
            ),
        ]
    )


async def look(pid: int, began: float, every: float, sizes: list[tuple[float, float]]) -> None:
    """Add the memory of a process to `sizes` every so many seconds, until this is cancelled."""
    while True:
        sizes.append((time.monotonic() - began, resident_mib(pid)))
        await asyncio.sleep(every)


def main() -> None:
    command = parser("load", __doc__, "1.5 minutes")
    command.add_argument("--interactions", type=int, default=1000)
    command.add_argument("--users", type=int, default=400)
    command.add_argument("--seconds", type=float, default=60.0, help="in which they come")
    command.add_argument("--minutes", type=float, help="for how long, as many a second")
    command.add_argument("--no-worker", action="store_true", help="nobody composes")
    command.add_argument("--limit", type=int, default=1000, help="QUEUE_LIMIT")
    command.add_argument("--places", type=int, default=16, help="how many pieces the worker composes at once")
    command.add_argument("--speed", type=float, default=100.0, help="steps a second of each")
    command.add_argument("--length", type=int, default=100, help="steps of a piece")
    command.add_argument("--sound", type=int, default=0, help="kB of sound a piece, 1600 for 100 s; 0 for none")
    command.add_argument("--seed", type=int, default=1, help="of who asks when")
    options = command.parse_args()
    if options.quick:
        options.interactions, options.users, options.seconds, options.minutes = 4, 2, 4.0, None
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(measure(Path(folder), options)))


if __name__ == "__main__":
    main()
