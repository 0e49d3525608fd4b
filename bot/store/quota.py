"""The quota of a listener: how much may be stored of what they asked for within a day, over all servers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bot.store.daily_counts import DAY
from bot.store.database import Database, ago
from bot.store.piece_table import PIECES
from core.errors import TooManyJobs
from core.text import Text


class Quota:
    """Looks at what is stored, so a piece that its listener deletes does not count any more. One that is still in the
    making counts as a piece, but its bytes are not known: at most MAX_JOBS_PER_USER of them are too many."""

    def __init__(self, database: Database, *, pieces: int = 0, mib: int = 0) -> None:
        """0 for no limit."""
        self._database = database
        self._pieces, self._mib = pieces, mib

    async def check(self, user_id: int, further: int) -> None:
        """Raises TooManyJobs for a listener who may not have so many pieces beside those that are stored: those in the
        making and those just asked for. Raises StoreError too."""
        stored = await self._database.run(lambda connection: _of_today(connection, user_id))
        excess = len(stored) + further - self._pieces
        if self._pieces and excess > 0:
            raise TooManyJobs(_pieces_spent(self._pieces, _after(stored, excess)))
        if self._mib and (excess := _too_many(stored, self._mib * 2**20)):
            raise TooManyJobs(_bytes_spent(self._mib, _after(stored, excess)))


def _of_today(connection: sa.Connection, user_id: int) -> Sequence[Any]:
    """Time and bytes of each piece of a listener that is no older than a day, the oldest first."""
    theirs, recent = PIECES.c.user_id == user_id, PIECES.c.created_at > ago(connection, DAY)
    select = sa.select(PIECES.c.created_at, PIECES.c.bytes).where(theirs & recent)
    return connection.execute(select.order_by(PIECES.c.created_at)).all()


def _too_many(stored: Sequence[Any], most: int) -> int:
    """The number of the oldest pieces that have to be gone before all others take less than `most` bytes."""
    left = sum(row.bytes for row in stored)
    for number, row in enumerate(stored):
        if left < most:
            return number
        left -= row.bytes
    return len(stored)


def _after(stored: Sequence[Any], count: int) -> str:
    """When the `count` oldest are a day old, as Discord shows a time; some of them may be in the making still."""
    begin = stored[count - 1].created_at if count <= len(stored) else time.time()
    return f"<t:{begin + DAY:.0f}:R>"


def _pieces_spent(most: int, when: str) -> Text:
    return Text(
        "I keep up to {most} pieces a day for each listener, and you have as many; the next one is possible {when}, or"
        " once you delete some",
        {"most": most, "when": when},
    )


def _bytes_spent(most: int, when: str) -> Text:
    return Text(
        "I keep up to {most} MiB of pieces a day for each listener, and yours take as much; the next one is possible"
        " {when}, or once you delete some",
        {"most": most, "when": when},
    )
