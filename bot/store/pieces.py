"""Stored pieces: a row of the database and a few files for each piece that was delivered, for as long as is set."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot.process.byte_budget import ByteBudget
from bot.store.daily_counts import NO_SERVER
from bot.store.database import Database
from bot.store.disk import Disk
from bot.store.files import COMPOSED, HEARD, ID, MIDI, PICTURE, Files, attention, sound
from bot.store.pending_reply import PendingReply
from bot.store.piece_table import PieceTable, Stored
from bot.store.quota import Quota
from core.errors import BadRequest, StoreError
from core.piece import Heard, Piece
from core.records import known_fields
from core.text import Text

GONE = Text("this piece is no longer stored")


class Library:
    """All stored pieces. Methods may raise StoreError when the database cannot be reached, and OSError when the files
    cannot."""

    def __init__(
        self, database: Database, files: str | Path, *, quota: Quota | None = None, least_free: int = 0
    ) -> None:
        """`files` is a folder, or an address that fsspec knows. With less than `least_free` bytes on the disk there is
        no room for a further piece."""
        self._database = database
        self.table = PieceTable(database)
        """The rows of the pieces."""
        self.files = Files(str(files))
        self.disk = Disk([*filter(None, [self.files.folder, database.folder])], least_free)
        """Where pieces and the embedded database are."""
        self.quota = quota or Quota(database)
        """The limits of each listener."""
        self.memory = ByteBudget()
        """For everything that has the files of pieces in memory, those that come out of the queue too."""

    async def claim(self) -> None:
        """Make the place of the files Nocturne's. Raises BadSetting and StoreError, as `Files.claim` does."""
        await asyncio.to_thread(self.files.claim)

    async def add(self, pending: PendingReply, piece: Piece) -> Stored:
        """Keep the piece that a reply brings; added twice, it is one piece."""
        if known := await self.table.of_job(pending.job_id):
            return known
        stored = Stored(
            id=base64.b32encode(secrets.token_bytes(5)).decode().lower(),
            user_id=pending.destination.user_id,
            private=pending.destination.private,
            created_at=await self.time(),
            parent=pending.parent,
            recipe=piece.recipe,
            duration=piece.duration,
            notes=piece.notes,
            audio_format=piece.audio_format,
            remark=pending.remark,
            pictures=len(piece.attention),
            guild_id=pending.destination.guild_id or NO_SERVER,
            heard=piece.heard,
        )
        size = await self._write(stored.id, piece)  # before the row: files without one are found by a sweep
        await self.table.add(stored, pending.job_id, size)
        return stored

    async def _write(self, piece_id: str, piece: Piece) -> int:
        """Returns how many bytes the files take."""
        files = {MIDI: piece.midi, COMPOSED: piece.composed, PICTURE: piece.picture}
        files |= {sound(piece.audio_format): piece.audio}
        files |= {attention(number): picture for number, picture in enumerate(piece.attention)}
        try:
            await asyncio.to_thread(self.files.write, piece_id, files)
        except OSError:  # the disk may be full, and a part of the files only takes more of it
            await asyncio.to_thread(self.files.remove, piece_id)
            raise
        return sum(map(len, files.values()))

    async def _read(self, piece_id: str, names: Sequence[str]) -> list[bytes]:
        try:
            return await asyncio.to_thread(self.files.read, piece_id, names)
        except FileNotFoundError as error:
            raise BadRequest(GONE) from error

    async def find(self, piece_id: str) -> Stored | None:
        """The row of a piece; None where there is none, or none any more: the ids of removed pieces are not kept."""
        # an impossible id is not looked up: PostgreSQL refuses some texts that can be typed
        return await self.table.find(piece_id) if re.fullmatch(ID, piece_id) else None

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
        async with self.memory.held(await asyncio.to_thread(self.files.size, stored.id)):
            yield await self.piece(stored)

    async def composed(self, stored: Stored) -> bytes:
        """The .mid as it was composed, which is small. Raises BadRequest when it is gone."""
        [composed] = await self._read(stored.id, [COMPOSED])
        return composed

    async def heard(self, stored: Stored) -> Heard | None:
        """What is to be heard in a piece; of those of older versions a file says it, or nothing."""
        if stored.heard:
            return stored.heard
        try:
            [content] = await asyncio.to_thread(self.files.read, stored.id, [HEARD])
            return Heard(**known_fields(Heard, json.loads(content)))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    async def of(self, user_id: int, first: int, count: int) -> list[Stored]:
        """Up to `count` pieces of a user, the newest first, from number `first` on, which counts from 0."""
        return await self.table.of_user(user_id, first, count)

    async def remove(self, piece_id: str) -> None:
        """Remove row and files of a piece; nothing happens when they are gone already."""
        await self.table.remove(piece_id)
        await asyncio.to_thread(self.files.remove, piece_id)

    async def forget(self, user_id: int) -> None:
        """Remove all of a user's pieces."""
        for piece_id in await self.table.ids_of_user(user_id):
            await self.remove(piece_id)

    async def time(self) -> float:
        """Seconds since 1970 by the database's clock, which tells how old a piece is."""
        return await self._database.time()
