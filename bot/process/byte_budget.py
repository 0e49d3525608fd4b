"""A weighted semaphore around everything that brings the files of a piece into memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

BYTES_IN_MEMORY = 64 * 2**20
"""Of the files of pieces at a time, over all that is stored, delivered or brought back: six pieces of the largest size.
The process takes up to three times as much for a moment, as JSON, as base64 and as bytes."""


class ByteBudget:
    """Lets in whatever fits under `most` bytes together, first come, first served."""

    def __init__(self, most: int = BYTES_IN_MEMORY) -> None:
        self.most = most
        self.held_bytes = 0
        """Bytes that are in memory now."""
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def held(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room for `size` bytes, and hold it meanwhile. What is larger than everything that may be
        held is let in alone."""
        size = min(size, self.most)
        await self._acquire(size)
        try:
            yield
        finally:
            self._release(size)

    async def _acquire(self, size: int) -> None:
        if not self._waiting and self.held_bytes + size <= self.most:
            self.held_bytes += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(size, turn)
            raise

    def _give_up(self, size: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():  # it was just let in
            self._release(size)
        else:
            self._waiting.remove((size, turn))
            self._let_in()

    def _release(self, size: int) -> None:
        self.held_bytes -= size
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self.held_bytes + self._waiting[0][0] <= self.most:
            size, turn = self._waiting.popleft()
            if not turn.cancelled():
                self.held_bytes += size
                turn.set_result(None)
