"""Stored pieces: a row of the database and a few files for each piece that was delivered, for as long as is set."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import math
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.process import metrics
from bot.process.byte_budget import ByteBudget
from bot.store.daily_counts import DAY, NO_SERVER
from bot.store.database import Database
from bot.store.disk import Disk
from bot.store.files import COMPOSED, HEARD, ID, MIDI, PICTURE, Files, attention, sound
from bot.store.pending_reply import PendingReply
from bot.store.quota import Quota
from core.errors import BadRequest, StoreError
from core.piece import Heard, Piece
from core.records import known_fields
from core.request import Recipe
from core.text import NOTHING, Text

GONE = Text("this piece is no longer stored")
SWEEP_SECONDS = 3600.0
"""Between two sweeps; files without a row are younger while their piece is being stored."""

CLOCK_SECONDS = 86_400.0
"""By so much the database's clock may be ahead of Discord's before it counts as wrong, and nothing is removed by it."""
USUAL_SHARE = 0.1
"""Share of all pieces. A sweep that removes more says so in the log."""

ROOM_SECONDS = 60.0
"""Between two looks at the disk."""
_table = sa.table(
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
)
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
    """How many pictures there are of the model's attention."""
    guild_id: int | None = None
    """Id of the server where it was made, NO_SERVER for a direct message; None where an older version did not say."""
    message_url: str = ""
    """Address of the message that shows it; empty where only its listener saw it, or an older version did not say."""


class Library:
    """All stored pieces. Methods may raise StoreError when the database cannot be reached, and OSError when the files
    cannot."""

    def __init__(
        self,
        database: Database,
        files: str | Path,
        keep_days: float,
        *,
        sweep_seconds: float = SWEEP_SECONDS,
        real_time: Callable[[], float | None] = lambda: None,
        quota: Quota | None = None,
        least_free: int = 0,
        sweep_when_full: bool = False,
    ) -> None:
        """`files` is a folder, or an address that fsspec knows. `real_time` gives the seconds since 1970 by a clock
        that is surely right, or None while it is not known. With less than `least_free` bytes on the disk there
        is no room for a further piece, and the oldest are removed early where that is allowed."""
        self._database, self._files = database, Files(str(files))
        self._keep_seconds = keep_days * DAY
        self._sweep_seconds = sweep_seconds
        self._real_time = real_time
        folders = [*filter(None, [self._files.folder, database.folder])]
        self.disk = Disk(folders, least_free)
        """Where pieces and the embedded database are."""
        self._sweep_when_full = sweep_when_full
        self.quota = quota or Quota(database)
        """Of each listener."""
        self.memory = ByteBudget()
        """For everything that has the files of pieces in memory, those that come out of the queue too."""

    async def claim(self) -> None:
        """Make the place of the files Nocturne's. Raises BadSetting and StoreError, as `Files.claim` does."""
        await asyncio.to_thread(self._files.claim)

    async def add(self, pending: PendingReply, piece: Piece) -> Stored:
        """Keep the piece that a reply brings; added twice, it is one piece."""
        if known := await self._found(_table.c.job_id == pending.job_id):
            return known[0]
        stored = Stored(
            id=base64.b32encode(secrets.token_bytes(5)).decode().lower(),
            user_id=pending.destination.user_id,
            private=pending.destination.private,
            created_at=await self._database.time(),
            parent=pending.parent,
            recipe=piece.recipe,
            duration=piece.duration,
            notes=piece.notes,
            audio_format=piece.audio_format,
            remark=pending.remark,
            pictures=len(piece.attention),
            guild_id=pending.destination.guild_id or NO_SERVER,
        )
        size = await self._write(stored.id, piece)  # before the row: files without one are found by a sweep
        row = {name: getattr(stored, name) for name in Stored.__slots__}
        row |= {
            "job_id": pending.job_id,
            "bytes": size,
            "recipe": stored.recipe.to_json(),
            "remark": stored.remark.to_json(),
        }
        await self._database.write(lambda connection: connection.execute(sa.insert(_table), row))
        return stored

    async def _write(self, piece_id: str, piece: Piece) -> int:
        """Returns how many bytes the files take."""
        files = {MIDI: piece.midi, COMPOSED: piece.composed, PICTURE: piece.picture}
        files |= {sound(piece.audio_format): piece.audio}
        files |= {attention(number): picture for number, picture in enumerate(piece.attention)}
        if piece.heard:
            files[HEARD] = json.dumps(asdict(piece.heard)).encode()
        try:
            await asyncio.to_thread(self._files.write, piece_id, files)
        except OSError:  # the disk may be full, and a part of the files only takes more of it
            await asyncio.to_thread(self._files.remove, piece_id)
            raise
        return sum(map(len, files.values()))

    async def _read(self, piece_id: str, names: Sequence[str]) -> list[bytes]:
        try:
            return await asyncio.to_thread(self._files.read, piece_id, names)
        except FileNotFoundError as error:
            raise BadRequest(GONE) from error

    async def note_message(self, job_ids: Sequence[str], url: str) -> None:
        """Note where the pieces of these jobs were delivered."""
        await self._set_message(_table.c.job_id.in_(job_ids), url)

    async def move_message(self, piece_id: str, url: str) -> None:
        """Note another message that shows a piece, the latest of them."""
        await self._set_message(_table.c.id == piece_id, url)

    async def _set_message(self, condition: Any, url: str) -> None:
        if url:
            update = sa.update(_table).where(condition).values(message_url=url)
            await self._database.write(lambda connection: connection.execute(update))

    async def find(self, piece_id: str) -> Stored | None:
        """The row of a piece; None where there is none, or none any more: the ids of removed pieces are not kept."""
        # an impossible id is not looked up: PostgreSQL refuses some texts that can be typed
        found = await self._found(_table.c.id == piece_id) if re.fullmatch(ID, piece_id) else []
        return found[0] if found else None

    async def get(self, piece_id: str) -> Stored:
        """The row of a piece that was stored once. Raises BadRequest when it is not any more."""
        if (stored := await self.find(piece_id)) is None:
            raise BadRequest(GONE)
        return stored

    async def owner(self, piece_id: str) -> int | None:
        """Id of the listener who asked for a piece; None where it is not there, or cannot be looked up now."""
        with suppress(BadRequest, StoreError):
            return (await self.get(piece_id)).user_id
        return None

    async def piece(self, stored: Stored) -> Piece:
        """The piece with all its files. Raises BadRequest when they are gone."""
        names = [MIDI, sound(stored.audio_format), PICTURE, COMPOSED, *map(attention, range(stored.pictures))]
        midi, audio, picture, composed, *pictures = await self._read(stored.id, names)
        return Piece(
            recipe=stored.recipe,
            duration=stored.duration,
            notes=stored.notes,
            midi=midi,
            audio=audio,
            picture=picture,
            seconds={},
            audio_format=stored.audio_format,
            composed=composed,
            attention=tuple(pictures),
            heard=await self.heard(stored),
        )

    @asynccontextmanager
    async def opened(self, stored: Stored) -> AsyncIterator[Piece]:
        """The piece with all its files, once there is room for them in memory; they take it until the block ends.
        Raises BadRequest when they are gone."""
        async with self.memory.held(await asyncio.to_thread(self._files.size, stored.id)):
            yield await self.piece(stored)

    async def composed(self, stored: Stored) -> bytes:
        """The .mid as it was composed, which is small. Raises BadRequest when it is gone."""
        [composed] = await self._read(stored.id, [COMPOSED])
        return composed

    async def heard(self, stored: Stored) -> Heard | None:
        """What is to be heard in a piece; those of older versions do not tell."""
        try:
            [content] = await asyncio.to_thread(self._files.read, stored.id, [HEARD])
            return Heard(**known_fields(Heard, json.loads(content)))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    async def of(self, user_id: int, first: int, count: int) -> list[Stored]:
        """Up to `count` pieces of a user, the newest first, from number `first` on, which counts from 0."""
        return await self._found(_table.c.user_id == user_id, first, count)

    async def remove(self, piece_id: str) -> None:
        """Remove row and files of a piece; nothing happens when they are gone already."""
        delete = sa.delete(_table).where(_table.c.id == piece_id)
        await self._database.write(lambda connection: connection.execute(delete))
        await asyncio.to_thread(self._files.remove, piece_id)

    async def forget(self, user_id: int) -> None:
        """Remove all of a user's pieces."""
        for piece_id in await self._ids(_table.c.user_id == user_id):
            await self.remove(piece_id)

    async def sweep(self) -> None:
        """Remove pieces that were kept long enough, and files without a row, which a crash may leave; nothing as long
        as the database's clock is far ahead of Discord's, as what is removed cannot be brought back."""
        now = await self._database.time()
        real = self._real_time()
        if real is not None and now > real + CLOCK_SECONDS:
            _log.error("no piece is removed: the database's clock is %.1f days ahead of Discord's", (now - real) / DAY)
            return
        await self._remove_expired(now - self._keep_seconds)
        await self._remove_strays()

    async def _remove_expired(self, before: float) -> None:
        expired = await self._ids(_table.c.created_at < before)
        every = await self._count()
        if len(expired) > USUAL_SHARE * every:
            _log.warning("%d of %d stored pieces are over KEEP_DAYS old and are removed now", len(expired), every)
        for piece_id in expired:
            await self.remove(piece_id)

    async def _remove_strays(self) -> None:
        """Remove the files of pieces without a row, once they are too old to be just being stored."""
        names = await asyncio.to_thread(self._files.names)
        if not names:
            return
        now = await asyncio.to_thread(self._files.now)
        for name in names:
            if not await self._ids(_table.c.id == name):
                await asyncio.to_thread(self._remove_stray, name, now - self._sweep_seconds)

    def _remove_stray(self, name: str, before: float) -> None:
        if self._files.written(name) < before and not self._files.is_foreign(name):
            self._files.remove(name)

    async def make_room(self) -> None:
        """While the disk is nearly full: say so in the log and, where that is allowed, remove the oldest tenth of all
        pieces. Whatever else fills the disk, they last some rounds."""
        if not await asyncio.to_thread(lambda: self.disk.short):
            return
        _log.error("the disk is nearly full, %d MiB are free: no further piece is taken", self.disk.free / 2**20)
        if self._sweep_when_full:
            oldest = await self._ids(sa.true(), most=max(1, round(USUAL_SHARE * await self._count())))
            _log.error("the %d oldest pieces are removed early, as SWEEP_WHEN_FULL says", len(oldest))
            for piece_id in oldest:
                await self.remove(piece_id)

    async def keep_swept(self) -> None:
        """Sweep again and again, and look after the disk more often, until cancelled."""
        due = -math.inf
        while True:
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + self._sweep_seconds
                    await self.sweep()
                await self.make_room()
                metrics.STORED.set(await self._size())
            except Exception:
                _log.exception("old pieces could not be removed")
            await asyncio.sleep(min(ROOM_SECONDS, self._sweep_seconds))

    async def _size(self) -> int:
        """The bytes of all pieces."""
        total = sa.select(sa.func.coalesce(sa.func.sum(_table.c.bytes), 0))
        return await self._database.run(lambda connection: int(connection.execute(total).scalar_one()))

    async def _count(self) -> int:
        """The number of all pieces."""
        count = sa.select(sa.func.count()).select_from(_table)
        return await self._database.run(lambda connection: int(connection.execute(count).scalar_one()))

    async def _ids(self, condition: Any, most: int | None = None) -> list[str]:
        """Ids of rows, the oldest first; those of rows that cannot be read too, so that these are not kept for ever."""
        select = sa.select(_table.c.id).where(condition).order_by(_table.c.created_at).limit(most)
        return await self._database.run(lambda connection: list(connection.execute(select).scalars()))

    async def _found(self, condition: Any, first: int = 0, count: int | None = None) -> list[Stored]:
        """Rows, the newest first, without those that this version of the bot cannot read."""
        select = sa.select(_table).where(condition).order_by(_table.c.created_at.desc()).offset(first).limit(count)
        rows = await self._database.run(lambda connection: connection.execute(select).mappings().all())
        found = []
        for row in rows:
            known = {name: value for name, value in row.items() if name not in ("job_id", "bytes")}
            try:
                remark = Text.from_json(row["remark"] or "")  # pieces of older versions have none
                found.append(Stored(**known | {"recipe": Recipe.from_json(row["recipe"]), "remark": remark}))
            except (BadRequest, TypeError, KeyError) as error:
                _log.error("piece %s is left out, its recipe cannot be read: %s", row["id"], type(error).__name__)
        return found
