"""Estimates of the wait, from the jobs ahead in the queue and the speed at which others are composed and rendered."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from bot.delivery.workers import Workers
from core.options import LENGTH
from core.queue.jobs import QueueSnapshot

HALF_LIFE = 30.0
"""Seconds of watching after which an observation counts half. While nobody waits, the latest ones are kept."""
LEAST_ENDED = 2
"""Pieces that have to be seen to their end before anything is estimated: as long as none is rendered yet, the queue
moves faster than it will."""
RENDER_OVERHEAD = 150
"""Steps whose rendering takes as long as what is done once a piece: FluidSynth reads its sounds, a picture is drawn. On
a core 0.3 s, where a step takes 2.4 ms."""


class Work(NamedTuple):
    """Work of a job in the two stages of the worker, in steps of 0.2 s of music, or in seconds."""

    compose: float
    render: float

    @classmethod
    def of(cls, length: int, composed: bool = False) -> Self:
        """Steps of a piece of this length, which may be `composed` already."""
        return cls(0 if composed else length, length + RENDER_OVERHEAD)


@dataclass
class Speed:
    """Speed of the worker in one of the two stages. Time counts once steps are done in it: how far a piece is rendered
    is not known before it is finished."""

    _steps: float = 0.0
    _seconds: float = 0.0
    _busy: float = 0.0
    """Seconds of work whose steps are not known yet."""
    _passed: float = 0.0
    """Seconds since the latest steps."""

    def see(self, steps: float, busy: float, passed: float) -> None:
        """Learn that `steps` were done in `passed` seconds, `busy` of them spent in this stage."""
        self._busy += busy
        self._passed += passed
        if steps:
            kept = 0.5 ** (self._passed / HALF_LIFE)
            self._steps = kept * self._steps + steps
            self._seconds = kept * self._seconds + self._busy
            self._busy = self._passed = 0.0

    @property
    def seconds_per_step(self) -> float:
        return self._seconds / self._steps if self._steps else 0.0


class Estimates:
    """Estimates when jobs will begin, from the snapshots of the queue that it is shown."""

    def __init__(self, work_of: Callable[[str], Work | None]) -> None:
        """`work_of` gives the steps of a job, or None for a job that is not known, or not any more."""
        self._work_of = work_of
        self._last = QueueSnapshot()
        self._works: dict[str, Work] = {}  # of the running jobs
        self._begins: dict[str, float] | None = None  # as of the last snapshot, once they are asked for
        self.workers = Workers()
        self._composing, self._rendering = Speed(), Speed()
        self._slots = self._running = 0.0  # jobs composed, and jobs in both stages, side by side
        self._ended = 0

    @property
    def waiting(self) -> int:
        """Jobs that wait, of all bots, as of the last snapshot."""
        return len(self._last.waiting)

    def see(self, snapshot: QueueSnapshot) -> None:
        """Learn from a snapshot; to be called with each one while jobs wait."""
        before, self._last = self._last, snapshot
        passed = snapshot.seen - before.seen
        if not passed:  # the same snapshot
            return
        self.workers.see(snapshot)
        self._begins = None
        if passed < HALF_LIFE and before.waiting and before.shares:
            self._learn(before, snapshot, passed)
        self._works = {job: self._work(job) for job in snapshot.shares}

    def wait(self, job_id: str) -> float | None:
        """Seconds until the worker begins this job; None while they cannot be estimated."""
        return self._begin_times().get(job_id)

    def eased(self, most: int) -> float | None:
        """Seconds until no more than `most` of the jobs that wait now are left; None while they cannot be estimated."""
        waiting = self._last.waiting
        over = min(len(waiting) - most, len(waiting))
        return self._begin_times().get(waiting[over - 1]) if over > 0 else 0.0

    def _learn(self, before: QueueSnapshot, after: QueueSnapshot, passed: float) -> None:
        """Learn from two snapshots between which some job waited all the time."""
        was, now, back = before.composing, after.composing, set(after.waiting)  # back: its worker was killed
        composed = sum(
            (now.get(job, 1.0) - was.get(job, 0.0)) * self._work(job).compose for job in (was | now).keys() - back
        )
        ended = before.shares.keys() - after.shares.keys() - back
        rendered = sum(self._work(job).render for job in ended)
        # Both stages want the same machine. Where both were at work each is counted half of the time, so that together
        # their times are what a step takes in the long run, whichever of the two holds up the other.
        rendering = len(before.shares) > len(was)
        each = passed / (bool(was) + rendering)
        self._composing.see(max(composed, 0.0), each if was else 0.0, passed)
        self._rendering.see(rendered, each if rendering else 0.0, passed)
        self._ended += len(ended)
        kept = 0.5 ** (passed / HALF_LIFE)
        self._slots = max(len(now), kept * self._slots)  # as jobs wait, there are no more
        self._running = max(len(after.shares), kept * self._running)

    def _begin_times(self) -> dict[str, float]:
        """Seconds until each waiting job begins, worked out once a snapshot for all who ask; empty while unknown."""
        if self._begins is None:
            known = self._last.waiting and self._last.shares and self._ended >= LEAST_ENDED
            self._begins = self._estimated(self._last) if known else {}
        return self._begins

    def _estimated(self, snapshot: QueueSnapshot) -> dict[str, float]:
        composing = snapshot.composing
        times = begin_times(
            [self._seconds(job) for job in snapshot.waiting],
            [self._seconds(job, 1 - share) for job, share in composing.items()],
            [self._seconds(job).render for job in snapshot.shares if job not in composing],
            max(1, math.ceil(self._slots)),
            max(1, math.ceil(self._running)),
        )
        return dict(zip(snapshot.waiting, times, strict=True))

    def _seconds(self, job: str, left: float = 1.0) -> Work:
        """Seconds of work that are still to do where this share of the composing is left."""
        work = self._work(job)
        composing = left * work.compose * self._composing.seconds_per_step
        return Work(composing, work.render * self._rendering.seconds_per_step)

    def _work(self, job: str) -> Work:
        return self._work_of(job) or self._works.get(job) or Work.of(LENGTH.usual)


def begin_times(
    waiting: Sequence[Work], composing: Sequence[Work], rendering: Sequence[float], slots: int, most: int
) -> list[float]:
    """Seconds until each of the `waiting` jobs begins, in their order. All work is in seconds too, with the machine to
    itself. Up to `slots` jobs are composed side by side, one after another is rendered, and no more than `most` are in
    either stage. Where both stages have something to do, each goes on half as fast."""
    now = done = 0.0  # seconds from now, and seconds of work that each composed job was given by then
    composed = [(work.compose, work.render) for work in composing]  # `done` at its end, and its rendering
    heapq.heapify(composed)
    rendered = deque(rendering)
    if rendered:
        rendered[0] /= 2  # it is under way, and how far is not known
    begins = []
    for work in waiting:
        while len(composed) >= slots or len(composed) + len(rendered) >= most:
            slower = 2 if composed and rendered else 1
            end_composing = (composed[0][0] - done) * len(composed) * slower if composed else math.inf
            end_rendering = rendered[0] * slower if rendered else math.inf
            passed = min(end_composing, end_rendering)
            now += passed
            if composed:
                done += passed / (len(composed) * slower)
            if rendered:
                rendered[0] -= passed / slower
            if end_composing <= end_rendering:
                rendered.append(heapq.heappop(composed)[1])
            else:
                rendered.popleft()
        begins.append(now)
        heapq.heappush(composed, (done + work.compose, work.render))
    return begins
