"""Tasks that run beside everything else until the bot ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Running tasks by name."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def names(self) -> set[str]:
        return set(self._tasks)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[name] = task = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: self._tasks.pop(name))

    def cancel(self, name: str) -> None:
        self._tasks[name].cancel()

    async def close(self) -> None:
        """Cancel all tasks, and wait for their end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
