"""Stored pieces as tests of the library make them, age them and look at their files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.store.pending_reply import Destination, PendingReply
from bot.store.piece_table import Stored
from tests.support.pieces import REQUEST, piece

PIECE = replace(piece(), audio_format="flac", composed=b"MThd before", seconds={})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def files(folder: Path) -> set[str]:
    """Paths of all files in the folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def pending(job_id: str = "1", user_id: int = 42, **fields: Any) -> PendingReply:
    destination = Destination(user_id, 43, 44, "token", True, 10 * 2**20, True, 1000.0)
    return PendingReply(job_id, **{"request": REQUEST, "destination": destination, "parent": "abcdefgh"} | fields)


def age(url: str, seconds: float, *pieces: Stored) -> None:
    """Let these pieces have been stored so much earlier."""
    beside = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with beside.begin() as connection:
        earlier = sa.text("UPDATE nocturne_pieces SET created_at = created_at - :seconds WHERE id = :id")
        connection.execute(earlier, [{"seconds": seconds, "id": stored.id} for stored in pieces])
    beside.dispose()
