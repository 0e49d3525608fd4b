"""The delays after which workers notice that one of them is dead or hangs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Delays in seconds; a test may be in a hurry."""

    beat: float = 5.0
    """Between two heartbeats of a worker."""
    dead: float = 30.0
    """From its last heartbeat until a worker counts as dead."""
    hang: float = 60.0
    """From its last progress until a model counts as hanging: it tells that after each chunk, many times faster."""


USUAL_TIMING = Timing()
