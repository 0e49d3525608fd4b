"""Unanswered interactions outlive the bot, and their tokens do not outlive them."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text

from bot.store import database, pending_replies
from bot.store.database import Database
from bot.store.pending_replies import Answer, Answers
from core.errors import StoreError
from tests.support.pieces import REQUEST
from tests.support.postgres import Postgres
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

TOKEN = "aW50ZXJhY3Rpb246-very-secret"


def answer(job_id: str = "1", accepted_at: float = 1000.0, *, reachable: bool = True) -> Answer:
    return Answer(job_id, REQUEST, 42, 43, 44, TOKEN, False, 10 * 2**20, reachable, accepted_at)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest_asyncio.fixture
async def table(url: str):
    database = await Database.open(url)
    yield Answers(database)
    await database.close()


@pytest.mark.every_engine
async def test_a_row_survives_the_bot(table: Answers, url: str):
    """What one bot noted down, the next one reads, the oldest first."""
    await table.add(answer("2", accepted_at=2000.0))
    await table.add(answer("1", accepted_at=1000.0))
    database = await Database.open(url)
    again = Answers(database)
    assert await again.all() == [answer("1", accepted_at=1000.0), answer("2", accepted_at=2000.0)]
    await database.close()


@pytest.mark.every_engine
async def test_an_answer_is_one_bot_s(table: Answers, monkeypatch: pytest.MonkeyPatch):
    """Whoever was first has it, until that one says nothing any more; a bot that is started again has its own."""
    other = Answers(table._database, "other")
    assert await table.add(answer("1")) and await table.add(answer("1")) and not await other.add(answer("1"))
    assert await other.add(answer("2"))
    assert await other.take() == [] == await table.take()
    assert await other.take(restarted=True) == [answer("2")]
    assert await table.renew(["1", "2"]) == {"1"} and await table.renew([]) == set()
    assert await table.others({}) == {"2": answer("2")} and await table.find("2") == answer("2")
    monkeypatch.setattr(pending_replies, "LEASE_SECONDS", -1.0)
    assert await table.renew(["1"]) == {"1"}
    monkeypatch.undo()
    assert await other.take() == [answer("1")]
    assert await table.renew(["1"]) == set() and await table.take(restarted=True) == []
    assert set(await table.others({"2": answer("2"), "3": answer("3")})) == {"1", "2"}


@pytest.mark.every_engine
@pytest.mark.parametrize("guild_id", [None, 7])
async def test_what_was_answered_is_not_taken_on_again(table: Answers, guild_id: int | None):
    """A bot that stood still hears of an interaction when another has answered it long since, in a server or not."""
    await table.add(replace(answer("1"), guild_id=guild_id))
    await table.remove("1")
    assert not await Answers(table._database, "other").add(replace(answer("1"), guild_id=guild_id))
    assert await table.all() == []


async def test_a_bot_that_stands_still_keeps_nobody_from_its_answers(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    """Not even in the middle of a transaction: PostgreSQL undoes that, and the others go on."""
    monkeypatch.setattr("core.process.database.IDLE_TRANSACTION_SECONDS", 1)
    url = postgres.fresh()
    still, other = await Database.open(url), await Database.open(url)
    monkeypatch.setattr(pending_replies, "LEASE_SECONDS", -1.0)
    await Answers(still, "still").add(answer())
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stand_still(connection: Connection) -> None:
        connection.execute(text("UPDATE nocturne_answers SET owner = 'still'"))
        loop.call_soon_threadsafe(changed.set)
        time.sleep(3)

    standing = asyncio.create_task(still.run(stand_still))
    await changed.wait()
    assert await Answers(other, "other").take() == [answer()] and not standing.done()
    with pytest.raises(StoreError, match="database cannot be reached"):
        await standing
    for each in still, other:
        await each.close()


@pytest.mark.every_engine
async def test_an_answer_is_taken_over_by_one(table: Answers, url: str, monkeypatch: pytest.MonkeyPatch):
    """When several bots try in the same moment."""
    monkeypatch.setattr(pending_replies, "LEASE_SECONDS", -1.0)
    await table.add(answer("1"))
    monkeypatch.undo()
    databases = [await Database.open(url) for _ in range(4)]
    taken = await asyncio.gather(*(Answers(each, str(name)).take() for name, each in enumerate(databases)))
    assert sorted(map(len, taken)) == [0, 0, 0, 1]
    for each in databases:
        await each.close()


async def test_the_token_is_erased_with_the_row(table: Answers, tmp_path: Path):
    """After an answer, no file of a SQLite database holds its token any more."""
    await table.add(answer())
    assert TOKEN.encode() in contents(tmp_path)
    await table.remove("1")
    assert await table.all() == []
    await table._database.close()
    assert TOKEN.encode() not in contents(tmp_path)


async def test_the_token_is_erased_while_the_bot_runs(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nor does SQLite's log of writes keep it."""
    monkeypatch.setattr(database, "ERASE_SECONDS", 0.1)
    opened = await Database.open(url)
    table = Answers(opened)
    await table.add(answer())
    await asyncio.sleep(0.5)
    await table.remove("1")
    await until(lambda: TOKEN.encode() not in contents(tmp_path))
    assert await table.all() == []
    await opened.close()


@pytest.mark.every_engine
async def test_a_row_of_another_version_is_dropped(table: Answers, monkeypatch: pytest.MonkeyPatch):
    """What cannot be read any more does not keep the bot from starting."""
    with monkeypatch.context() as older:
        older.setattr(Answer, "to_json", lambda self: {"request": REQUEST.to_json(), "tempo": 120})
        await table.add(answer("1"))
    await table.add(answer("2"))
    assert await table.all() == await table.take(restarted=True) == [answer("2")]
    assert await table.owed() == {"2"}


@pytest.mark.every_engine
async def test_a_newer_version_s_answers_stay_its_own(table: Answers, monkeypatch: pytest.MonkeyPatch):
    """While both run, the older one leaves out what it does not know, and alone what it cannot read."""
    newer, written = Answers(table._database, "newer"), Answer.to_json
    for job_id, row in ("1", {"voice": True}), ("2", {"token": {"sealed": "aW50"}}):
        monkeypatch.setattr(Answer, "to_json", lambda self, row=row: written(self) | row)
        monkeypatch.setattr(pending_replies, "LEASE_SECONDS", -1.0)
        await newer.add(answer(job_id))
    assert await table.others({}) == {"1": answer("1")}
    assert await table.take() == [answer("1")]
    assert await table.find("2") is None and await table.owed() == {"1", "2"}


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "answer",
        {"request": None},
        answer().to_json() | {"accepted_at": "yesterday"},
        answer().to_json() | {"user_id": None},
        answer().to_json() | {"rendering": 7},
        answer().to_json() | {"request": answer().request.to_json() | {"seed": {}}},
        answer().to_json() | {"request": answer().request.to_json() | {"primer": "a"}},
    ],
)
async def test_a_damaged_row_is_dropped(table: Answers, monkeypatch: pytest.MonkeyPatch, row: object):
    """Whatever stands there, it keeps neither the bot from starting nor others from their answers."""
    with monkeypatch.context() as damaged:
        damaged.setattr(Answer, "to_json", lambda self: row)
        await table.add(answer("1"))
    await table.add(answer("2"))
    assert await table.take(restarted=True) == await table.all() == [answer("2")]
    assert await table.owed() == {"2"}


async def test_the_token_is_not_shown():
    """An answer in a log or a traceback does not give its token away."""
    assert TOKEN not in repr(answer())


async def test_how_long_an_answer_can_wait(monkeypatch: pytest.MonkeyPatch):
    """The token serves 14.5 minutes; where no message can follow, a piece is given up at minute 14."""
    assert answer(reachable=True).deadline is None
    assert answer(accepted_at=0.0, reachable=False).deadline == 14 * 60
    monkeypatch.setattr(pending_replies.time, "time", lambda: 1000.0 + 14 * 60)
    assert answer(accepted_at=1000.0).editable
    monkeypatch.setattr(pending_replies.time, "time", lambda: 1000.0 + 15 * 60)
    assert not answer(accepted_at=1000.0).editable


@pytest.mark.every_engine
async def test_an_answer_is_changed_by_its_bot_alone(table: Answers):
    """As when its token has expired: the rest of the row stays."""
    for kept in answer("1"), answer("2"):
        await table.add(kept)
    expired = [replace(answer(job_id), token="") for job_id in ("1", "2")]
    await table.change(expired[0])
    await Answers(table._database, "other").change(expired[1])
    assert await table.find("1") == expired[0] and await table.find("2") == answer("2")
