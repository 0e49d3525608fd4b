"""Trying again what fails because something cannot be reached at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import aiohttp
import discord

from bot.process.metrics import RETRIES
from core.errors import QueueError, StoreError

UNREACHABLE = (discord.DiscordServerError, aiohttp.ClientError, TimeoutError, OSError)
ACKNOWLEDGED_ALREADY = 40060
"""Discord's code for an interaction that was acknowledged before, perhaps by an attempt whose receipt was lost."""

_Result = TypeVar("_Result")


async def patiently(
    attempt: Callable[[], Awaitable[_Result]], passing: tuple[type[Exception], ...], waits: Sequence[float]
) -> _Result:
    """Call `attempt` until it raises nothing of the kind that passes by itself, `len(waits) + 1` times at most."""
    for seconds in waits:
        try:
            return await attempt()
        except passing as error:
            RETRIES.labels("queue" if isinstance(error, QueueError | StoreError) else "discord").inc()
            await asyncio.sleep(seconds)
    return await attempt()
