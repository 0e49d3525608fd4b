"""Pending replies outlive the bot, and their tokens do not outlive them."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from bot.store import pending_reply
from bot.store.database import Database
from bot.store.pending_replies import FORGOTTEN_SECONDS, PendingReplies
from bot.store.pending_reply import FRESH, Destination, PendingReply, Source, StoredNotes, StoredPrimer, UnreadUpload
from core.errors import StoreError
from core.tasks import PERFORM
from tests.support.pieces import REQUEST
from tests.support.postgres import Postgres
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio

TOKEN = "aW50ZXJhY3Rpb246-very-secret"
FOR_EVER, NOTHING_LEFT = 1e6, -1.0
"""Lease seconds."""


def to(accepted_at: float = 1000.0, *, reachable: bool = True) -> Destination:
    return Destination(42, 43, 44, TOKEN, False, 10 * 2**20, reachable, accepted_at)


def pending(job_id: str = "1", accepted_at: float = 1000.0, source: Source = FRESH) -> PendingReply:
    return PendingReply(job_id, REQUEST, to(accepted_at), source)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.fixture
def table(database: Database) -> PendingReplies:
    return PendingReplies(database, lease_seconds=FOR_EVER)


@pytest.fixture
def other(database: Database) -> PendingReplies:
    """Another bot's view of the same table."""
    return PendingReplies(database, "other", lease_seconds=FOR_EVER)


@pytest.fixture
def dead(database: Database) -> PendingReplies:
    """That of a bot whose leases have run out as soon as it has them."""
    return PendingReplies(database, "dead", lease_seconds=NOTHING_LEFT)


@pytest.mark.every_engine
async def test_a_row_survives_the_bot(table: PendingReplies, url: str):
    """The next bot reads what one has noted down, the oldest first."""
    await table.add(pending("2", accepted_at=2000.0))
    await table.add(pending("1", accepted_at=1000.0))
    database = await Database.open(url)
    assert await PendingReplies(database).all() == [pending("1", accepted_at=1000.0), pending("2", accepted_at=2000.0)]
    await database.close()


@pytest.mark.parametrize(
    "source",
    [
        FRESH,
        UnreadUpload("https://cdn/mine.mid", 0.5),
        UnreadUpload("https://cdn/mine.mid", longest=30.0, task=PERFORM),
        StoredPrimer("abcdefgh", 0.5),
        StoredNotes("abcdefgh"),
    ],
)
async def test_each_source_is_read_back(source: Source):
    """In one flat object, which has the keys that bots have read since there are uploads and arrangements."""
    written = pending(source=source).to_json()
    assert PendingReply.from_json(written) == pending(source=source)
    assert {"user_id", "token", "upload", "until", "source", "parent"} <= written.keys()


async def test_a_row_of_the_first_bots_is_read():
    """Before there were renderings, uploads, servers' rules and languages."""
    kept = ("job_id", "request", "user_id", "channel_id", "application_id", "token", "private", "size_limit")
    kept += ("reachable", "accepted_at")
    written = pending().to_json()
    assert PendingReply.from_json({name: written[name] for name in kept}) == pending()


@pytest.mark.every_engine
async def test_a_pending_reply_is_one_bot_s(table: PendingReplies, other: PendingReplies):
    """Of those that add it, the first has it, and no other takes it; each finds its own again after a restart."""
    assert await table.add(pending("1"))
    assert await table.add(pending("1"))
    assert not await other.add(pending("1"))
    assert await other.add(pending("2"))
    assert await other.take_over() == []
    assert await table.take_over() == []
    assert await other.take_back() == [pending("2")]
    assert await table.renew(["1", "2"]) == {"1"}
    assert await table.renew([]) == set()


@pytest.mark.every_engine
async def test_a_lease_that_has_run_out_is_taken_over(
    table: PendingReplies, dead: PendingReplies, other: PendingReplies
):
    """Its bot may go on while nobody has, and not any more afterwards."""
    await dead.add(pending("1"))
    assert await dead.renew(["1"]) == {"1"}
    assert await other.take_over() == [pending("1")]
    assert await dead.renew(["1"]) == set()
    assert await dead.take_back() == []
    assert await table.take_over() == []


@pytest.mark.every_engine
async def test_other_bots_pending_replies_are_known(table: PendingReplies, other: PendingReplies):
    """Those that are known are not read again, and those that are answered are left out."""
    await table.add(pending("1"))
    await other.add(pending("2"))
    assert await table.others({}) == {"2": pending("2")}
    assert await table.find("2") == pending("2")
    known = {"2": pending("2", accepted_at=5.0), "3": pending("3")}
    assert await table.others(known) == {"2": pending("2", accepted_at=5.0)}


@pytest.mark.every_engine
@pytest.mark.parametrize("guild_id", [None, 7])
async def test_what_was_answered_is_not_taken_on_again(
    table: PendingReplies, other: PendingReplies, guild_id: int | None
):
    """A bot that was held up hears of an interaction when another has answered it long since, in a server or not."""
    asked = replace(pending("1"), destination=replace(to(), guild_id=guild_id))
    await table.add(asked)
    await table.remove("1")
    assert not await other.add(asked)
    assert await table.all() == []


async def test_a_frozen_bot_keeps_nobody_from_its_pending_replies(postgres: Postgres, monkeypatch: pytest.MonkeyPatch):
    """Not even in the middle of a transaction: PostgreSQL undoes that, and the others go on."""
    monkeypatch.setattr("core.process.database.IDLE_TRANSACTION_SECONDS", 1)
    url = postgres.fresh()
    frozen, other = await Database.open(url), await Database.open(url)
    await PendingReplies(frozen, "frozen", lease_seconds=NOTHING_LEFT).add(pending())
    changed, released, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def freeze(connection: Connection) -> None:
        connection.execute(text("UPDATE nocturne_answers SET owner = 'frozen'"))
        loop.call_soon_threadsafe(changed.set)
        released.wait(PATIENCE)

    freezing = asyncio.create_task(frozen.run(freeze))
    await changed.wait()
    assert await PendingReplies(other, "other").take_over() == [pending()]
    released.set()
    with pytest.raises(StoreError, match="database cannot be reached"):
        await freezing
    for each in frozen, other:
        await each.close()


@pytest.mark.every_engine
async def test_a_pending_reply_is_taken_over_by_one(dead: PendingReplies, url: str):
    """When several bots try in the same moment."""
    await dead.add(pending("1"))
    databases = [await Database.open(url) for _ in range(4)]
    bots = [PendingReplies(each, str(name)) for name, each in enumerate(databases)]
    taken = await asyncio.gather(*(bot.take_over() for bot in bots))
    assert sorted(map(len, taken)) == [0, 0, 0, 1]
    for each in databases:
        await each.close()


async def test_the_token_is_erased_with_the_row(url: str, tmp_path: Path):
    """After an answer, no file of a SQLite database holds its token any more."""
    database = await Database.open(url)
    table = PendingReplies(database)
    await table.add(pending())
    assert TOKEN.encode() in contents(tmp_path)
    await table.remove("1")
    assert await table.all() == []
    await database.close()
    assert TOKEN.encode() not in contents(tmp_path)


async def test_the_token_is_erased_while_the_bot_runs(url: str, tmp_path: Path):
    """Nor does SQLite's log of writes keep it."""
    database = await Database.open(url, erase_seconds=0.1)
    table = PendingReplies(database)
    await table.add(pending())
    await table.remove("1")
    await until(lambda: TOKEN.encode() not in contents(tmp_path))
    assert await table.all() == []
    await database.close()


def writes(monkeypatch: pytest.MonkeyPatch, row: Any) -> None:
    """From here on this is written in place of a pending reply."""
    monkeypatch.setattr(PendingReply, "to_json", lambda self: row)


@pytest.mark.every_engine
async def test_a_row_of_another_version_is_dropped(table: PendingReplies, monkeypatch: pytest.MonkeyPatch):
    """A row that cannot be read any more does not keep the bot from starting."""
    with monkeypatch.context() as older:
        writes(older, {"request": REQUEST.to_json(), "tempo": 120})
        await table.add(pending("1"))
    await table.add(pending("2"))
    assert await table.all() == [pending("2")]
    assert await table.take_back() == [pending("2")]
    assert await table.job_ids() == {"2"}


NEWER: list[dict[str, Any]] = [{"format": pending_reply.FORMAT + 1}, {"token": {"sealed": "aW50"}}]


@pytest.mark.every_engine
@pytest.mark.parametrize("unknown", NEWER)
async def test_a_newer_version_s_pending_replies_stay_its_own(
    table: PendingReplies, dead: PendingReplies, monkeypatch: pytest.MonkeyPatch, unknown: dict[str, Any]
):
    """While both run, the older one leaves out what it does not know, and alone what it cannot read, or would read as
    something else."""
    for job_id, row in ("1", {"voice": True}), ("2", unknown):
        with monkeypatch.context() as newer:
            writes(newer, pending(job_id).to_json() | row)
            await dead.add(pending(job_id))
    assert await table.others({}) == {"1": pending("1")}
    assert await table.take_over() == [pending("1")]
    assert await table.find("2") is None
    assert await table.job_ids() == {"1", "2"}
    assert await dead.renew(["2"]) == {"2"}


@pytest.mark.every_engine
async def test_a_version_that_was_newer_takes_its_pending_replies_back(
    table: PendingReplies, monkeypatch: pytest.MonkeyPatch
):
    """Though an older one ran in its place meanwhile, under its name."""
    with monkeypatch.context() as newer:
        newer.setattr(pending_reply, "FORMAT", pending_reply.FORMAT + 1)
        await table.add(pending("1"))
    assert await table.take_back() == []
    monkeypatch.setattr(pending_reply, "FORMAT", pending_reply.FORMAT + 1)
    assert await table.take_back() == [pending("1")]


@pytest.mark.every_engine
async def test_what_a_newer_version_left_long_ago_is_removed(database: Database, monkeypatch: pytest.MonkeyPatch):
    """It will not be started again."""
    left = PendingReplies(database, lease_seconds=-2 * FORGOTTEN_SECONDS)
    with monkeypatch.context() as newer:
        newer.setattr(pending_reply, "FORMAT", pending_reply.FORMAT + 1)
        await left.add(pending("1"))
    assert await left.take_back() == []
    assert await left.job_ids() == set()


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "answer",
        {"request": None},
        pending().to_json() | {"accepted_at": "yesterday"},
        pending().to_json() | {"user_id": None},
        pending().to_json() | {"rendering": 7},
        pending().to_json() | {"upload": 7},
        pending().to_json() | {"source": None},
        pending().to_json() | {"request": REQUEST.to_json() | {"seed": {}}},
        pending().to_json() | {"request": REQUEST.to_json() | {"primer": "a"}},
    ],
)
async def test_a_damaged_row_is_dropped(table: PendingReplies, monkeypatch: pytest.MonkeyPatch, row: object):
    """Whatever stands there, it keeps neither the bot from starting nor others from their answers."""
    with monkeypatch.context() as damaged:
        writes(damaged, row)
        await table.add(pending("1"))
    await table.add(pending("2"))
    assert await table.take_back() == [pending("2")]
    assert await table.all() == [pending("2")]
    assert await table.job_ids() == {"2"}


async def test_the_token_is_not_shown():
    """A pending reply in a log or a traceback does not give its token away."""
    assert TOKEN not in repr(pending())


async def test_how_long_a_reply_can_wait(monkeypatch: pytest.MonkeyPatch):
    """The token serves 14.5 minutes; where no message can follow, a piece is given up at minute 14."""
    monkeypatch.setattr(pending_reply, "moment", lambda: 1000.0 + 14 * 60)
    assert to(reachable=True).seconds_left is None
    assert to(accepted_at=1010.0, reachable=False).seconds_left == 10
    assert to(accepted_at=1000.0).editable
    monkeypatch.setattr(pending_reply, "moment", lambda: 1000.0 + 15 * 60)
    assert not to(accepted_at=1000.0).editable


@pytest.mark.every_engine
async def test_a_row_is_changed_by_its_bot_alone(table: PendingReplies, other: PendingReplies):
    """As when its token has expired: the rest of the row stays."""
    expired = []
    for job_id in "1", "2":
        await table.add(pending(job_id))
        expired.append(replace(pending(job_id), destination=replace(to(), token="")))
    await table.change(expired[0])
    await other.change(expired[1])
    assert await table.find("1") == expired[0]
    assert await table.find("2") == pending("2")
