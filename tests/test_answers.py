"""Unanswered interactions outlive the bot, and their tokens do not outlive them."""

import asyncio
from pathlib import Path

import pytest
import pytest_asyncio

from bot import answers, database
from bot.answers import Answer, Answers
from bot.database import Database
from tests.pieces import REQUEST
from tests.waiting import until

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
    monkeypatch.setattr(answers, "LEASE_SECONDS", -1.0)
    assert await table.renew(["1"]) == {"1"}
    monkeypatch.undo()
    assert await other.take() == [answer("1")]
    assert await table.renew(["1"]) == set() and await table.take(restarted=True) == []
    assert set(await table.others({"2": answer("2"), "3": answer("3")})) == {"1", "2"}


@pytest.mark.every_engine
async def test_an_answer_is_taken_over_by_one(table: Answers, url: str, monkeypatch: pytest.MonkeyPatch):
    """When several bots try in the same moment."""
    monkeypatch.setattr(answers, "LEASE_SECONDS", -1.0)
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
    assert await table.all() == [answer("2")]


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
    assert await table.all() == [answer("2")]
    assert await table.all() == [answer("2")]


async def test_the_token_is_not_shown():
    """An answer in a log or a traceback does not give its token away."""
    assert TOKEN not in repr(answer())


async def test_how_long_an_answer_can_wait(monkeypatch: pytest.MonkeyPatch):
    """The token serves 14.5 minutes; where no message can follow, a piece is given up at minute 14."""
    assert answer(reachable=True).deadline is None
    assert answer(accepted_at=0.0, reachable=False).deadline == 14 * 60
    monkeypatch.setattr(answers.time, "time", lambda: 1000.0 + 14 * 60)
    assert answer(accepted_at=1000.0).editable
    monkeypatch.setattr(answers.time, "time", lambda: 1000.0 + 15 * 60)
    assert not answer(accepted_at=1000.0).editable
