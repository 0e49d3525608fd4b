"""A table of heartbeats, timed by the database's clock: which workers live."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from core.process.database import connected, now

_MIGRATION_LOCK = 0x6E6F6375  # of PostgreSQL, which frees it with the transaction
_FORGET_SECONDS = 3600.0
_table = sa.table("nocturne_workers", sa.column("name", sa.Text), sa.column("beat", sa.Float))


def living_workers(connection: sa.Connection, dead_seconds: float) -> set[str]:
    """The names of all workers with a recent heartbeat; one from the future tells that the clock was put back."""
    clock = now(connection)
    recent = sa.text(f"beat > {clock} - {dead_seconds} AND beat < {clock} + {dead_seconds}")
    return set(connection.execute(sa.select(_table.c.name).where(recent)).scalars())


class Heartbeat:
    """This worker's heartbeat, and sight of everybody's: one that is `dead_seconds` old is none. Its methods may raise
    SQLAlchemyError."""

    def __init__(self, url: str, name: str, dead_seconds: float) -> None:
        self._name = name
        self._dead_seconds = dead_seconds
        self._engine = connected(url, pool_size=1, max_overflow=0)
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            connection.exec_driver_sql(
                "CREATE TABLE IF NOT EXISTS nocturne_workers (name TEXT PRIMARY KEY, beat DOUBLE PRECISION NOT NULL)"
            )

    def beat(self) -> None:
        """Say that this worker lives."""
        with self._engine.begin() as connection:
            clock = now(connection)
            connection.execute(
                sa.text(
                    f"INSERT INTO nocturne_workers VALUES (:name, {clock})"
                    " ON CONFLICT (name) DO UPDATE SET beat = excluded.beat"
                ),
                {"name": self._name},
            )
            connection.execute(sa.text(f"DELETE FROM nocturne_workers WHERE beat < {clock} - {_FORGET_SECONDS}"))

    def living(self) -> set[str]:
        """The names of all workers with a recent heartbeat."""
        with self._engine.begin() as connection:
            return living_workers(connection, self._dead_seconds)

    def stop(self) -> None:
        """Remove this worker's heartbeat, so that its jobs need not wait until it counts as dead."""
        self.remove([self._name])

    def remove(self, names: Iterable[str]) -> None:
        """Remove the heartbeats of these workers, which are dead."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_table).where(_table.c.name.in_(names)))

    def close(self) -> None:
        """Disconnect from the database."""
        self._engine.dispose()
