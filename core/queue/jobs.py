"""Jobs as both sides of the queue and their readers see them: plain data, without the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from core.piece import Piece
from core.text import Text

UNFORESEEN = Text("Something went wrong while making this piece. Please try again, perhaps with another take.")
"""Said to a listener of an error that was not raised on purpose; the log says more."""
WAITED_TOO_LONG = Text("This piece waited too long in the queue and was given up. Please ask again.")
TOOK_TOO_LONG = Text("This piece took too long to make and was given up. Please try a shorter one.")
QUEUE_UNREACHABLE = Text("The queue cannot be reached at the moment. Please try again soon.")

JOB_SECONDS = 600
"""Time-out of a job, from the moment a worker takes it."""
COMPOSED_SHARE = 0.5
"""The progress of a job whose notes are there; the rest is rendering."""


class JobState(StrEnum):
    QUEUED = "queued"  # nobody has begun it
    RUNNING = "running"  # a worker composes or renders it
    DONE = "done"  # the piece is there
    FAILED = "failed"  # there will be no piece, and a sentence says why
    CANCELLED = "cancelled"  # the listener took it back


@dataclass(frozen=True, slots=True)
class Job:
    """A request in the queue, as it was when it was looked up."""

    id: str
    state: JobState
    place: int | None = None
    """1 for the next to begin; None once it has begun."""
    progress: float = 0.0
    """0 to 1."""
    piece: Piece | None = None
    """There once it is done."""
    error: Text | None = None
    """A sentence, there once it has failed."""
    waited: float | None = None
    """Seconds in the queue; None until it has begun."""


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """All unfinished jobs at one moment."""

    waiting: list[str] = field(default_factory=list)
    """The ids of the jobs that nobody has begun, in the order in which they will be."""
    shares: dict[str, float] = field(default_factory=dict)
    """Progress, 0 to 1, of each job that has begun and is composed or rendered."""
    seen: float = -math.inf
    """The moment, on the monotonic clock in seconds."""
    workers: int | None = None
    """How many workers live; None where that is not known."""

    @property
    def composing(self) -> dict[str, float]:
        """Progress of the composing alone, 0 to 1, of each job that is not rendered yet."""
        return {job: share / COMPOSED_SHARE for job, share in self.shares.items() if share < COMPOSED_SHARE}
