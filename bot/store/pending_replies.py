"""Which interactions were accepted and are not answered yet: what a bot that was killed goes on with."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from bot.store.database import Database, upsert
from bot.store.server_rules import count, uncount
from core.errors import BadRequest
from core.process.database import now
from core.records import check_types, known_fields
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.text import NOTHING, Text

TOKEN_SECONDS = 14.5 * 60
"""Discord takes an interaction's token for 15 minutes; the rest is for the way there."""
LATEST_SECONDS = 14 * 60
"""What can only be answered by the token is given up this long after it was accepted."""
MESSAGE_LIMIT = 10 * 2**20
"""Bytes that Discord takes for one file of an ordinary message."""
RENEW_SECONDS = 5.0
"""How often a bot says that it goes on with its answers."""
LEASE_SECONDS = 30.0
"""How long after that the others leave them to it."""

_log = logging.getLogger(__name__)
_table = sa.table(
    "nocturne_answers",
    sa.column("job_id", sa.Text),
    sa.column("answer", sa.JSON),
    sa.column("owner", sa.Text),
    sa.column("lease", sa.Double),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an accepted interaction is owed, and where to. Its id is the job's id."""

    job_id: str
    request: ComposeRequest
    user_id: int
    channel_id: int | None
    application_id: int
    token: str = field(repr=False)
    """Lets anybody edit the answer, so it is shown nowhere, and erased with the row or when it has expired."""
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
    upload: str = ""
    """The address of a file of theirs that is still to be read, and `until` which second of it, or its end."""
    until: float | None = None

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
        data = known_fields(cls, data)
        rendering = Rendering.from_json(data.get("rendering", {}))  # rows of older versions have none, nor a remark
        remark = Text.from_json(data.get("remark", ""))
        request = ComposeRequest.from_json(data["request"])
        return cls(**data | {"request": request, "rendering": rendering, "remark": remark})


class Answers:
    """The table of unanswered interactions. Each belongs to a bot, `owner`, whose name lasts when it is started again.
    Its methods may raise StoreError."""

    def __init__(self, database: Database, owner: str = "bot") -> None:
        self._database, self._owner = database, owner
        self._unreadable: set[str] = set()  # of these the log has been told

    async def add(self, answer: Answer) -> bool:
        """Make an answer this bot's, and count it for the rules of its server; False when another bot that got the same
        interaction was faster, and has perhaps answered it already."""

        def add(connection: sa.Connection) -> bool:
            row = {"job_id": answer.job_id, "answer": answer.to_json(), "owner": self._owner}
            new = upsert(connection)(_table).values(**row, lease=_expiry(connection)).on_conflict_do_nothing()
            if (
                count(connection, answer.job_id, answer.guild_id, answer.user_id)
                and connection.execute(new.returning(_table.c.job_id)).scalar()
            ):
                return True
            select = sa.select(_table.c.owner).where(_table.c.job_id == answer.job_id)
            return connection.execute(select).scalar() == self._owner

        return await self._database.run(add)

    async def all(self) -> list[Answer]:
        """Every bot's, the oldest interaction first, without the rows that this version of the bot cannot read."""
        return self._read(await self._database.run(lambda connection: connection.execute(_ROWS).all()))

    async def take(self, *, restarted: bool = False) -> list[Answer]:
        """Make those answers this bot's whose lease has run out, and return them; or, where it was `restarted`, those
        that were its own before, or nobody's, as older bots left them. Of these, what cannot be read is dropped; what
        was another's is perhaps a newer version's, and left for that one to take."""

        def take(connection: sa.Connection) -> Sequence[Any]:
            free = _table.c.owner.in_([self._owner, ""]) if restarted else _expired(connection)
            update = sa.update(_table).where(free).values(owner=self._owner, lease=_expiry(connection))
            return connection.execute(update.returning(_table.c.job_id, _table.c.answer)).all()

        rows = await self._database.run(take)
        answers = self._read(rows)
        if restarted:
            for job_id in {row.job_id for row in rows} - {answer.job_id for answer in answers}:
                await self.remove(job_id)
        return answers

    async def renew(self, job_ids: Collection[str]) -> set[str]:
        """Go on with these; returns the ids of those that are this bot's still."""

        def renew(connection: sa.Connection) -> set[str]:
            mine = sa.and_(_table.c.owner == self._owner, _table.c.job_id.in_(job_ids))
            update = sa.update(_table).where(mine).values(lease=_expiry(connection))
            return set(connection.execute(update.returning(_table.c.job_id)).scalars())

        return await self._database.run(renew)

    async def others(self, known: Mapping[str, Answer]) -> dict[str, Answer]:
        """What other bots see to, by job; what is `known` already is not read again."""

        def look(connection: sa.Connection) -> tuple[set[str], Sequence[Any]]:
            theirs = _table.c.owner != self._owner
            ids = set(connection.execute(sa.select(_table.c.job_id).where(theirs)).scalars())
            new = ids - known.keys()
            return ids, connection.execute(_ROWS.where(_table.c.job_id.in_(new))).all() if new else []

        ids, rows = await self._database.run(look)
        read = {answer.job_id: answer for answer in self._read(rows)}
        return {job_id: answer for job_id, answer in known.items() if job_id in ids} | read

    async def find(self, job_id: str) -> Answer | None:
        """Whichever bot's it is; None when it was answered, or never asked for."""
        select = _ROWS.where(_table.c.job_id == job_id)
        found = self._read(await self._database.run(lambda connection: connection.execute(select).all()))
        return found[0] if found else None

    async def change(self, answer: Answer) -> None:
        """Write down what is known by now of one of this bot's."""
        mine = sa.and_(_table.c.owner == self._owner, _table.c.job_id == answer.job_id)
        update = sa.update(_table).where(mine).values(answer=answer.to_json())
        await self._database.run(lambda connection: connection.execute(update))

    async def uncount(self, job_id: str) -> None:
        """Nothing can be made of it, so for the rules of its server it was not asked for."""
        await self._database.run(lambda connection: uncount(connection, job_id))

    async def remove(self, job_id: str) -> None:
        delete = sa.delete(_table).where(_table.c.job_id == job_id)
        await self._database.run(lambda connection: connection.execute(delete))

    def _read(self, rows: Sequence[Any]) -> list[Answer]:
        found = []
        for row in rows:
            try:
                found.append(Answer.from_json(row.answer))
            except (BadRequest, TypeError, KeyError) as error:
                if row.job_id not in self._unreadable:
                    _log.error("job %s is left out, its row cannot be read: %s", row.job_id, type(error).__name__)
                self._unreadable.add(row.job_id)
        return sorted(found, key=lambda answer: answer.accepted_at)

    async def owed(self) -> set[str]:
        """The ids of all rows, every bot's, those that cannot be read too."""
        select = sa.select(_table.c.job_id)
        return await self._database.run(lambda connection: set(connection.execute(select).scalars()))


_ROWS = sa.select(_table.c.job_id, _table.c.answer)


def _expiry(connection: sa.Connection) -> sa.ColumnElement[float]:
    return sa.literal_column(f"{now(connection)} + {LEASE_SECONDS}", sa.Double)


def _expired(connection: sa.Connection) -> sa.ColumnElement[bool]:
    return _table.c.lease < sa.literal_column(str(now(connection)), sa.Double)
