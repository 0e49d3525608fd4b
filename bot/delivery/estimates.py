"""How long a piece will wait: from what is ahead of it, and from how fast that is seen to be composed and recorded."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from core.queue.jobs import QueueSnapshot
from core.request import DEFAULT_LENGTH

HALF_LIFE = 30.0
"""Seconds of watching after which what was seen counts half. While nobody waits, what was seen last is kept."""
LEAST_ENDED = 2
"""Pieces that have to be seen to their end before anything is said: as long as none is recorded yet, the line moves
faster than it will."""
BESIDE = 150
"""Steps. As long as these takes what recording takes whatever the length: FluidSynth reads its sounds, a picture is
drawn. On a core 0.3 s, where a step takes 2.4 ms."""


class Work(NamedTuple):
    """What a job takes in its two stages: steps of 0.2 s of music, or seconds."""

    compose: float
    record: float

    @classmethod
    def of(cls, length: int, composed: bool = False) -> Self:
        """What a piece takes that is `length` steps long, and perhaps `composed` already."""
        return cls(0 if composed else length, length + BESIDE)


@dataclass
class Stage:
    """How much was done in one of the two, and in how many seconds. Time counts once something was done in it, for of
    a piece that is being recorded nobody tells how far it is."""

    _steps: float = 0.0
    _seconds: float = 0.0
    _busy: float = 0.0  # seconds that do not count yet
    _passed: float = 0.0

    def see(self, steps: float, busy: float, passed: float) -> None:
        """In the last seconds that `passed`, for so many of which it was `busy`, it did so many `steps`."""
        self._busy += busy
        self._passed += passed
        if steps:
            kept = 0.5 ** (self._passed / HALF_LIFE)
            self._steps = kept * self._steps + steps
            self._seconds = kept * self._seconds + self._busy
            self._busy = self._passed = 0.0

    @property
    def cost(self) -> float:
        """Seconds a step."""
        return self._seconds / self._steps if self._steps else 0.0


class Estimates:
    """Watches the line. `work_of` tells how many steps there are to compose and to record of a job, or None for a job
    it does not know, or not any more."""

    def __init__(self, work_of: Callable[[str], Work | None]) -> None:
        self._work_of = work_of
        self._last = QueueSnapshot()
        self._works: dict[str, Work] = {}  # of those at work
        self._begins: dict[str, float] | None = None  # of the last look, once somebody asks
        self._composing, self._recording = Stage(), Stage()
        self._places = self._most = 0.0  # of jobs in the first stage, and in both
        self._ended = 0

    def see(self, line: QueueSnapshot) -> None:
        """To be called with every look at the line while somebody waits in it."""
        before, self._last = self._last, line
        passed = line.seen - before.seen
        if not passed:  # the same look
            return
        self._begins = None
        if passed < HALF_LIFE and before.waiting and before.shares:
            self._learn(before, line, passed)
        self._works = {job: self._work(job) for job in line.shares}

    def _learn(self, before: QueueSnapshot, line: QueueSnapshot, passed: float) -> None:
        """From two looks, between which there was always somebody who waited."""
        was, now, back = before.composing, line.composing, set(line.waiting)  # back: its worker was killed
        composed = sum(
            (now.get(job, 1.0) - was.get(job, 0.0)) * self._work(job).compose for job in (was | now).keys() - back
        )
        ended = before.shares.keys() - line.shares.keys() - back
        recorded = sum(self._work(job).record for job in ended)
        # Both stages want the same machine. Where both were at work each is counted half of the time, so that together
        # their costs are what a step takes in the long run, whichever of the two holds up the other.
        recording = len(before.shares) > len(was)
        each = passed / (bool(was) + recording)
        self._composing.see(max(composed, 0.0), each if was else 0.0, passed)
        self._recording.see(recorded, each if recording else 0.0, passed)
        self._ended += len(ended)
        kept = 0.5 ** (passed / HALF_LIFE)
        self._places = max(len(now), kept * self._places)  # as somebody waits, there are no more
        self._most = max(len(line.shares), kept * self._most)

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
            if line.waiting and line.shares and self._ended >= LEAST_ENDED:
                composing = line.composing
                begins = begin_in(
                    [self._seconds(job) for job in line.waiting],
                    [self._seconds(job, 1 - share) for job, share in composing.items()],
                    [self._seconds(job).record for job in line.shares if job not in composing],
                    max(1, math.ceil(self._places)),
                    max(1, math.ceil(self._most)),
                )
                self._begins = dict(zip(line.waiting, begins, strict=True))
        return self._begins

    def _seconds(self, job: str, left: float = 1.0) -> Work:
        """What is still to do, where so much of the composing is left."""
        work = self._work(job)
        return Work(left * work.compose * self._composing.cost, work.record * self._recording.cost)

    def _work(self, job: str) -> Work:
        return self._work_of(job) or self._works.get(job) or Work.of(DEFAULT_LENGTH)


def begin_in(
    waiting: Sequence[Work], composing: Sequence[Work], recording: Sequence[float], places: int, most: int
) -> list[float]:
    """Seconds until each of those `waiting` begins, in their order; what is left to do is in seconds too, with the
    machine to itself. Composed are up to `places` side by side, recorded is one after another, and no more than `most`
    are at work. Where both stages have something to do, each gets on half as fast."""
    now = done = 0.0  # seconds from now, and what each of those that are composed was given by then
    composed = [(work.compose, work.record) for work in composing]  # `done` at its end, and what comes then
    heapq.heapify(composed)
    recorded = deque(recording)
    if recorded:
        recorded[0] /= 2  # it was begun, and nobody tells when
    begins = []
    for work in waiting:
        while len(composed) >= places or len(composed) + len(recorded) >= most:
            slower = 2 if composed and recorded else 1
            end_composing = (composed[0][0] - done) * len(composed) * slower if composed else math.inf
            end_recording = recorded[0] * slower if recorded else math.inf
            passed = min(end_composing, end_recording)
            now += passed
            if composed:
                done += passed / (len(composed) * slower)
            if recorded:
                recorded[0] -= passed / slower
            if end_composing <= end_recording:
                recorded.append(heapq.heappop(composed)[1])
            else:
                recorded.popleft()
        begins.append(now)
        heapq.heappush(composed, (done + work.compose, work.record))
    return begins
