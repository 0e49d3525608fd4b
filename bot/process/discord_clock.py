"""Discord's clock, as the answers to the bot's requests tell it: a second opinion on what this machine says. Tokens and
deadlines go by it, so that no step of the machine's clock ends one early."""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

_BEHIND_SECONDS = 2.0
"""A `Date` has lost its fraction of a second and was on its way: one that is further behind is of a clock set back."""
_DRIFT = 1e-4
"""Seconds a second by which two clocks may drift apart."""


class DiscordClock:
    """Follows the `Date` of each answer, and goes on by the monotonic clock in between. A `Date` is in whole seconds
    and never ahead: so the answer that puts the clock furthest ahead counts, and a few of them tell tenths."""

    def __init__(self) -> None:
        self._offset: float | None = None  # of Discord's clock to the monotonic one
        self._heard_at = 0.0  # by the monotonic clock
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
            self._follow(parsedate_to_datetime(end.response.headers["Date"]).timestamp(), time.monotonic())

    def _follow(self, date: float, now: float) -> None:
        offset = date - now
        if self._offset is not None:
            kept = self._offset - _DRIFT * (now - self._heard_at)
            offset = kept if offset < kept < offset + _BEHIND_SECONDS else offset
        self._offset, self._heard_at = offset, now


DISCORD_CLOCK = DiscordClock()
"""The clock of this process."""


def moment() -> float:
    """Seconds since 1970 by DISCORD_CLOCK."""
    return DISCORD_CLOCK.moment()
