"""Trying again what fails because Discord or the database cannot be reached at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import aiohttp
import discord

from bot.process.metrics import RETRIES
from core.errors import QueueError, StoreError

DISCORD_UNREACHABLE = (discord.DiscordServerError, aiohttp.ClientError, TimeoutError, OSError)
DATABASE_UNREACHABLE = (QueueError, StoreError)
ACKNOWLEDGED_ALREADY = 40060
"""Discord's code for an interaction that was acknowledged before, perhaps by an attempt whose receipt was lost."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Retry:
    """`await Retry(on, delays)(function, *arguments)` calls the function until it raises no error that passes,
    `len(delays) + 1` times at most."""

    on: tuple[type[Exception], ...]
    """Errors that pass by themselves."""
    delays: Sequence[float]
    """Seconds before each further attempt."""

    async def __call__(
        self,
        function: Callable[_Arguments, Awaitable[_Result]],
        *arguments: _Arguments.args,
        **options: _Arguments.kwargs,
    ) -> _Result:
        for seconds in self.delays:
            try:
                return await function(*arguments, **options)
            except Exception as error:
                if not self._passes(error):
                    raise
                RETRIES.labels("queue" if isinstance(error, DATABASE_UNREACHABLE) else "discord").inc()
                await asyncio.sleep(seconds)
        return await function(*arguments, **options)

    def _passes(self, error: Exception) -> bool:
        """Whether an error passes by itself. A rate limit of Discord's does, for which discord.py has waited five times
        by then."""
        limited = isinstance(error, discord.HTTPException) and error.status == 429
        return isinstance(error, self.on) or (limited and discord.DiscordServerError in self.on)
