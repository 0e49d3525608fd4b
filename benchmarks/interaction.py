"""From `/compose seed:72 length:500` to the message with all files: bot and worker as they run, Discord a stand-in."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path

from benchmarks._report import table
from core.request import MODELS
from tests.bot_process import BotProcess
from tests.discord_standin import Discord

REPEATS = 3
STAGES = ("wait", "compose", "render", "encode", "draw", "deliver")
_SPENT = re.compile(r"([a-z]+) ([\d.]+) s")


async def ask(discord: Discord, bot: BotProcess, model: str) -> list[str]:
    """One row: seconds to the acknowledgement and to the final message, and where they went, as the log has it."""
    person = discord.person("clara", discord.guild())
    began = time.monotonic()
    asked = await person.types("/compose", seed="72", length=500, model=model)
    await asked.finished(120)
    seconds = time.monotonic() - began
    spent = dict(_SPENT.findall((await bot.logs(f"job {asked.id} of user")).partition(";")[2]))
    return [model, f"{asked.acknowledged_after:.3f}", f"{seconds:.2f}", *(spent[stage] for stage in STAGES)]


def memory(pid: int) -> str:
    """Megabytes that a process has in memory now."""
    (kilobytes,) = re.findall(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return f"{int(kilobytes) / 1024:.0f} MB"


async def measure(folder: Path) -> str:
    async with Discord() as discord:
        bot = BotProcess(folder, discord.environment)
        began = time.monotonic()
        bot.start()
        await discord.registered("compose", within=60)
        registered = time.monotonic() - began
        await bot.logs("ready for jobs", within=120)
        ready = time.monotonic() - began
        rows = [await ask(discord, bot, model) for model in MODELS for _ in range(REPEATS)]
        (worker,) = bot.workers
        sizes = f"memory: bot {memory(bot.pid)}, worker {memory(worker)}"
        await bot.stop()
    title = f"/compose seed:72 length:500, seconds; commands there after {registered:.1f} s, worker after {ready:.1f} s"
    return table(title, ["model", "acknowledged", "all files", *STAGES], rows) + sizes + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(measure(Path(folder))))


if __name__ == "__main__":
    main()
