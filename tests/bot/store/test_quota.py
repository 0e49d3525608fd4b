"""One listener cannot fill the disk."""

import re
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.store.database import Database
from bot.store.pieces import Library
from bot.store.quota import DAY, Quota
from core.errors import TooManyJobs
from tests.support.pieces import piece
from tests.support.stored_pieces import pending

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]

MIB = 2**20
LISTENER, OTHER = 42, 43


async def store(library: Library, count: int, size: int = 1) -> list[str]:
    """Ids of so many new pieces of the listener, the oldest first, with a sound of `size` bytes each."""
    made = replace(piece(), midi=b"", composed=b"", picture=b"", audio=bytes(size))
    return [(await library.add(pending(f"{count}-{job}", LISTENER), made)).id for job in range(count)]


async def test_a_listener_has_so_many_pieces_a_day(database: Database, library: Library):
    """Those in the making count; another listener's do not, nor those that are deleted or of yesterday."""
    quota = Quota(database, pieces=5)
    first, second, _ = await store(library, 3)
    await quota.check(LISTENER, further=2)
    await quota.check(OTHER, further=5)
    with pytest.raises(TooManyJobs, match="I keep up to 5 pieces a day for each listener") as refused:
        await quota.check(LISTENER, further=3)
    assert possible(refused.value) == pytest.approx(time.time() + DAY, abs=600)
    await library.remove(first)
    await quota.check(LISTENER, further=3)
    yesterday = sa.text("UPDATE nocturne_pieces SET created_at = created_at - 90000 WHERE id = :id")
    await database.write(lambda connection: connection.execute(yesterday, {"id": second}))
    await quota.check(LISTENER, further=4)


async def test_a_listener_has_so_many_bytes_a_day(database: Database, library: Library):
    """Long recordings without losses, minute after minute, end there."""
    quota = Quota(database, mib=3)
    ids = await store(library, 2, size=MIB)
    await quota.check(LISTENER, further=1)
    await store(library, 1, size=MIB)
    with pytest.raises(TooManyJobs, match="I keep up to 3 MiB of pieces a day for each listener"):
        await quota.check(LISTENER, further=1)
    await quota.check(OTHER, further=1)
    await library.remove(ids[0])
    await quota.check(LISTENER, further=1)


async def test_no_limit_is_none(database: Database, library: Library):
    """As the owner may choose, by 0."""
    await store(library, 3, size=MIB)
    await Quota(database).check(LISTENER, further=100)


async def test_nothing_stored_is_no_time_long_ago(database: Database):
    """All that counts is in the making: the next one is possible in a day at the latest."""
    with pytest.raises(TooManyJobs) as refused:
        await Quota(database, pieces=1).check(LISTENER, further=2)
    assert possible(refused.value) == pytest.approx(time.time() + DAY, abs=600)


def possible(refused: TooManyJobs) -> int:
    """The time that a sentence names."""
    [when] = re.findall("<t:([0-9]+):R>", str(refused))
    return int(when)
