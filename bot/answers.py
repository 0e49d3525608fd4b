"""Which interactions were accepted and are not answered yet: what a bot that was killed goes on with."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from bot.database import Database
from core.errors import BadRequest
from core.records import check_types, of_type
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.texts import NOTHING, Text

TOKEN_SECONDS = 14.5 * 60
"""Discord takes an interaction's token for 15 minutes; the rest is for the way there."""
LATEST_SECONDS = 14 * 60
"""What can only be answered by the token is given up this long after it was accepted."""
MESSAGE_LIMIT = 10 * 2**20
"""Bytes that Discord takes for one file of an ordinary message."""

_log = logging.getLogger(__name__)
_table = sa.table("nocturne_answers", sa.column("job_id", sa.Text), sa.column("answer", sa.JSON))


@dataclass(frozen=True, slots=True)
class Answer:
    """What an accepted interaction is owed, and where to. Its id is the job's id."""

    job_id: str
    request: ComposeRequest
    user_id: int
    channel_id: int | None
    application_id: int
    token: str = field(repr=False)
    """Lets anybody edit the answer, so it is shown nowhere and erased with the row."""
    private: bool
    size_limit: int
    """Bytes that Discord takes for one file of this answer."""
    reachable: bool
    """Whether an ordinary message can follow when the token has expired."""
    accepted_at: float
    """Seconds since 1970."""
    rendering: Rendering = AS_COMPOSED
    remark: Text = NOTHING
    """What there is to say about a file that the listener sent."""
    parent: str = ""
    """The id of the piece that it goes on from, where it does from one that is stored."""
    source: str = ""
    """The id of the piece that is only played in another way."""
    guild_id: int | None = None
    locale: str = ""
    """The listener's language, as Discord names it."""

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def deadline(self) -> float | None:
        """Until when the piece is of any use, seconds since 1970; None: a message can bring it later too."""
        return None if self.reachable else self.accepted_at + LATEST_SECONDS

    @property
    def audio_limit(self) -> int:
        """Bytes of audio that fit now, and into an ordinary message later."""
        return min(self.size_limit, MESSAGE_LIMIT)

    @property
    def editable(self) -> bool:
        """Whether Discord still takes the token."""
        return time.time() < self.accepted_at + TOKEN_SECONDS

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "request": self.request.to_json(),
            "rendering": self.rendering.to_json(),
            "remark": self.remark.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Answer:
        """Raises BadRequest, TypeError or KeyError for what `to_json` did not write."""
        data = of_type(dict, data)
        rendering = Rendering.from_json(data.get("rendering", {}))  # rows of older versions have none, nor a remark
        remark = Text.from_json(data.get("remark", ""))
        request = ComposeRequest.from_json(data["request"])
        return cls(**data | {"request": request, "rendering": rendering, "remark": remark})


class Answers:
    """The table of unanswered interactions. Its methods may raise QueueError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, answer: Answer) -> None:
        row = {"job_id": answer.job_id, "answer": answer.to_json()}
        await self._database.run(lambda connection: connection.execute(sa.insert(_table), row))

    async def all(self) -> list[Answer]:
        """Every row, the oldest interaction first; one that this version of the bot cannot read is dropped."""
        found = []
        for row in await self._database.run(lambda connection: connection.execute(sa.select(_table)).all()):
            try:
                found.append(Answer.from_json(row.answer))
            except (BadRequest, TypeError, KeyError) as error:
                _log.error("job %s is dropped, its row cannot be read: %s", row.job_id, type(error).__name__)
                await self.remove(row.job_id)
        return sorted(found, key=lambda answer: answer.accepted_at)

    async def owed(self) -> set[str]:
        """The ids of all rows, those that cannot be read too."""
        select = sa.select(_table.c.job_id)
        return await self._database.run(lambda connection: set(connection.execute(select).scalars()))

    async def remove(self, job_id: str) -> None:
        delete = sa.delete(_table).where(_table.c.job_id == job_id)
        await self._database.run(lambda connection: connection.execute(delete))
