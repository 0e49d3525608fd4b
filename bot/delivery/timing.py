"""Delays and time limits of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All times are in seconds. Tests hand in others than these."""

    poll: float = 0.5
    """Between two looks at a job."""
    edit: float = 2.0
    """Between two messages of progress to one listener, at least."""
    renew: float = 5.0
    """Between two renewals of the leases."""
    sweep: float = 3600.0
    """Between two looks for jobs in the queue whose replies were delivered."""
    admit: float = 2.0
    """Limit for what has to be known before a request is accepted, from the first look at its interaction. Discord
    gives 3 s in all, and what one step does not take of them the next one has."""
    acknowledge_delays: Sequence[float] = (0.2, 0.4)
    """Before each further attempt to acknowledge an interaction, within the same 3 s."""
    note: float = 2.4
    """Limit for the row of an interaction that is not acknowledged yet, from the same moment."""
    mention: float = 30.0
    """A listener who has waited longer is notified by a message of its own, which mentions them: they may have looked
    away."""
    cancel: float = 30.0
    """Limit for the replies to jobs that their listener cancels all at once."""
    database_delays: Sequence[float] = (0.5, 1, 2, 4, 8, 16)
    """Before each further attempt, while the database cannot be reached."""
    discord_delays: Sequence[float] = (1, 2, 4, 8, 16, 32, *[60] * 15)
    """Before each further attempt, while Discord cannot be reached."""
