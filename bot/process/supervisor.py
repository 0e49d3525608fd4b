"""Supervisor of the worker that the bot brings along: starts it, starts it again when it ends, and ends it with the
bot."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

WORKER_COMMAND = (sys.executable, "-m", "core.worker", "--end-with-parent")
FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
"""Seconds from an end to the next start: twice as long each time, until a worker has lived for `LONGEST_DELAY`."""
LEAVE_SECONDS = 10.0
"""Seconds between closing a worker's standard input, SIGTERM and SIGKILL."""

_TOKEN = "DISCORD_TOKEN"

_log = logging.getLogger(__name__)


class Supervisor:
    """`async with Supervisor():` keeps a worker running."""

    def __init__(
        self,
        command: Sequence[str] = WORKER_COMMAND,
        *,
        first_delay: float = FIRST_DELAY,
        longest_delay: float = LONGEST_DELAY,
        leave_seconds: float = LEAVE_SECONDS,
    ) -> None:
        self._command = command
        self._first_delay = first_delay
        self._longest_delay = longest_delay
        self._leave_seconds = leave_seconds

    async def __aenter__(self) -> Supervisor:
        self._task = asyncio.create_task(self._keep_running(), name="worker-supervisor")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _keep_running(self) -> None:
        failures = 0
        while True:
            begun = time.monotonic()
            how = await self._run_once()
            lived = time.monotonic() - begun
            failures = 1 if lived >= self._longest_delay else failures + 1
            delay = min(self._first_delay * 2 ** min(failures - 1, 30), self._longest_delay)
            again = "" if failures == 1 else f", {failures} times in a row"
            _log.error("the worker %s after %.0f s%s; it is started again in %g s", how, lived, again, delay)
            await asyncio.sleep(delay)

    async def _run_once(self) -> str:
        """Run one worker from its start to its end; returns how it ended. Cancelled, it ends the worker."""
        try:
            worker = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,  # closes with the bot, even at kill -9, and the worker ends with it
                env=without_token(os.environ),
                start_new_session=True,  # a Ctrl-C is for the bot, which then ends the worker
            )
        except OSError as error:
            return f"could not be started ({error.strerror})"
        try:
            code = await worker.wait()
        except asyncio.CancelledError:
            await self._end(worker)
            raise
        return f"ended with exit code {code}" if code >= 0 else f"was killed by signal {-code}"

    async def _end(self, worker: asyncio.subprocess.Process) -> None:
        """Close the worker's standard input, then ask it, then kill it. Its jobs are in the queue."""
        if worker.stdin:
            worker.stdin.close()
        for insist in (worker.terminate, worker.kill):
            try:
                await asyncio.wait_for(worker.wait(), self._leave_seconds)
                return
            except TimeoutError:
                with suppress(ProcessLookupError):
                    insist()
        await worker.wait()


def without_token(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.upper() != _TOKEN}
