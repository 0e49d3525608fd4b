"""Whether any worker lives, as the snapshots of the queue tell, and how its absence is said."""

from __future__ import annotations

import math

from core.errors import QueueFull
from core.queue.jobs import QueueSnapshot
from core.text import NOTHING, Text

START_SECONDS = 30.0
"""What a worker usually takes from its start to its first job: 20 s on two cores, longer where there is much to do."""
REFUSED_SECONDS = 120.0
"""After so long without a worker no further piece is taken: a restart would be over."""

GETTING_READY = Text("My composer is getting ready, which takes about {seconds:g} s.", {"seconds": START_SECONDS})
RESTARTING = Text(
    "My composer is being restarted, which takes about {seconds:g} s; then your piece is made.",
    {"seconds": START_SECONDS},
)
AWAY = Text("My composer is away at the moment; your piece is made as soon as it is back.")
REFUSED = Text("my composer is away at the moment, so I can't take another piece; please try again in a few minutes")


class Workers:
    """The presence of workers, as far as this bot knows."""

    def __init__(self) -> None:
        self._seen_one = False
        self._absent_since = math.inf  # on the monotonic clock
        self._absent_seconds = 0.0

    def see(self, snapshot: QueueSnapshot) -> None:
        """Learn from a snapshot. One that does not tell counts as if a worker lived."""
        if snapshot.workers == 0:
            self._absent_since = min(self._absent_since, snapshot.seen)
            self._absent_seconds = snapshot.seen - self._absent_since
        else:
            self._seen_one, self._absent_since, self._absent_seconds = True, math.inf, 0.0

    def check(self) -> None:
        """Raises QueueFull when there has been no worker for so long that nobody knows when there will be."""
        if self._absent_seconds > REFUSED_SECONDS:
            raise QueueFull(REFUSED)

    @property
    def absence(self) -> Text:
        """The sentence for a listener who waits while no worker lives; NOTHING while one does."""
        if math.isinf(self._absent_since):
            return NOTHING
        if self._absent_seconds > REFUSED_SECONDS:
            return AWAY
        return RESTARTING if self._seen_one else GETTING_READY
