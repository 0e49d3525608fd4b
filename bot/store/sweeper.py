"""The sweeper of stored pieces: removes those that were kept long enough, and further ones where the disk is full."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable

from bot.process import metrics
from bot.store.daily_counts import DAY
from bot.store.pieces import Library

SWEEP_SECONDS = 3600.0
"""Between two sweeps; files without a row are younger while their piece is being stored."""
CLOCK_SECONDS = DAY
"""By so much the database's clock may be ahead of Discord's before it counts as wrong, and nothing is removed by it."""
USUAL_SHARE = 0.1
"""Share of all pieces. A sweep that removes more says so in the log."""
ROOM_SECONDS = 60.0
"""Between two looks at the disk."""

_log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps the pieces of a library. Methods may raise StoreError when the database cannot be reached, and OSError
    when the files cannot."""

    def __init__(
        self,
        library: Library,
        keep_days: float,
        *,
        sweep_seconds: float = SWEEP_SECONDS,
        real_time: Callable[[], float | None] = lambda: None,
        sweep_when_full: bool = False,
    ) -> None:
        """`real_time` gives the seconds since 1970 by a clock that is surely right, or None while it is not known."""
        self._library = library
        self._keep_seconds = keep_days * DAY
        self._sweep_seconds = sweep_seconds
        self._real_time = real_time
        self._sweep_when_full = sweep_when_full

    async def run(self) -> None:
        """Sweep again and again, and look after the disk more often, until cancelled."""
        due = -math.inf
        while True:
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + self._sweep_seconds
                    await self.sweep()
                await self.make_room()
                metrics.STORED_BYTES.set(await self._library.table.total_bytes())
            except Exception:
                _log.exception("old pieces could not be removed")
            await asyncio.sleep(min(ROOM_SECONDS, self._sweep_seconds))

    async def sweep(self) -> None:
        """Remove pieces that were kept long enough, and files without a row, which a crash may leave; nothing as long
        as the database's clock is far ahead of Discord's, as what is removed cannot be brought back."""
        now = await self._library.time()
        real = self._real_time()
        if real is not None and now > real + CLOCK_SECONDS:
            _log.error("no piece is removed: the database's clock is %.1f days ahead of Discord's", (now - real) / DAY)
            return
        await self._remove_expired(now - self._keep_seconds)
        await self._remove_strays()

    async def make_room(self) -> None:
        """While the disk is nearly full: say so in the log and, where that is allowed, remove the oldest tenth of all
        pieces. Whatever else fills the disk, they last some rounds."""
        disk, table = self._library.disk, self._library.table
        if not await asyncio.to_thread(lambda: disk.short):
            return
        _log.error("the disk is nearly full, %d MiB are free: no further piece is taken", disk.free / 2**20)
        if self._sweep_when_full:
            oldest = await table.oldest_ids(max(1, round(USUAL_SHARE * await table.count())))
            _log.error("the %d oldest pieces are removed early, as SWEEP_WHEN_FULL says", len(oldest))
            for piece_id in oldest:
                await self._library.remove(piece_id)

    async def _remove_expired(self, before: float) -> None:
        expired = await self._library.table.ids_before(before)
        every = await self._library.table.count()
        if len(expired) > USUAL_SHARE * every:
            _log.warning("%d of %d stored pieces are over KEEP_DAYS old and are removed now", len(expired), every)
        for piece_id in expired:
            await self._library.remove(piece_id)

    async def _remove_strays(self) -> None:
        """Remove the files of pieces without a row, once they are too old to be just being stored."""
        files = self._library.files
        names = await asyncio.to_thread(files.names)
        if not names:
            return
        now = await asyncio.to_thread(files.now)
        for name in names:
            if not await self._library.table.has(name):
                await asyncio.to_thread(self._remove_stray, name, now - self._sweep_seconds)

    def _remove_stray(self, name: str, before: float) -> None:
        files = self._library.files
        if files.written(name) < before and not files.is_foreign(name):
            files.remove(name)
