"""Turns of listeners at what is scarce: one a listener at a time, and then one to each who waits, in rotation."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A fair semaphore of `places`. Whoever asks for many turns waits behind everybody else's next one, and never has
    two at once."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._having: set[int] = set()
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}  # by user, in the order of the rotation

    @asynccontextmanager
    async def taken(self, user_id: int) -> AsyncIterator[None]:
        """Wait for this user's turn, and hold it meanwhile."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user_id, deque()).append(turn)
        self._give()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._free += 1
                self._having.discard(user_id)
                self._move_back(user_id)
            self._give()

    def _give(self) -> None:
        """Give the free places to those whose turn it is."""
        while self._free and (user_id := self._next()) is not None:
            turn = self._waiting[user_id].popleft()
            if not self._waiting[user_id]:
                del self._waiting[user_id]
            if not turn.cancelled():
                turn.set_result(None)
                self._free -= 1
                self._having.add(user_id)

    def _move_back(self, user_id: int) -> None:
        """Put somebody who has had a turn behind everybody who waits."""
        if user_id in self._waiting:
            self._waiting[user_id] = self._waiting.pop(user_id)

    def _next(self) -> int | None:
        return next((user_id for user_id in self._waiting if user_id not in self._having), None)
