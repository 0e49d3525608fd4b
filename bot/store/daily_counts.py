"""Counts of the pieces that members asked for within a day, which some servers limit. Every function works on the
connection of a transaction that its caller opened."""

from __future__ import annotations

import hashlib
from itertools import accumulate

import sqlalchemy as sa

from bot.store.database import ago, upsert
from core.errors import BadRequest

DAY = 86_400.0
NO_SERVER = 0
"""Id of the server where there is none, in a direct message."""

_asked = sa.table(
    "nocturne_asked",
    sa.column("job_id", sa.Text),
    sa.column("guild_id", sa.BigInteger),
    sa.column("user_id", sa.BigInteger),
    sa.column("asked_at", sa.Float),
    sa.column("pieces", sa.Integer),
)
_keys = sa.table("nocturne_keys", sa.column("name", sa.Text), sa.column("key", sa.Text))


def count(
    connection: sa.Connection, job_id: str, guild_id: int | None, user_id: int, *, pieces: int = 1, a_day: int = 0
) -> bool:
    """Count the pieces of a job, and remove counts that are older than a day; False when the job is counted already.
    Raises BadRequest as `check` does.

    To be called in the transaction that writes the pending reply: checked and counted in one step, no two requests can
    take the last place of a day, and the pieces count before their listener hears of them."""
    connection.execute(sa.delete(_asked).where(_asked.c.asked_at < ago(connection, DAY)))  # SQLite has one writer now
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(user_id)))
    if connection.execute(sa.select(_asked.c.job_id).where(_asked.c.job_id == job_id)).scalar():
        return False
    check(connection, guild_id, user_id, pieces=pieces, a_day=a_day)
    row = {"job_id": job_id, "guild_id": guild_id or NO_SERVER, "user_id": user_id, "pieces": pieces}
    insert = upsert(connection)(_asked).values(**row, asked_at=ago(connection, 0)).on_conflict_do_nothing()
    return connection.execute(insert.returning(_asked.c.job_id)).scalar() is not None


def check(connection: sa.Connection, guild_id: int | None, user_id: int, *, pieces: int, a_day: int) -> None:
    """Raises BadRequest when a member who asks for further `pieces` would have more than `a_day` of them within a day;
    0 for no limit, which is also that of a direct message."""
    if not a_day or guild_id is None:
        return
    counted = _counted(connection, guild_id, user_id)
    excess = sum(count for _, count in counted) + pieces - a_day
    if excess <= 0:
        return
    if pieces > a_day:
        raise BadRequest("in this server a member may have {most} pieces a day", most=a_day)
    freed = accumulate(count for _, count in counted)
    again = next(asked_at for (asked_at, _), free in zip(counted, freed, strict=True) if free >= excess) + DAY
    raise BadRequest(
        "in this server a member may have {most} pieces a day; the next one is possible {when}",
        most=a_day,
        when=f"<t:{again:.0f}:R>",
    )


def _counted(connection: sa.Connection, guild_id: int, user_id: int) -> list[tuple[float, int]]:
    """When a member asked for how many pieces within the last day, the oldest first."""
    theirs = _asked.c.user_id.in_([user_id, _pseudonym(connection, user_id)]) & (_asked.c.guild_id == guild_id)
    select = sa.select(_asked.c.asked_at, _asked.c.pieces).where(theirs & (_asked.c.asked_at > ago(connection, DAY)))
    return [(row.asked_at, row.pieces) for row in connection.execute(select.order_by(_asked.c.asked_at))]


def uncount(connection: sa.Connection, job_id: str) -> None:
    """Take back the count of a job."""
    connection.execute(sa.delete(_asked).where(_asked.c.job_id == job_id))


def forget(connection: sa.Connection, user_id: int) -> None:
    """Put a pseudonym in the place of a user's id: what they asked for counts on for its day, and names nobody."""
    pseudonym = _pseudonym(connection, user_id)
    connection.execute(sa.update(_asked).where(_asked.c.user_id == user_id).values(user_id=pseudonym))


def _pseudonym(connection: sa.Connection, user_id: int) -> int:
    """A keyed hash of a user's id. It is negative, as no id is."""
    key = connection.execute(sa.select(_keys.c.key).where(_keys.c.name == "counts")).scalar_one()
    digest = hashlib.blake2b(str(user_id).encode(), key=bytes.fromhex(key), digest_size=7).digest()
    return -1 - int.from_bytes(digest)
