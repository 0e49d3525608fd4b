"""Table of the stored pieces: a row for each piece that was delivered, for as long as it is kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from bot.store.database import Database
from core.errors import BadRequest
from core.piece import Heard
from core.recipe import Recipe
from core.records import known_fields
from core.text import NOTHING, Text

PIECES = sa.table(
    "nocturne_pieces",
    sa.column("id", sa.Text),
    sa.column("job_id", sa.Text),
    sa.column("user_id", sa.BigInteger),
    sa.column("private", sa.Boolean),
    sa.column("created_at", sa.Float),
    sa.column("parent", sa.Text),
    sa.column("recipe", sa.JSON),
    sa.column("duration", sa.Float),
    sa.column("notes", sa.Integer),
    sa.column("audio_format", sa.Text),
    sa.column("remark", sa.JSON),
    sa.column("pictures", sa.Integer),
    sa.column("guild_id", sa.BigInteger),
    sa.column("bytes", sa.BigInteger),
    sa.column("message_url", sa.Text),
    sa.column("heard", sa.JSON(none_as_null=True)),
)
"""The table, for statements; `bytes` are those of a piece's files."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """The row of a stored piece."""

    id: str
    """8 letters and digits that can be typed and not guessed."""
    user_id: int
    private: bool
    created_at: float
    """Seconds since 1970."""
    parent: str
    """Id of the piece that this one continues; empty where it continues none."""
    recipe: Recipe
    duration: float
    """Seconds of music."""
    notes: int
    audio_format: str
    remark: Text = NOTHING
    """A sentence about the file that the listener sent."""
    pictures: int = 0
    """The number of pictures of the model's attention."""
    guild_id: int | None = None
    """Id of the server where it was made, NO_SERVER for a direct message; None where an older version did not say."""
    message_url: str = ""
    """Address of the message that shows it; empty where only its listener saw it, or an older version did not say."""
    heard: Heard | None = None
    """None for pieces of older versions, of which some have a file that says it: see `Library.heard`."""


class PieceTable:
    """Rows of all stored pieces. Methods may raise StoreError. Rows that this version of the bot cannot read are left
    out, except by methods that give ids: so these rows are not kept for ever."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, stored: Stored, job_id: str, size: int) -> None:
        """`size` is in bytes: of all files of the piece."""
        row = {name: getattr(stored, name) for name in Stored.__slots__}
        row |= {"recipe": stored.recipe.to_json(), "remark": stored.remark.to_json()}
        row |= {"heard": asdict(stored.heard) if stored.heard else None}
        insert = sa.insert(PIECES).values(row | {"job_id": job_id, "bytes": size})
        await self._database.write(lambda connection: connection.execute(insert))

    async def find(self, piece_id: str) -> Stored | None:
        return next(iter(await self._found(PIECES.c.id == piece_id)), None)

    async def of_job(self, job_id: str) -> Stored | None:
        return next(iter(await self._found(PIECES.c.job_id == job_id)), None)

    async def of_user(self, user_id: int, first: int, count: int) -> list[Stored]:
        """Up to `count` pieces of a user, the newest first, from number `first` on, which counts from 0."""
        return await self._found(PIECES.c.user_id == user_id, first, count)

    async def has(self, piece_id: str) -> bool:
        return bool(await self._ids(PIECES.c.id == piece_id))

    async def ids_of_user(self, user_id: int) -> list[str]:
        return await self._ids(PIECES.c.user_id == user_id)

    async def ids_before(self, moment: float) -> list[str]:
        """Ids of the pieces that were stored before this moment, in seconds since 1970."""
        return await self._ids(PIECES.c.created_at < moment)

    async def oldest_ids(self, count: int) -> list[str]:
        return await self._ids(sa.true(), count)

    async def set_message(self, job_ids: Sequence[str], url: str) -> None:
        """Set the address of the message that shows the pieces of these jobs."""
        await self._set_message(PIECES.c.job_id.in_(job_ids), url)

    async def move_message(self, piece_id: str, url: str) -> None:
        """Set the address of another message that shows a piece, the latest of them."""
        await self._set_message(PIECES.c.id == piece_id, url)

    async def remove(self, piece_id: str) -> None:
        delete = sa.delete(PIECES).where(PIECES.c.id == piece_id)
        await self._database.write(lambda connection: connection.execute(delete))

    async def count(self) -> int:
        """The number of all rows."""
        return await self._number(sa.func.count())

    async def total_bytes(self) -> int:
        """The bytes of the files of all pieces."""
        return await self._number(sa.func.coalesce(sa.func.sum(PIECES.c.bytes), 0))

    async def _number(self, aggregate: Any) -> int:
        select = sa.select(aggregate).select_from(PIECES)
        return await self._database.run(lambda connection: int(connection.execute(select).scalar_one()))

    async def _set_message(self, condition: Any, url: str) -> None:
        if url:
            update = sa.update(PIECES).where(condition).values(message_url=url)
            await self._database.write(lambda connection: connection.execute(update))

    async def _ids(self, condition: Any, most: int | None = None) -> list[str]:
        """Ids of rows, the oldest first."""
        select = sa.select(PIECES.c.id).where(condition).order_by(PIECES.c.created_at).limit(most)
        return await self._database.run(lambda connection: list(connection.execute(select).scalars()))

    async def _found(self, condition: Any, first: int = 0, count: int | None = None) -> list[Stored]:
        """Rows, the newest first."""
        select = sa.select(PIECES).where(condition).order_by(PIECES.c.created_at.desc()).offset(first).limit(count)
        rows = await self._database.run(lambda connection: connection.execute(select).mappings().all())
        return [stored for row in rows if (stored := _read(row))]


def _read(row: sa.RowMapping) -> Stored | None:
    known = {name: value for name, value in row.items() if name not in ("job_id", "bytes")}
    try:
        recipe = Recipe.from_json(row["recipe"])
        remark = Text.from_json(row["remark"] or "")  # pieces of older versions have none
        heard = Heard(**known_fields(Heard, row["heard"])) if row["heard"] else None
        return Stored(**known | {"recipe": recipe, "remark": remark, "heard": heard})
    except (BadRequest, TypeError, KeyError) as error:
        _log.error("piece %s is left out, its recipe cannot be read: %s", row["id"], type(error).__name__)
        return None
