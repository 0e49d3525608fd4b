"""The bot as a process of its own, `python -m bot`, which a test can kill together with its worker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from bot.settings import BotSettings
from tests.support.processes import children
from tests.support.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
MACHINE_SETTINGS = {"CHECKPOINTS", "SOUNDFONT"}
"""What the surroundings may say: where the weights and the sound are. The rest would change what is tested."""


class BotProcess:
    """Runs in `folder`, where its log and its data stay from one start to the next."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *program: str) -> None:
        """`program` is what Python starts as a module, and its arguments; the bot itself if left out."""
        self.folder = folder
        self._log = folder / "log.txt"
        self._log_before = 0  # bytes, from earlier starts
        self._program = program or ("bot",)
        ours = {name.upper() for name in BotSettings.model_fields} - MACHINE_SETTINGS
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        self._environment = kept | {"PYTHONPATH": str(ROOT), **settings}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What bot and worker have written so far."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def ready(self) -> bool:
        """Whether Discord has told it, since its last start, that it is there."""
        return "is at the piano" in self._log.read_bytes()[self._log_before :].decode()

    @property
    def exit_code(self) -> int | None:
        """None while it lives."""
        assert self._process is not None
        return self._process.poll()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The ids of the processes that the bot has started and that live."""
        return children(self.pid)

    async def logs(self, text: str, within: float = PATIENCE) -> str:
        """Wait for a line with this text; returns it."""
        await until(lambda: text in self.log, within)
        return next(line for line in self.log.splitlines() if text in line)

    async def forgets(self, texts: Collection[str]) -> None:
        """Wait until none of these stands in a file any more."""
        await until(lambda: not any(self.files_with(text) for text in texts))

    def files_with(self, text: str) -> list[str]:
        """The files of the log and of the data in which this stands."""
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        return [file.name for file in files if text.encode() in file.read_bytes()]

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._log_before = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._program], cwd=self.folder, env=self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kill -9 the bot alone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_workers(self) -> None:
        """Kill -9 what the bot has started."""
        for pid in self.workers:
            os.kill(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill -9 both at once, so that neither can tell anybody."""
        workers = self.workers
        self.kill()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)

    async def ended(self, within: float = 120.0) -> int:
        """Wait for the end; returns the exit code."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, within)

    async def stop(self) -> int:
        """Ask it to end, as Ctrl-C does; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return await self.ended()
