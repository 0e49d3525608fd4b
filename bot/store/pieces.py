"""The pieces that were delivered: a row each in the database, and files where fsspec can keep them, for as long as is
set."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import sqlalchemy as sa
from fsspec.implementations.local import LocalFileSystem

from bot.store.database import Database
from bot.store.pending_reply import PendingReply
from core.errors import BadRequest
from core.request import Piece, Recipe
from core.text import NOTHING, Text

GONE = Text("this piece is no longer stored")
SWEEP_SECONDS = 3600.0

ID = "[a-z2-7]{8}"
"""The pattern of a piece's id."""

_DAY = 86_400
_MIDI, _COMPOSED, _PICTURE, _SOUND = "piece.mid", "composed.mid", "piece.png", "piece."
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
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """A piece as the library knows it. `id` is 8 letters and digits that can be typed and not guessed, `created_at` in
    seconds since 1970, `parent` the id of the piece that it goes on from, or empty, `remark` what there is to say about
    the file that its listener sent, and `pictures` how many there are of the model's attention."""

    id: str
    user_id: int
    private: bool
    created_at: float
    parent: str
    recipe: Recipe
    duration: float
    notes: int
    audio_format: str
    remark: Text = NOTHING
    pictures: int = 0


class Library:
    """Its methods may raise StoreError when the database cannot be reached, and OSError when the files cannot."""

    def __init__(self, database: Database, files: str | Path, keep_days: float) -> None:
        """`files` is a folder, or an address that fsspec knows."""
        self._database, self._files, self._keep = database, Files(str(files)), keep_days * _DAY

    async def add(self, pending: PendingReply, piece: Piece) -> Stored:
        """Keep the piece that a reply brings; added twice, it is one piece."""
        if known := await self._found(_table.c.job_id == pending.job_id):
            return known[0]
        stored = Stored(
            id=base64.b32encode(secrets.token_bytes(5)).decode().lower(),
            user_id=pending.destination.user_id,
            private=pending.destination.private,
            created_at=time.time(),
            parent=pending.parent,
            recipe=piece.recipe,
            duration=piece.duration,
            notes=piece.notes,
            audio_format=piece.audio_format,
            remark=pending.remark,
            pictures=len(piece.attention),
        )
        files = {_MIDI: piece.midi, _COMPOSED: piece.composed, _PICTURE: piece.picture}
        files |= {_SOUND + piece.audio_format: piece.audio}
        files |= {_attention(number): picture for number, picture in enumerate(piece.attention)}
        try:
            await asyncio.to_thread(
                self._files.write, stored.id, files
            )  # before the row: without it, a sweep finds them
        except OSError:  # the disk is full: what was written only takes more of it
            await asyncio.to_thread(self._files.remove, stored.id)
            raise
        row = {name: getattr(stored, name) for name in Stored.__slots__}
        row |= {"job_id": pending.job_id, "recipe": stored.recipe.to_json(), "remark": stored.remark.to_json()}
        await self._database.run(lambda connection: connection.execute(sa.insert(_table), row))
        return stored

    async def get(self, piece_id: str) -> Stored:
        """Raises BadRequest for a piece that is not there, or not any more."""
        # what is no id is not looked up: a database may refuse what can be typed
        found = await self._found(_table.c.id == piece_id) if re.fullmatch(ID, piece_id) else []
        if not found:
            raise BadRequest(GONE)
        return found[0]

    async def piece(self, stored: Stored) -> Piece:
        """With all its files. Raises BadRequest when they are gone."""
        names = [_MIDI, _SOUND + stored.audio_format, _PICTURE, _COMPOSED, *map(_attention, range(stored.pictures))]
        try:
            contents = await asyncio.to_thread(self._files.read, stored.id, names)
        except FileNotFoundError as error:
            raise BadRequest(GONE) from error
        midi, sound, picture, composed, *attention = contents
        return Piece(
            stored.recipe,
            stored.duration,
            stored.notes,
            midi,
            sound,
            picture,
            {},
            stored.audio_format,
            composed,
            tuple(attention),
        )

    async def of(self, user_id: int, first: int, count: int) -> list[Stored]:
        """A user's pieces, the newest first, from number `first` on, which counts from 0."""
        return await self._found(_table.c.user_id == user_id, first, count)

    async def remove(self, piece_id: str) -> None:
        """Row and files; nothing happens when it is gone already."""
        delete = sa.delete(_table).where(_table.c.id == piece_id)
        await self._database.run(lambda connection: connection.execute(delete))
        await asyncio.to_thread(self._files.remove, piece_id)

    async def forget(self, user_id: int) -> None:
        """Remove all of a user's pieces."""
        for piece_id in await self._ids(_table.c.user_id == user_id):
            await self.remove(piece_id)

    async def sweep(self) -> None:
        """Remove what was kept long enough, and files that no row knows, which a crash may leave."""
        now = time.time()
        for piece_id in await self._ids(_table.c.created_at < now - self._keep):
            await self.remove(piece_id)
        for name in await asyncio.to_thread(self._files.names):
            if await self._ids(_table.c.id == name):
                continue
            if await asyncio.to_thread(self._files.written, name) < now - SWEEP_SECONDS:
                await asyncio.to_thread(self._files.remove, name)

    async def keep_swept(self) -> None:
        """Sweep now and then, for ever."""
        while True:
            try:
                await self.sweep()
            except Exception:
                _log.exception("old pieces could not be removed")
            await asyncio.sleep(SWEEP_SECONDS)

    async def _ids(self, condition: Any) -> list[str]:
        """Of rows that cannot be read too, so that these are not kept for ever."""
        select = sa.select(_table.c.id).where(condition)
        return await self._database.run(lambda connection: list(connection.execute(select).scalars()))

    async def _found(self, condition: Any, first: int = 0, count: int | None = None) -> list[Stored]:
        """Without the rows that this version of the bot cannot read."""
        select = sa.select(_table).where(condition).order_by(_table.c.created_at.desc()).offset(first).limit(count)
        rows = await self._database.run(lambda connection: connection.execute(select).mappings().all())
        found = []
        for row in rows:
            known = {name: value for name, value in row.items() if name != "job_id"}
            try:
                remark = Text.from_json(row["remark"] or "")  # pieces of older versions have none
                found.append(Stored(**known | {"recipe": Recipe.from_json(row["recipe"]), "remark": remark}))
            except (BadRequest, TypeError, KeyError) as error:
                _log.error("piece %s is left out, its recipe cannot be read: %s", row["id"], type(error).__name__)
        return found


def _attention(number: int) -> str:
    return f"attention-{number}.png"


class Files:
    """Files by the id of their piece, in a local folder or wherever else fsspec reaches. Its methods take their time,
    and raise OSError."""

    def __init__(self, address: str) -> None:
        self._system, root = fsspec.url_to_fs(address)
        self._root = root.rstrip("/")
        if isinstance(self._system, LocalFileSystem):
            self._system.auto_mkdir = True  # elsewhere a folder is there as soon as something is in it

    def write(self, piece_id: str, contents: Mapping[str, bytes]) -> None:
        with _reaching():
            for name, content in contents.items():
                self._system.pipe_file(f"{self._root}/{piece_id}/{name}", content)

    def read(self, piece_id: str, names: Sequence[str]) -> list[bytes]:
        """Raises FileNotFoundError when one is missing."""
        with _reaching():
            return [self._system.cat_file(f"{self._root}/{piece_id}/{name}") for name in names]

    def remove(self, piece_id: str) -> None:
        """Nothing happens when they are gone."""
        with _reaching(), suppress(FileNotFoundError):
            self._system.rm(f"{self._root}/{piece_id}", recursive=True)

    def names(self) -> list[str]:
        """The ids of the pieces that have files."""
        with _reaching():
            self._system.invalidate_cache()  # other bots write there too
            if not self._system.exists(self._root):
                return []
            return [path.rstrip("/").rpartition("/")[2] for path in self._system.ls(self._root, detail=False)]

    def written(self, piece_id: str) -> float:
        """When the youngest of its files was, in seconds since 1970."""
        with _reaching():
            folder = f"{self._root}/{piece_id}"
            paths = self._system.find(folder) or [folder]  # not every system has folders that are empty
            return max(self._system.modified(path).timestamp() for path in paths)


@contextmanager
def _reaching() -> Iterator[None]:
    """Whatever a file system raises is an OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"the files of pieces cannot be reached: {type(error).__name__}") from error
