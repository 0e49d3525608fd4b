"""Connections to the database, for what bot and worker keep beside the queue, and the database's clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

PATIENCE_SECONDS = 30
"""How long SQLite waits for other connections that write."""
CACHE_KIB = 256
"""What each connection to SQLite keeps of the file, which the system keeps too. Left to itself it is 2 MiB, and a bot
has some ten connections."""
REACH_SECONDS = 10
"""Time-out of PostgreSQL: for a connection to be answered, and for its host to acknowledge what it was sent."""
IDLE_TRANSACTION_SECONDS = 10
"""PostgreSQL's idle-in-transaction timeout: how long a process that was suspended may keep others from rows that it has
changed and not committed."""


def connected(url: str, **options: Any) -> sa.Engine:
    """An engine for `sqlite:///...` or `postgresql://...`; `options` are SQLAlchemy's."""
    address = sa.make_url(url)
    if address.drivername != "postgresql":
        engine = sa.create_engine(address, connect_args={"timeout": PATIENCE_SECONDS}, **options)
        keep_caches_small(engine)
        return engine
    engine = sa.create_engine(
        address.set(drivername="postgresql+psycopg"),  # the driver that the queue brings along
        pool_pre_ping=True,
        connect_args={"connect_timeout": REACH_SECONDS, "tcp_user_timeout": 1000 * REACH_SECONDS},
        **options,
    )
    sa.event.listen(engine, "connect", _limit_idle_transactions)
    return engine


def keep_caches_small(engine: sa.Engine) -> None:
    """Let each connection that SQLite opens from now on keep no more than CACHE_KIB."""
    sa.event.listen(engine, "connect", _limit_cache)


def files_of(url: str) -> list[Path]:
    """The file of an SQLite database and those that SQLite keeps beside it; none for another database."""
    address = sa.make_url(url)
    if address.drivername != "sqlite" or not address.database:
        return []
    return [Path(address.database + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def now(connection: sa.Connection) -> sa.TextClause:
    """The time in seconds since 1970 by the database's clock, as a part of a statement."""
    if connection.dialect.name == "postgresql":
        return sa.text("extract(epoch from clock_timestamp())")
    return sa.text("((julianday('now') - 2440587.5) * 86400.0)")


def _limit_cache(connection: Any, _: object) -> None:
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _limit_idle_transactions(connection: Any, _: object) -> None:
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_SECONDS}s'")
    connection.commit()
