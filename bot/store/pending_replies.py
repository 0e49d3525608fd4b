"""Table of the pending replies of all bots. A bot that was killed goes on with its own, and others take them over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from bot.store.daily_counts import DAY, count, uncount
from bot.store.database import Database, ago, upsert
from bot.store.pending_reply import PendingReply, is_newer
from core.errors import BadRequest
from core.process.database import now

LEASE_SECONDS = 30.0
"""Other bots leave a pending reply to its bot for so long after that one was last heard of."""
FORGOTTEN_SECONDS = DAY
"""After so long without any bot, nobody will answer any more."""

Condition: TypeAlias = Callable[[sa.Connection], sa.ColumnElement[bool]]

_log = logging.getLogger(__name__)
_table = sa.table(
    "nocturne_answers",
    sa.column("job_id", sa.Text),
    sa.column("answer", sa.JSON),
    sa.column("owner", sa.Text),
    sa.column("lease", sa.Double),
)
_ROWS = sa.select(_table.c.job_id, _table.c.answer)


class PendingReplies:
    """Table of the pending replies of all bots. Each belongs to one bot, its `owner`, as long as that one renews its
    lease. Methods may raise StoreError."""

    def __init__(self, database: Database, owner: str = "bot", *, lease_seconds: float = LEASE_SECONDS) -> None:
        """`owner` is the name of this bot, which lasts when it is started again."""
        self._database, self._owner = database, owner
        self.lease_seconds = lease_seconds
        self._unreadable: set[str] = set()  # the log has told of these

    async def add(self, pending: PendingReply, a_day: int = 0) -> bool:
        """Make a pending reply this bot's, and count it for the rules of its server; False when another bot that got
        the same interaction was faster, and has perhaps answered it already. Raises BadRequest when its member would
        have more than `a_day` pieces within a day; 0 for no limit."""
        destination = pending.destination

        def add(connection: sa.Connection) -> bool:
            row = {"job_id": pending.job_id, "answer": pending.to_json(), "owner": self._owner}
            insert = upsert(connection)(_table).values(**row, lease=self._expiry(connection)).on_conflict_do_nothing()
            asked = (pending.job_id, destination.guild_id, destination.user_id)
            if (
                count(connection, *asked, pieces=pending.pieces, a_day=a_day)
                and connection.execute(insert.returning(_table.c.job_id)).scalar()
            ):
                return True
            select = sa.select(_table.c.owner).where(_table.c.job_id == pending.job_id)
            return connection.execute(select).scalar() == self._owner

        return await self._database.write(add)

    async def all(self) -> list[PendingReply]:
        """Pending replies of all bots, the oldest interaction first, without rows that this version cannot read."""
        return self._read(await self._database.run(lambda connection: connection.execute(_ROWS).all()))

    async def take_over(self) -> list[PendingReply]:
        """Make those this bot's whose lease has run out, and return them. Rows that cannot be read were perhaps written
        by a newer version, and stay as they are."""
        taken, _ = await self._take(_lapsed)
        return taken

    async def take_back(self) -> list[PendingReply]:
        """After a restart: renew and return those that were this bot's before, or nobody's, as older bots left them.
        Rows that cannot be read are removed; those that a newer version wrote only a day after their lease, as it may
        be started again."""
        taken, unreadable = await self._take(lambda _: _table.c.owner.in_([self._owner, ""]))
        for row in unreadable:
            if row.is_forgotten or not is_newer(row.answer):
                await self.remove(row.job_id)
        return taken

    async def _take(self, condition: Condition) -> tuple[list[PendingReply], list[Any]]:
        """Make those this bot's that meet a condition and can be read; returns them, and the rows that cannot."""

        def take(connection: sa.Connection) -> tuple[list[PendingReply], list[Any]]:
            chosen = condition(connection)
            forgotten = _lapsed(connection, FORGOTTEN_SECONDS).label("is_forgotten")
            rows = connection.execute(_ROWS.add_columns(forgotten).where(chosen)).all()
            read = {pending.job_id: pending for pending in self._read(rows)}
            update = sa.update(_table).where(chosen, _table.c.job_id.in_(read))
            update = update.values(owner=self._owner, lease=self._expiry(connection))
            taken = set(connection.execute(update.returning(_table.c.job_id)).scalars())  # another may have been faster
            unreadable = [row for row in rows if row.job_id not in read]
            return [pending for job_id, pending in read.items() if job_id in taken], unreadable

        return await self._database.write(take)

    async def renew(self, job_ids: Collection[str]) -> set[str]:
        """Renew the leases of these jobs; returns the ids of those that still belong to this bot."""

        def renew(connection: sa.Connection) -> set[str]:
            mine = sa.and_(_table.c.owner == self._owner, _table.c.job_id.in_(job_ids))
            update = sa.update(_table).where(mine).values(lease=self._expiry(connection))
            return set(connection.execute(update.returning(_table.c.job_id)).scalars())

        return await self._database.write(renew)

    async def others(self, known: Mapping[str, PendingReply]) -> dict[str, PendingReply]:
        """Pending replies of other bots, by job; those that are `known` already are not read again."""

        def look(connection: sa.Connection) -> tuple[set[str], Sequence[Any]]:
            theirs = _table.c.owner != self._owner
            ids = set(connection.execute(sa.select(_table.c.job_id).where(theirs)).scalars())
            new = ids - known.keys()
            return ids, connection.execute(_ROWS.where(_table.c.job_id.in_(new))).all() if new else []

        ids, rows = await self._database.run(look)
        read = {pending.job_id: pending for pending in self._read(rows)}
        return {job_id: pending for job_id, pending in known.items() if job_id in ids} | read

    async def find(self, job_id: str) -> PendingReply | None:
        """The pending reply of a job, whichever bot's; None when it was answered, or never asked for."""
        select = _ROWS.where(_table.c.job_id == job_id)
        found = self._read(await self._database.run(lambda connection: connection.execute(select).all()))
        return found[0] if found else None

    async def job_ids(self) -> set[str]:
        """The ids of all rows, those of all bots and those that cannot be read included."""
        select = sa.select(_table.c.job_id)
        return await self._database.run(lambda connection: set(connection.execute(select).scalars()))

    async def change(self, pending: PendingReply) -> None:
        """Write what is known by now of one of this bot's."""
        mine = sa.and_(_table.c.owner == self._owner, _table.c.job_id == pending.job_id)
        update = sa.update(_table).where(mine).values(answer=pending.to_json())
        await self._database.write(lambda connection: connection.execute(update))

    async def uncount(self, job_id: str) -> None:
        """Take the job out of the counts for the rules of its server: nothing can be made of it."""
        await self._database.write(lambda connection: uncount(connection, job_id))

    async def remove(self, job_id: str) -> None:
        delete = sa.delete(_table).where(_table.c.job_id == job_id)
        await self._database.write(lambda connection: connection.execute(delete))

    def _read(self, rows: Sequence[Any]) -> list[PendingReply]:
        found = []
        for row in rows:
            try:
                found.append(PendingReply.from_json(row.answer))
            except (BadRequest, TypeError, KeyError) as error:
                if row.job_id not in self._unreadable:
                    _log.error("job %s is left out, its row cannot be read: %s", row.job_id, type(error).__name__)
                self._unreadable.add(row.job_id)
        return sorted(found, key=lambda pending: pending.destination.accepted_at)

    def _expiry(self, connection: sa.Connection) -> sa.ColumnElement[float]:
        return sa.literal_column(f"{now(connection)} + {self.lease_seconds}", sa.Double)


def _lapsed(connection: sa.Connection, seconds: float = 0.0) -> sa.ColumnElement[bool]:
    """Whether the lease of a row ran out so many seconds ago."""
    return _table.c.lease < ago(connection, seconds)
