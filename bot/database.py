"""The bot's part of the database: one connection for all that it keeps, brought up to date when it is opened."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core.errors import QueueError
from core.queue import UNREACHABLE

_MIGRATION_LOCK = 0x6E6F6374  # of PostgreSQL, which frees it with the transaction
_migrating = threading.Lock()  # Alembic knows one migration a process

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Database:
    """Every call runs in a thread and in a transaction of its own, and may raise QueueError."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect to `sqlite:///...` or `postgresql://...`, and bring the bot's tables up to date."""
        address = sa.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")  # the driver that the queue brings along
        engine = sa.create_engine(address, pool_pre_ping=True)
        if address.drivername == "sqlite":
            sa.event.listen(engine, "connect", _prepare_sqlite)
        database = cls(engine)
        await database.run(_migrated)
        return database

    async def close(self) -> None:
        await asyncio.to_thread(self._engine.dispose)

    async def run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        def run() -> _Result:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                _log.warning("the database cannot be reached: %s", type(error).__name__)  # its text has the row
                raise QueueError(UNREACHABLE) from None

        return await asyncio.to_thread(run)


def _migrated(connection: sa.Connection) -> None:
    """Bring the tables up to date. Two bots may start at once: the later one finds it done."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "bot:migrations")
    config.attributes["connection"] = connection
    with _migrating:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.execute("PRAGMA busy_timeout = 30000")  # the queue writes to the same file
    connection.execute("PRAGMA secure_delete = ON")  # a removed row's token is overwritten, not left in a free page
