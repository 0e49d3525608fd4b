"""The ends of jobs, known soon after they come: one look at the rows of all jobs whose end is awaited, again and
again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Collection

import sqlalchemy as sa
from dbos import DBOSClient

from core.queue.engine import UNFINISHED

LOOK_SECONDS = 0.1
"""Between two looks. One takes 0.4 ms of a core, for one job as for fifty."""


class Endings:
    """Awaits the ends of jobs, any number at a time at the cost of one look."""

    def __init__(self, client: DBOSClient) -> None:
        self._database = client._sys_db
        self._awaited: Counter[str] = Counter()
        self._over: set[str] = set()
        self._seen = 0.0  # on the monotonic clock
        self._looking = asyncio.Lock()

    async def within(self, job_ids: Collection[str], seconds: float) -> bool:
        """Return True once all of these jobs are over, and False after so many seconds."""
        deadline = time.monotonic() + seconds
        self._awaited.update(job_ids)
        try:
            while not (await self._known_over()).issuperset(job_ids):
                if time.monotonic() > deadline:
                    return False
                await asyncio.sleep(LOOK_SECONDS)
            return True
        finally:
            self._awaited -= Counter(job_ids)

    async def _known_over(self) -> set[str]:
        """The awaited jobs that were over at the last look, `LOOK_SECONDS` ago or less."""
        async with self._looking:
            if time.monotonic() >= self._seen + LOOK_SECONDS:
                awaited = list(self._awaited)
                self._over = set(awaited) - await asyncio.to_thread(self._unfinished, awaited)
                self._seen = time.monotonic()
            return self._over

    def _unfinished(self, job_ids: list[str]) -> set[str]:
        """Those of these jobs that are not over. DBOS would read whole rows, at ten times the cost; so this reads its
        table, whose names are private, and a test holds on to them."""
        row = self._database.tables.workflow_status.c
        select = sa.select(row.workflow_uuid).where(row.workflow_uuid.in_(job_ids), row.status.in_(UNFINISHED))
        with self._database.engine.connect() as connection:
            return set(connection.execute(select).scalars())
