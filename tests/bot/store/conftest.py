"""The database that tests of the store share, and the library of pieces in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.store.database import Database
from bot.store.pieces import Library


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The place of the pieces' files, which is not there yet."""
    return tmp_path / "pieces"


@pytest.fixture
def library(database: Database, folder: Path) -> Library:
    return Library(database, folder)
