"""A limit on how many edits Discord gets in a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class RateLimiter:
    """Counts the edits of all replies, of which Discord is to get no more than `most` in any second. An edit takes its
    place from before it is sent until a second after it was answered, so that it does not matter when it arrives."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sending = 0
        self._sent: deque[float] = deque()  # when each was answered, on the monotonic clock

    def has_room(self, reserved: int = 0) -> bool:
        """Whether there may be one more edit now, and as many as are `reserved` beside it."""
        now = time.monotonic()
        while self._sent and self._sent[0] <= now - 1:
            self._sent.popleft()
        return self._sending + len(self._sent) + reserved < self._most

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Take a place, whether there is room or not."""
        self._sending += 1
        try:
            yield
        finally:
            self._sending -= 1
            self._sent.append(time.monotonic())
