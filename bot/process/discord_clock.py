"""Discord's clock, as the answers to the bot's requests tell it: a second opinion on what this machine says. Tokens and
deadlines go by it, so that no step of the machine's clock ends one early."""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp


class DiscordClock:
    """Follows the `Date` of each answer, and goes on by the monotonic clock in between."""

    def __init__(self) -> None:
        self._offset: float | None = None  # of Discord's clock to the monotonic one
        self._own_offset = time.time() - time.monotonic()
        self.trace = aiohttp.TraceConfig()
        """To be handed to discord.py."""
        self.trace.on_request_end.append(self._hear)

    def now(self) -> float | None:
        """Seconds since 1970; None before the first answer."""
        return None if self._offset is None else self._offset + time.monotonic()

    def moment(self) -> float:
        """Seconds since 1970; before the first answer by this machine's clock, as it was set when the bot began."""
        offset = self._own_offset if self._offset is None else self._offset
        return offset + time.monotonic()

    async def _hear(self, session: aiohttp.ClientSession, context: Any, end: aiohttp.TraceRequestEndParams) -> None:
        with suppress(KeyError, ValueError):
            self._offset = parsedate_to_datetime(end.response.headers["Date"]).timestamp() - time.monotonic()


DISCORD_CLOCK = DiscordClock()
"""The clock of this process."""


def moment() -> float:
    """Seconds since 1970 by DISCORD_CLOCK."""
    return DISCORD_CLOCK.moment()
