"""What both sides of the queue, and those who read it, know of a job: plain data, without the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from core.request import Piece
from core.text import Text

SORRY = Text("Something went wrong while making this piece. Please try again, perhaps with another take.")
"""What a listener reads when an error was not foreseen; the log says more."""
TOO_LATE = Text("This piece waited too long in the queue and was given up. Please ask again.")
TOO_LONG = Text("This piece took too long to make and was given up. Please try a shorter one.")
UNREACHABLE = Text("The queue cannot be reached at the moment. Please try again soon.")

COMPOSED = 0.5
"""The progress of a job whose notes are there; the rest is rendering."""


class State(StrEnum):
    QUEUED = "queued"  # nobody has begun it
    RUNNING = "running"  # a worker composes or renders it
    DONE = "done"  # the piece is there
    FAILED = "failed"  # there will be no piece, and a sentence says why
    CANCELLED = "cancelled"  # the listener took it back


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job. `place` is 1 for the next to begin, None once begun; `progress` is 0 to 1; `piece` is
    there when it is done, `error` (a sentence) when it failed; `waited` is in seconds, None until it has begun."""

    id: str
    state: State
    place: int | None = None
    progress: float = 0.0
    piece: Piece | None = None
    error: Text | None = None
    waited: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """`waiting`: the ids of the jobs that nobody has begun, in the order they will be. `shares`: how far each of those
    is that are begun, 0 to 1. `seen`: when, on the monotonic clock in seconds."""

    waiting: list[str] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)
    seen: float = -math.inf

    @property
    def composing(self) -> dict[str, float]:
        """How far those are composed that the model works on, 0 to 1."""
        return {job: share / COMPOSED for job, share in self.shares.items() if share < COMPOSED}
