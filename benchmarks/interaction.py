"""The time from `/compose seed:72 length:500` to the message with all files: bot and worker as they run, Discord a
stand-in."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks._report import parser, resident_mib, table
from bot.language.replies import A_FEW_SECONDS
from core.models import MODELS
from core.options import STEP_SECONDS
from tests.discord_standin import Discord, Message, Person
from tests.support.bot_process import BotProcess
from tests.support.processes import children

LENGTH = 500
REPEATS = 3
AT_ONCE = (1, 4, 32)
TAKES = (1, 2, 4)
STAGES = ("wait", "compose", "render", "encode", "draw", "deliver")
_WAIT = re.compile(r"It begins in (?:about ([\d.]+) (s|min)|a few seconds)")
_BAR = "▱"
"""A sign in every message that shows progress."""
_SPENT = re.compile(r"([a-z]+) ([\d.]+) s")


async def ask(discord: Discord, bot: BotProcess, model: str, length: int) -> list[str]:
    """One row: seconds to the acknowledgement and to the final message, and where they went, as the log has it."""
    person = discord.person("clara", discord.guild())
    began = time.monotonic()
    asked = await person.types("/compose", seed="72", length=length, model=model)
    await asked.finished(120)
    seconds = time.monotonic() - began
    spent = dict(_SPENT.findall((await bot.logs(f"job {asked.id} of user")).partition(";")[2]))
    return [model, f"{asked.acknowledged_after:.3f}", f"{seconds:.2f}", *(spent[stage] for stage in STAGES)]


async def ask_for_takes(discord: Discord, counts: Sequence[int], length: int) -> list[list[str]]:
    """A row a count: seconds to the message with so many takes of one request, also in times one take's. The median of
    REPEATS."""
    person = discord.person("clara", discord.guild())

    async def seconds(takes: int) -> float:
        began = time.monotonic()
        await (await person.types("/compose", seed="72", length=length, takes=takes)).finished(600)
        return time.monotonic() - began

    times = [sorted([await seconds(takes) for _ in range(REPEATS)])[REPEATS // 2] for takes in counts]
    return [[str(takes), f"{spent:.2f}", f"{spent / times[0]:.2f}"] for takes, spent in zip(counts, times, strict=True)]


async def ask_together(discord: Discord, count: int, length: int) -> list[str]:
    """One row: `count` people ask in the same moment."""
    guild = discord.guild()
    people = [discord.person(f"clara{number}", guild) for number in range(count)]

    first: list[float] = []
    later: list[float] = []

    async def ask_one(person: Person, take: int) -> tuple[float, float]:
        began = time.monotonic()
        asked = await person.types("/compose", seed="72", length=length, take=take)
        message = await asked.finished(1200)
        foretold = waits(message)
        first.extend(foretold[:1])
        later.extend(foretold[1:])
        assert asked.acknowledged_after is not None
        return asked.acknowledged_after, time.monotonic() - began

    began = time.monotonic()
    times = await asyncio.gather(*(ask_one(person, take) for take, person in enumerate(people)))
    a_minute = 60 * count / (time.monotonic() - began)
    slowest = max(acknowledged for acknowledged, _ in times)
    seconds = sorted(finished for _, finished in times)
    return [
        str(count),
        f"{slowest:.3f}",
        f"{seconds[0]:.1f}",
        f"{seconds[count // 2]:.1f}",
        f"{seconds[-1]:.1f}",
        f"{a_minute:.0f}",
        *(f"{sum(0.5 <= ratio <= 2 for ratio in said)} of {len(said)}" for said in (first, later)),
    ]


def waits(message: Message) -> list[float]:
    """The waits that were foretold for a piece, each divided by the seconds until the piece was shown as begun. `A few
    seconds` is right for any wait up to 10."""
    begun = next((revision.at for revision in message.revisions if _BAR in revision.content), message.revisions[-1].at)
    said = [(begun - revision.at, _WAIT.search(revision.content)) for revision in message.revisions]
    return [
        (float(found[1]) * (60 if found[2] == "min" else 1) if found[1] else min(real, A_FEW_SECONDS)) / real
        for real, found in said
        if found
    ]


async def measure(folder: Path, length: int, repeats: int, at_once: Sequence[int]) -> None:
    """Print each table as soon as it is there."""
    async with Discord() as discord:
        bot = BotProcess(folder, discord.environment)
        began = time.monotonic()
        bot.start()
        await discord.registered("compose", within=60)
        registered = time.monotonic() - began
        await bot.logs("ready for jobs", within=120)
        started = f"commands there after {registered:.1f} s, worker after {time.monotonic() - began:.1f} s"
        at_first = {name: resident_mib(pid) for name, pid in processes(bot).items()}
        rows = [await ask(discord, bot, model, length) for model in MODELS for _ in range(repeats)]
        print(alone(f"/compose seed:72 length:{length}, seconds; {started}", rows, length), flush=True)
        print(together([await ask_together(discord, count, length) for count in at_once]), flush=True)
        takes = await ask_for_takes(discord, TAKES, length)
        print(table("takes of one request side by side", ["takes", "s to all files", "× baseline"], takes, "one take"))
        print(memory(processes(bot), at_first))
        await bot.stop()


def alone(title: str, rows: Sequence[Sequence[str]], length: int) -> str:
    baseline = f"the music lasts {length * STEP_SECONDS:g} s; the first piece of a model is made while others load"
    return table(title, ["model", "acknowledged", "all files", *STAGES], rows, baseline)


def together(rows: Sequence[Sequence[str]]) -> str:
    header = ["people at once", "slowest acknowledgement", "first", "median", "last", "pieces a minute"]
    header += ["first waits foretold", "later waits"]
    return table("the same by many people in the same moment, seconds to all files", header, rows, "one person")


def processes(bot: BotProcess) -> dict[str, int]:
    """The bot, its worker and what that has started, renderers but for one that waits for them, with their ids."""
    (worker,) = bot.workers
    started = {f"started by it, {number}": pid for number, pid in enumerate(children(worker), start=1)}
    return {"bot": bot.pid, "worker": worker, **started}


def memory(now: Mapping[str, int], at_first: Mapping[str, float]) -> str:
    """What processes have at the end, and had at the most."""
    rows = [
        [name, f"{at_first.get(name, 0):.0f}", f"{resident_mib(pid):.0f}", f"{resident_mib(pid, 'VmHWM'):.0f}"]
        for name, pid in now.items()
    ]
    header = ["process", "when the worker was ready", "at the end", "at the most"]
    return table("memory in MiB", header, rows, "the processes when the worker was ready")


def main() -> None:
    quick = parser("interaction", __doc__, "4 minutes").parse_args().quick
    extent = (25, 1, (1,)) if quick else (LENGTH, REPEATS, AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), *extent))


if __name__ == "__main__":
    main()
