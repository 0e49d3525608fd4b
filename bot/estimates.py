"""How long a piece will wait: from what is ahead of it and from how fast the queue is seen to move."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence

from core.queue.jobs import Line
from core.request import DEFAULT_LENGTH

HALF_LIFE = 20.0
"""Seconds after which what was seen counts half."""
LEAST_SEEN = 1.0
"""Seconds that have to be watched before anything is said."""


class Estimates:
    """Watches the line. `length_of` tells how many steps a job composes, or None for a job it does not know."""

    def __init__(self, length_of: Callable[[str], int | None]) -> None:
        self._length_of = length_of
        self._last = Line()
        self._begins: dict[str, float] | None = None  # of the last look, once somebody asks
        self._steps = self._seconds = 0.0

    def see(self, line: Line) -> None:
        """To be called with every look at the line while somebody waits in it."""
        before, self._last = self._last, line
        passed = line.seen - before.seen
        if passed:
            self._begins = None
        if not 0 < passed < HALF_LIFE or not before.waiting:  # the same look, or none for so long that it says nothing
            return
        kept = 0.5 ** (passed / HALF_LIFE)
        was, now = before.composing, line.composing
        # what is gone from the line was composed to its end
        done = sum((now.get(job, 1.0) - share) * self._length(job) for job, share in was.items())
        done += sum(share * self._length(job) for job, share in now.items() if job not in was)
        self._steps = kept * self._steps + max(done, 0.0)
        self._seconds = kept * self._seconds + passed

    def wait(self, job_id: str) -> float | None:
        """In how many seconds the model will begin this job. None while that cannot be told."""
        return self._known().get(job_id)

    def eased(self, most: int) -> float | None:
        """In how many seconds no more than so many of those that wait now will be left. None while that cannot be
        told."""
        waiting = self._last.waiting
        over = min(len(waiting) - most, len(waiting))
        return self._known().get(waiting[over - 1]) if over > 0 else 0.0

    def _known(self) -> dict[str, float]:
        """When each waiting job begins: worked out once a look, for all who ask."""
        line = self._last
        if self._begins is None:
            self._begins = {}
            composing = line.composing
            if line.waiting and composing and self._seconds >= LEAST_SEEN and self._steps:
                waiting = [self._length(job) for job in line.waiting]
                left = [(1 - share) * self._length(job) for job, share in composing.items()]
                begins = begin_in(waiting, left, self._steps / self._seconds)
                self._begins = dict(zip(line.waiting, begins, strict=True))
        return self._begins

    def _length(self, job: str) -> float:
        return self._length_of(job) or DEFAULT_LENGTH


def begin_in(waiting: Sequence[float], left: Sequence[float], speed: float) -> list[float]:
    """Seconds until each of those `waiting` begins, which are of so many steps, when those at work have `left` so many,
    and `speed` steps a second are shared among as many places as are at work."""
    places = [steps * len(left) / speed for steps in left]
    heapq.heapify(places)
    begins = []
    for steps in waiting:
        begins.append(places[0])
        heapq.heapreplace(places, places[0] + steps * len(left) / speed)
    return begins


def rounded(seconds: float) -> int:
    """As people say it: 7, 20, 45, 90, 180."""
    unit = 1 if seconds < 10 else 5 if seconds < 60 else 30 if seconds < 300 else 60
    return max(1, math.ceil(seconds / unit)) * unit
