"""How bot and worker reach the database, for what they keep beside the queue."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

PATIENCE_SECONDS = 30
"""How long SQLite waits for others that write."""
REACH_SECONDS = 10
"""Within which PostgreSQL has to answer a connection, and its host what is sent to it."""
IDLE_SECONDS = 10
"""How long somebody who stands still may keep others from what they have changed but not committed."""


def connected(url: str, **options: Any) -> sa.Engine:
    """An engine for `sqlite:///...` or `postgresql://...`; `options` are SQLAlchemy's."""
    address = sa.make_url(url)
    if address.drivername != "postgresql":
        return sa.create_engine(address, connect_args={"timeout": PATIENCE_SECONDS}, **options)
    engine = sa.create_engine(
        address.set(drivername="postgresql+psycopg"),  # the driver that the queue brings along
        pool_pre_ping=True,
        connect_args={"connect_timeout": REACH_SECONDS, "tcp_user_timeout": 1000 * REACH_SECONDS},
        **options,
    )
    sa.event.listen(engine, "connect", _hold_nobody_up)
    return engine


def now(connection: sa.Connection) -> sa.TextClause:
    """The time in seconds since 1970 by the database's clock, as a part of a statement."""
    if connection.dialect.name == "postgresql":
        return sa.text("extract(epoch from clock_timestamp())")
    return sa.text("((julianday('now') - 2440587.5) * 86400.0)")


def _hold_nobody_up(connection: Any, _: object) -> None:
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
    connection.commit()
