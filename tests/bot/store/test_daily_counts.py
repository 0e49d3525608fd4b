"""Counts of a day's pieces, on every database."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from bot.store import database as database_module
from bot.store.daily_counts import DAY, check, count, forget
from bot.store.database import Database
from core.errors import BadRequest

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]
SERVER, OTHER, MEMBER = 2**62, 7, 2**63 - 1
BEGAN = 1e9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the database's clock to so many hours after BEGAN."""

    def turn(hours: float) -> None:
        monkeypatch.setattr(database_module, "now", lambda _: sa.text(str(BEGAN + 3600 * hours)))

    turn(0)
    return turn


async def asks(database: Database, job_id: str, a_day: int, guild_id: int | None = SERVER, **more: int) -> bool:
    user_id, pieces = more.get("user_id", MEMBER), more.get("pieces", 1)
    return await database.run(
        lambda connection: count(connection, job_id, guild_id, user_id, pieces=pieces, a_day=a_day)
    )


async def test_a_day_s_pieces_are_counted(database: Database, clock: Callable[[float], None]):
    """Of one member in one server; what is a day old does not count."""
    for hour in range(2):
        clock(hour)
        assert await asks(database, str(hour), a_day=2)
    with pytest.raises(BadRequest, match=rf"2 pieces a day; the next one is possible <t:{BEGAN + DAY:.0f}:R>"):
        await asks(database, "2", a_day=2)
    for number, others in enumerate(({"guild_id": OTHER}, {"user_id": 5}, {"guild_id": None}, {"a_day": 0})):
        assert await asks(database, f"{number} of others", **{"a_day": 2} | others)
    clock(24.1)
    assert await asks(database, "2", a_day=3)


async def test_days_follow_the_database(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Whatever this machine's clock says: two bots count the same day."""
    assert await asks(database, "1", a_day=1)
    monkeypatch.setattr(time, "time", lambda: BEGAN)
    with pytest.raises(BadRequest, match="1 pieces a day"):
        await asks(database, "2", a_day=1)


async def test_a_job_counts_once(database: Database):
    """Two bots that get the same interaction count it once, and the later one is told so in place of a refusal."""
    assert await asks(database, "1", a_day=1)
    assert not await asks(database, "1", a_day=1)


async def test_several_pieces_of_a_job_count_each(database: Database, clock: Callable[[float], None]):
    """The refusal names the moment from which on there is room for all of them; more than a day has get none."""
    for hour, pieces in enumerate((2, 1)):
        clock(hour)
        assert await asks(database, str(hour), a_day=4, pieces=pieces)
    with pytest.raises(BadRequest, match=f"possible <t:{BEGAN + DAY:.0f}:R>"):
        await asks(database, "2", a_day=4, pieces=3)
    with pytest.raises(BadRequest, match=f"possible <t:{BEGAN + DAY + 3600:.0f}:R>"):
        await asks(database, "2", a_day=4, pieces=4)
    with pytest.raises(BadRequest, match=r"4 pieces a day$"):
        await asks(database, "2", a_day=4, pieces=5)
    assert await asks(database, "2", a_day=4, pieces=1)


async def test_the_last_place_of_a_day_is_taken_once(url: str, database: Database):
    """However many ask in the same moment, of however many bots: check and count are one step."""
    databases = [database, *[await Database.open(url) for _ in range(3)]]

    async def ask(number: int) -> bool:
        with contextlib.suppress(BadRequest):
            return await asks(databases[number % 4], str(number), a_day=1)
        return False

    assert sum(await asyncio.gather(*map(ask, range(12)))) == 1
    for opened in databases[1:]:
        await opened.close()


async def test_a_forgotten_member_s_day_goes_on(database: Database):
    """Their counts are kept without their id, and nobody else's change."""
    assert await asks(database, "1", a_day=1)
    assert await asks(database, "2", a_day=1, user_id=5)
    for _ in range(2):
        await database.run(lambda connection: forget(connection, MEMBER))
    with pytest.raises(BadRequest, match="1 pieces a day"):
        await asks(database, "3", a_day=1)
    select = sa.text("SELECT user_id FROM nocturne_asked ORDER BY job_id")
    pseudonym, other = await database.run(lambda connection: connection.execute(select).scalars().all())
    assert pseudonym < 0
    assert other == 5


async def test_a_look_at_the_counts_changes_nothing(database: Database):
    """A look refuses what counting would refuse, before any work is done."""
    await asks(database, "1", a_day=1)
    for _ in range(2):
        with pytest.raises(BadRequest, match="1 pieces a day"):
            await database.run(lambda connection: check(connection, SERVER, MEMBER, pieces=1, a_day=1))
        await database.run(lambda connection: check(connection, SERVER, MEMBER, pieces=1, a_day=2))
