"""The database that tests of the store share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from bot.store.database import Database


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.close()
