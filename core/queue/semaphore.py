"""A semaphore whose next place goes to the best rank."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

Rank = tuple[float, float]


class PrioritySemaphore:
    """Lets `places` threads in at a time, and of those that wait the one of the lowest rank."""

    def __init__(self, places: int) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Rank] = []
        self._free = places
        self.places = places

    @property
    def used(self) -> int:
        """Places that are taken."""
        return self.places - self._free

    @contextmanager
    def acquired(self, rank: Rank) -> Iterator[None]:
        """Wait for a place, and hold it meanwhile."""
        with self._changed:
            self._waiting.append(rank)
            self._changed.wait_for(lambda: self._free and min(self._waiting) == rank)
            self._waiting.remove(rank)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
