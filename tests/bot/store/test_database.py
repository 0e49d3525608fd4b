"""The bot's connection to its tables: writers in line, and what is said when the database is gone."""

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store.database import Database
from core.errors import StoreError
from core.process.database import CACHE_KIB
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.asyncio

COUNT = sa.text("SELECT count(*) FROM nocturne_pieces")
WRITE = sa.text("DELETE FROM nocturne_pieces")


async def test_writers_that_wait_hold_up_no_reader(database: Database, tmp_path: Path):
    """While another process writes, a hundred that would write too stand in line, and rows are read meanwhile."""
    other = sqlite3.connect(tmp_path / "nocturne.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = [asyncio.create_task(database.write(lambda connection: connection.execute(WRITE))) for _ in range(100)]
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        assert await database.run(lambda connection: connection.execute(COUNT).scalar()) == 0
    assert not any(task.done() for task in writing)
    other.execute("COMMIT")
    other.close()
    await asyncio.gather(*writing)


async def test_tables_that_are_up_to_date_need_no_alembic(database: Database, tmp_path: Path):
    """It takes memory and time, and nothing is left for it to do."""
    code = f"""
import asyncio, sys
from bot.store.database import Database
asyncio.run(Database.open("sqlite:///{tmp_path / "nocturne.sqlite"}"))
print("alembic" in sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    opened = await asyncio.to_thread(subprocess.check_output, [sys.executable, "-c", code], text=True, env=environment)
    assert opened == "False\n"


async def test_a_connection_keeps_little_of_the_file(database: Database):
    """SQLite's pages in memory are each connection's own."""
    pages = await database.run(lambda connection: connection.exec_driver_sql("PRAGMA cache_size").scalar())
    assert pages == -CACHE_KIB


def removed(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    file.rename(file.with_name("old"))
    file.touch()


def damaged(file: Path) -> None:
    file.write_bytes(b"nonsense" * 1000)


@pytest.mark.parametrize("accident", [removed, replaced, damaged])
async def test_a_database_that_is_lost_is_said_to_be(
    accident: Callable[[Path], None],
    database: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    """And not to be away for a moment: into a file that was removed SQLite would go on writing without a word."""
    await asyncio.to_thread(database._engine.dispose)  # a damaged page may still be in memory
    accident(tmp_path / "nocturne.sqlite")
    with pytest.raises(StoreError, match="damaged, or was taken away"):
        await database.write(lambda connection: connection.execute(WRITE))
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]


@pytest.mark.every_engine
async def test_a_table_that_is_lost_is_said_to_be(database: Database, caplog: pytest.LogCaptureFixture):
    """On either engine; the log names it, without a row."""
    await database.write(lambda connection: connection.execute(sa.text("DROP TABLE nocturne_pieces")))
    with pytest.raises(StoreError, match="damaged, or was taken away"):
        await database.run(lambda connection: connection.execute(COUNT).scalar())
    assert "the database is damaged, or its tables are gone" in caplog.text
