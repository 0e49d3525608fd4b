"""The bot's own tables: one connection for all of them, and their migrations when it is opened."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreError
from core.process.database import PATIENCE_SECONDS, connected, files_of, now
from core.process.imports import absent
from core.text import Text

STORE_UNREACHABLE = Text("My database cannot be reached at the moment. Please try again soon.")
STORE_LOST = Text(
    "My database is damaged, or was taken away while I was at work. Whoever runs me has to see to it; my log says more."
)
VERSION_TABLE = "nocturne_version"
"""Where Alembic notes the last migration."""
ERASE_SECONDS = 5.0
"""Seconds for which SQLite's log of writes may still hold what was removed."""

TURN_SECONDS = 0.003
"""Between two looks whether SQLite's one writer is done. SQLite itself looks ever more seldom, and comes last."""

_LOST = re.compile("malformed|not a database|no such table|disk I/O error|UndefinedTable|InvalidCatalogName|Corrupted")
"""What SQLite says, and what psycopg's errors are called, where waiting does not help."""
_MIGRATION_LOCK = 0x6E6F6374  # of PostgreSQL, which frees it with the transaction
_VERSIONS = Path(__file__).parent / "migrations" / "versions"
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
        self._identity: tuple[int, int] | None = None
        # one thread, where one writer is let in at a time; PostgreSQL's wait for each other's rows alone
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-writer") if self._file else None
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
        database._identity = await asyncio.to_thread(_identity, database._file)
        if embedded:
            database._erasing = asyncio.create_task(database._keep_erased(erase_seconds), name="database-erase")
        return database

    @property
    def folder(self) -> Path | None:
        """The folder of an embedded database; None for one elsewhere."""
        return self._file.parent if self._file else None

    async def close(self) -> None:
        if self._erasing:
            self._erasing.cancel()
        if self._writer:
            await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._engine.dispose)

    async def run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        return await asyncio.to_thread(self._run, work)

    async def write(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """As `run`, for work that changes rows. SQLite lets in one writer at a time, by chance: so those of this bot
        stand in line in a thread of their own, and hold up neither each other nor those that only read."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._writer, context.run, self._run, lambda connection: work(_writing(connection))
        )

    def _run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        try:
            self._check_file()
            with self._engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise self._explained(error) from None
        finally:
            self._used = True

    def _check_file(self) -> None:
        """Raises StoreError once the file is not the one that was opened: SQLite would go on with that, and all that is
        written from then on be lost with the process."""
        if self._file and self._identity and _identity(self._file) != self._identity:
            _log.critical("the database %s was removed or replaced while the bot runs; restart the bot", self._file)
            raise StoreError(STORE_LOST)

    def _explained(self, error: SQLAlchemyError) -> StoreError:
        reason = _reason(error)
        if _LOST.search(reason):
            _log.critical("the database is damaged, or its tables are gone: %s", reason)
            return StoreError(STORE_LOST)
        _log.warning("the database cannot be reached: %s", reason)
        return StoreError(STORE_UNREACHABLE)

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


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    with suppress(OSError):
        if file:
            status = file.stat()
            return status.st_dev, status.st_ino
    return None


def _reason(error: SQLAlchemyError) -> str:
    """The cause of an error, without the row that SQLAlchemy, and PostgreSQL's second line, would show."""
    original = getattr(error, "orig", None)
    words = str(original).partition("\n")[0] if isinstance(original, sqlite3.Error) else ""
    return f"{type(original or error).__name__} {words}".strip()


def _writing(connection: sa.Connection) -> sa.Connection:
    """The connection, once it is SQLite's one writer. Raises OperationalError after PATIENCE_SECONDS."""
    if connection.dialect.name != "sqlite":
        return connection
    patience = time.monotonic() + PATIENCE_SECONDS
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        while not _begun(connection, last=time.monotonic() > patience):
            time.sleep(TURN_SECONDS)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {1000 * PATIENCE_SECONDS}")
    return connection


def _begun(connection: sa.Connection, last: bool) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except sa.exc.OperationalError as error:
        if last or "locked" not in str(error.orig):
            raise
        return False
    return True


def upsert(connection: sa.Connection) -> Callable[[sa.TableClause], Any]:
    """The insert with ON CONFLICT of this database's dialect; SQLAlchemy has one for each."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def ago(connection: sa.Connection, seconds: float) -> sa.ColumnElement[float]:
    """The moment so many seconds ago by the database's clock, which all bots share."""
    return sa.literal_column(f"{now(connection)} - {seconds}", sa.Double)


def _migrated(connection: sa.Connection) -> None:
    """Bring the tables up to date. Two bots may start at once: the later one finds it done. Where all is done, Alembic
    is not imported, which takes 4 MB."""
    if _version(connection) == _newest_version():
        return
    with absent(["pygments"]):  # Mako would colour its errors by it, and takes 5 MB where it is installed
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


def _version(connection: sa.Connection) -> str | None:
    """The last migration of these tables; None where there are none yet."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))).scalar()


def _newest_version() -> str:
    """The last migration that there is: their files begin with their numbers."""
    return max(file.name for file in _VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def _prepare_sqlite(connection: Any, _: object) -> None:
    with suppress(sqlite3.OperationalError):  # another process uses the file; the mode stays once it is set
        connection.execute("PRAGMA journal_mode = WAL")  # readers and writers do not wait for each other
    connection.execute("PRAGMA secure_delete = ON")  # a removed row's token is overwritten, not left in a free page
