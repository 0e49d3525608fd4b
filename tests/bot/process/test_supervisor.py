"""The worker that the bot brings along is there while the bot is, and only then."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.process.supervisor import Supervisor, without_token
from tests.support.processes import alive
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

NOTE = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n')"
OBEDIENT = f"{NOTE}; sys.stdin.read()"
STUBBORN = f"{NOTE}; import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def supervisor(code: str, notes: Path, **times: float) -> Supervisor:
    quick = {"first_delay": 0.05, "longest_delay": 0.2, "leave_seconds": 0.3}
    return Supervisor((sys.executable, "-c", code, str(notes)), **quick | times)


def pids(notes: Path) -> list[int]:
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


async def test_a_killed_worker_is_started_again(tmp_path: Path):
    """`kill -9` of the worker brings another one, and leaving brings the end of that."""
    notes = tmp_path / "notes"
    async with supervisor(OBEDIENT, notes):
        await until(lambda: len(pids(notes)) == 1)
        os.kill(pids(notes)[0], signal.SIGKILL)
        await until(lambda: len(pids(notes)) == 2)
        assert alive(pids(notes)[1])
    assert not any(map(alive, pids(notes)))


async def test_a_worker_that_will_not_leave_is_killed(tmp_path: Path):
    """One that ignores the end of its standard input and SIGTERM does not outlive the bot."""
    notes = tmp_path / "notes"
    async with supervisor(STUBBORN, notes, leave_seconds=0.1):
        await until(lambda: pids(notes))
    assert not alive(pids(notes)[0])


async def test_a_crash_loop_is_a_line_a_crash(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A worker that cannot start is tried again with growing delays; each end is one line, without a traceback."""
    # one that lived for the longest delay, as long as a busy machine may take to start it, counts as a first again
    async with supervisor(f"{NOTE}; sys.exit(2)", tmp_path / "notes", longest_delay=60):
        await until(lambda: len(caplog.records) >= 3)
    said = [record.getMessage() for record in caplog.records[:3]]
    assert [line.partition(" after ")[0] for line in said] == ["the worker ended with exit code 2"] * 3
    assert [line.rpartition(" in ")[2] for line in said] == ["0.05 s", "0.1 s", "0.2 s"]
    assert "3 times in a row" in said[2]


async def test_a_worker_that_cannot_even_be_started_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A missing program is a line as well, and tried again."""
    async with Supervisor((str(tmp_path / "nothing"),), first_delay=0.01):
        await until(lambda: len(caplog.records) >= 2)
    assert "could not be started (No such file or directory)" in caplog.records[0].getMessage()


async def test_the_worker_ends_when_the_bot_is_killed(tmp_path: Path):
    """`kill -9` of the bot closes the worker's standard input, and with it the worker."""
    notes = tmp_path / "notes"
    bot = await asyncio.create_subprocess_exec(sys.executable, "-c", BOT, OBEDIENT, str(notes))
    await until(lambda: pids(notes))
    bot.kill()
    await bot.wait()
    await until(lambda: not alive(pids(notes)[0]))


BOT = """
import asyncio, sys
from bot.process.supervisor import Supervisor

async def run():
    async with Supervisor((sys.executable, "-c", *sys.argv[1:])):
        await asyncio.sleep(60)

asyncio.run(run())
"""


async def test_the_worker_does_not_get_the_token():
    """Neither DISCORD_TOKEN nor another spelling that the settings would take reaches the worker."""
    environment = {"DISCORD_TOKEN": "secret", "discord_token": "secret", "DATA_DIR": "data"}
    assert without_token(environment) == {"DATA_DIR": "data"}
