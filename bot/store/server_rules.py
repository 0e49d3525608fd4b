"""Rules of servers, as their managers set them, and the counts of pieces that some rules limit."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from bot.store.database import Database, upsert
from core.errors import BadRequest
from core.models import DEFAULT_MODEL
from core.options import ANY_STYLE, LENGTH, STEP_SECONDS

DAY = 86_400.0
NO_SERVER = 0
"""Id of the server where there is none, in a direct message."""

_rules = sa.table("nocturne_rules", sa.column("guild_id", sa.BigInteger), sa.column("rules", sa.JSON))
_asked = sa.table(
    "nocturne_asked",
    sa.column("job_id", sa.Text),
    sa.column("guild_id", sa.BigInteger),
    sa.column("user_id", sa.BigInteger),
    sa.column("asked_at", sa.Float),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of one server."""

    channels: tuple[int, ...] = ()
    """Ids of the channels where pieces may be asked for; none for all of them."""
    length: int = LENGTH.most
    """Longest piece, in steps."""
    at_once: int = 0
    """Unfinished pieces of one member; 0 for as many as the bot allows anywhere."""
    a_day: int = 0
    """Pieces of one member within 24 hours; 0 for as many as they like."""
    style: str = ANY_STYLE
    """Style of a piece for which none is named."""
    model: str = DEFAULT_MODEL
    """Model of a piece for which none is named."""
    private: bool = False
    """Whether every piece is shown only to the person who asked."""

    def allow_channel(self, *ids: int | None) -> None:
        """Raises BadRequest for a channel (or a thread and its channel) that is not among those allowed."""
        if self.channels and not set(ids) & set(self.channels):
            named = " ".join(f"<#{channel}>" for channel in self.channels)
            raise BadRequest("in this server I play only in {channels}", channels=named)

    def allow_length(self, length: int) -> None:
        """Raises BadRequest for a piece of more steps than are allowed."""
        if length > self.length:
            raise BadRequest(
                "in this server a piece may have up to {most} steps ({seconds:g} s), and this one would have {length}",
                most=self.length,
                seconds=self.length * STEP_SECONDS,
                length=length,
            )

    def usual(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options, completed by those that are usual in this server."""
        chosen = {"model": self.model, "length": min(LENGTH.usual, self.length)} | options
        if chosen["model"] == DEFAULT_MODEL and self.style != ANY_STYLE:
            chosen = {"style": self.style} | chosen
        return chosen


FREE = Rules()
"""Rules that forbid nothing."""


class RuleBook:
    """Tables of rules and counts. Methods may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, guild_id: int | None) -> Rules:
        """Rules of a server; FREE where there is no server, or none were made."""
        if guild_id is None:
            return FREE
        select = sa.select(_rules.c.rules).where(_rules.c.guild_id == guild_id)
        kept = await self._database.run(lambda connection: connection.execute(select).scalar())
        return Rules(**kept | {"channels": tuple(kept["channels"])}) if kept else FREE

    async def change(self, guild_id: int, **changes: Any) -> Rules:
        """Change some rules of a server; returns all that are in force from here on."""
        rules = replace(await self.get(guild_id), **changes)

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.delete(_rules).where(_rules.c.guild_id == guild_id))
            connection.execute(sa.insert(_rules), {"guild_id": guild_id, "rules": asdict(rules)})

        await self._database.run(write)
        return rules

    async def allow_today(self, rules: Rules, guild_id: int | None, user_id: int) -> None:
        """Raises BadRequest when a member has had as many pieces within a day as is allowed."""
        if guild_id is None or not rules.a_day:
            return
        theirs = (_asked.c.guild_id == guild_id) & (_asked.c.user_id == user_id)
        select = sa.select(_asked.c.asked_at).where(theirs & (_asked.c.asked_at > time.time() - DAY))
        times = await self._database.run(lambda connection: connection.execute(select).scalars().all())
        if len(times) >= rules.a_day:
            again = sorted(times)[-rules.a_day] + DAY
            raise BadRequest(
                "in this server a member may have {most} pieces a day; the next one is possible {when}",
                most=rules.a_day,
                when=f"<t:{again:.0f}:R>",
            )

    async def forget(self, user_id: int) -> None:
        """Remove a user's counts."""
        delete = sa.delete(_asked).where(_asked.c.user_id == user_id)
        await self._database.run(lambda connection: connection.execute(delete))


def count(connection: sa.Connection, job_id: str, guild_id: int | None, user_id: int) -> bool:
    """Count a piece that a member asked for, and remove counts that are older than a day; False when it is counted
    already. To be called in the transaction that writes its pending reply: the piece counts before its listener hears
    of it, so nobody is quick enough for one more than they may have."""
    now = time.time()
    connection.execute(sa.delete(_asked).where(_asked.c.asked_at < now - DAY))
    row = {"job_id": job_id, "guild_id": guild_id or NO_SERVER, "user_id": user_id, "asked_at": now}
    insert = upsert(connection)(_asked).values(row).on_conflict_do_nothing()
    return connection.execute(insert.returning(_asked.c.job_id)).scalar() is not None


def uncount(connection: sa.Connection, job_id: str) -> None:
    """Take back the count of a piece."""
    connection.execute(sa.delete(_asked).where(_asked.c.job_id == job_id))
