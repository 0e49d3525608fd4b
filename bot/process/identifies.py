"""Identifies: Discord lets a bot begin 1,000 sessions a day, and resets the token of one that begins more. A loop of
restarts, or of sessions that Discord ends at once, must not use them up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from discord import SessionStartLimits

RESERVE = 0.5
"""Share of a day's identifies that is used without delays, by starts and by sessions that end at once."""
LEAST_SECONDS = 5.0
"""Between two identifies, as Discord asks."""
_DAY = 86_400.0


def start_delay(limit: SessionStartLimits, shards: int) -> float:
    """Seconds to wait before a start, which identifies `shards` times. Discord keeps the count, so it outlives this
    process: once the reserve is touched, what is left is spread over the time until Discord begins to count anew."""
    left, reset_seconds = limit.remaining, limit.reset_after / 1000
    if left >= max(RESERVE * limit.total, shards):
        return 0.0
    return min(reset_seconds * shards / left, reset_seconds) if left else reset_seconds


class Identifies:
    """Delays before further identifies of a bot that runs: twice as long each time a session does not last, up to where
    a whole day of that uses no more than the share RESERVE."""

    def __init__(self, limit: SessionStartLimits, shards: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest = max(LEAST_SECONDS, _DAY * shards / (RESERVE * limit.total))
        self._clock = clock
        self._delays: dict[int, float] = {}  # by shard
        self._due: dict[int, float] = {}

    def delay(self, shard_id: int) -> float:
        """Seconds until this shard may identify."""
        return max(LEAST_SECONDS, self._due.get(shard_id, -math.inf) - self._clock())

    def note(self, shard_id: int) -> None:
        """The shard identifies now."""
        now = self._clock()
        lasted = now > self._due.get(shard_id, -math.inf) + self._longest
        self._delays[shard_id] = LEAST_SECONDS if lasted else min(2 * self._delays[shard_id], self._longest)
        self._due[shard_id] = now + self._delays[shard_id]
