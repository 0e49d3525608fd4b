"""The bot's own tables: one connection for all of them, and their migrations when it is opened."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreError
from core.process.database import PATIENCE_SECONDS, connected, files_of, now
from core.text import Text

STORE_UNREACHABLE = Text("My database cannot be reached at the moment. Please try again soon.")
ERASE_SECONDS = 5.0
"""Seconds for which SQLite's log of writes may still hold what was removed."""

_MIGRATION_LOCK = 0x6E6F6374  # of PostgreSQL, which frees it with the transaction
_migrating = threading.Lock()  # Alembic knows one migration a process

_log = logging.getLogger(__name__)
logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each of its plugins
_Result = TypeVar("_Result")


class Database:
    """The connection of all tables. Every call runs in a thread and in a transaction of its own, and may raise
    StoreError."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._file = next(iter(files_of(str(engine.url))), None)  # of an embedded database
        self._used = False  # since the log of writes was emptied
        self._erasing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, *, erase_seconds: float = ERASE_SECONDS) -> Database:
        """Connect to `sqlite:///...` or `postgresql://...`, and bring the bot's tables up to date."""
        engine = connected(url)
        embedded = engine.dialect.name == "sqlite"
        if embedded:
            sa.event.listen(engine, "connect", _prepare_sqlite)
        database = cls(engine)
        await database.run(_migrated)
        if embedded:
            database._erasing = asyncio.create_task(database._keep_erased(erase_seconds), name="database-erase")
        return database

    @property
    def folder(self) -> Path | None:
        """Where an embedded database is; None for one elsewhere."""
        return self._file.parent if self._file else None

    async def close(self) -> None:
        if self._erasing:
            self._erasing.cancel()
        await asyncio.to_thread(self._engine.dispose)

    async def run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        def run() -> _Result:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                _log.warning("the database cannot be reached: %s", type(error).__name__)  # its text has the row
                raise StoreError(STORE_UNREACHABLE) from None
            finally:
                self._used = True

        return await asyncio.to_thread(run)

    async def time(self) -> float:
        """Seconds since 1970 by the database's clock, which all bots share."""
        return await self.run(lambda connection: float(connection.execute(sa.select(now(connection))).scalar_one()))

    async def _keep_erased(self, seconds: float) -> None:
        """Empty the log of writes again and again: removed rows are overwritten in the file, but stay in the log."""
        while True:
            await asyncio.sleep(seconds)
            if self._used:
                self._used = False
                if not await asyncio.to_thread(self._emptied):
                    self._used = True

    def _emptied(self) -> bool:
        """Whether the log of writes could be emptied. Writers wait meanwhile, so this does not wait long for them."""
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout = 100")
                try:
                    busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                finally:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {1000 * PATIENCE_SECONDS}")
        except SQLAlchemyError:
            return False
        return not busy


def upsert(connection: sa.Connection) -> Callable[[sa.TableClause], Any]:
    """The insert with ON CONFLICT of this database's dialect; SQLAlchemy has one for each."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _migrated(connection: sa.Connection) -> None:
    """Bring the tables up to date. Two bots may start at once: the later one finds it done."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "bot.store:migrations")
    config.attributes["connection"] = connection
    with _migrating:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _: object) -> None:
    with suppress(sqlite3.OperationalError):  # another process uses the file; the mode stays once it is set
        connection.execute("PRAGMA journal_mode = WAL")  # readers and writers do not wait for each other
    connection.execute("PRAGMA secure_delete = ON")  # a removed row's token is overwritten, not left in a free page
