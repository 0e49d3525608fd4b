"""Which workers live, by the database's clock, and whether this one still gets on with its jobs."""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from core.process.database import connected, now

BEAT_SECONDS = 5.0
"""How often a worker says that it lives."""
DEAD_SECONDS = 30.0
"""How long a worker that says nothing counts as living."""
HANG_SECONDS = 60.0
"""How long a model may be silent about a piece: it tells its progress after each chunk, many times faster."""

_TICK_SECONDS = 1.0
_MIGRATION_LOCK = 0x6E6F6375  # of PostgreSQL, which frees it with the transaction
_FORGET_SECONDS = 3600.0
_table = sa.table("nocturne_workers", sa.column("name", sa.Text), sa.column("beat", sa.Float))


class Roll:
    """The table of those who live. Its methods may raise SQLAlchemyError."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
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
        """Who has said so lately."""
        with self._engine.begin() as connection:
            lately = sa.text(f"beat > {now(connection)} - {DEAD_SECONDS}")
            return set(connection.execute(sa.select(_table.c.name).where(lately)).scalars())

    def strike(self, names: Iterable[str] = ()) -> None:
        """These do not live any more; without names, this worker does not."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_table).where(_table.c.name.in_([*names] or [self._name])))

    def close(self) -> None:
        self._engine.dispose()


class Watch:
    """Looks after jobs that are at work in this process, and calls `hung` with the id of one that has not advanced for
    HANG_SECONDS. Where the interpreter itself stands still, the process ends with exit code 1 soon after, and writes
    where each thread stood."""

    def __init__(self, hung: Callable[[str], None]) -> None:
        self._hung = hung
        self._advanced: dict[str, float] = {}  # seconds on the monotonic clock
        self._over = threading.Event()

    def start(self) -> None:
        """To be called before there are jobs: the first of them may stop everything else."""
        _end_unless_called_again()
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    @contextmanager
    def over(self, job_id: str) -> Iterator[None]:
        """Meanwhile the job has to advance."""
        self.advance(job_id)
        try:
            yield
        finally:
            self._advanced.pop(job_id, None)

    @contextmanager
    def pause(self, job_id: str) -> Iterator[None]:
        """Meanwhile it waits for something else, such as the database."""
        self._advanced.pop(job_id, None)
        yield
        self.advance(job_id)

    def advance(self, job_id: str) -> None:
        self._advanced[job_id] = time.monotonic()

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._over.wait(_TICK_SECONDS):
            _end_unless_called_again()
            before, looked = looked, time.monotonic()
            if looked > before + 5 * _TICK_SECONDS:  # the whole process was stopped, or had no processor
                self._advanced.update(dict.fromkeys(list(self._advanced), looked))
            for job_id, advanced in list(self._advanced.items()):
                if looked > advanced + HANG_SECONDS:
                    self._hung(job_id)
                    return
        faulthandler.cancel_dump_traceback_later()


def _end_unless_called_again() -> None:
    faulthandler.dump_traceback_later(1.5 * HANG_SECONDS, exit=True)
