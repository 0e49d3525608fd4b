"""DBOS, as both sides of the queue set it up: its names, its serializer, its log and its connection."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from core.errors import QueueError
from core.process.database import IDLE_TRANSACTION_SECONDS, keep_caches_small
from core.queue.dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, DefaultSerializer
from core.queue.dbos import error as dbos_error
from core.queue.jobs import QUEUE_UNREACHABLE

APPLICATION = "nocturne"
VERSION = "1"  # left to DBOS it is a hash of the code, and an edit would strand yesterday's jobs
QUEUE = WORKFLOW = "compose"
WITHDRAWN = "withdrawn"
"""A queue from which no worker takes: of jobs that were taken back before they were put."""
PROGRESS = "progress"
"""Name of the event that holds the progress of a running job."""
UNFINISHED = ["ENQUEUED", "PENDING"]
JSON = DBOSPortableJSONSerializer()
FAILURES = (SQLAlchemyError, dbos_error.DBOSException, OSError)
"""Errors of a call while the database is away."""

_log = logging.getLogger(__name__)


def _refuse(cls: DefaultSerializer, serialized_data: str) -> NoReturn:
    raise QueueError("the queue holds a pickle, which is never read")


# A row says itself how it is to be read, and DBOS would unpickle one that says so, whatever serializer it was given.
DefaultSerializer.deserialize = _refuse  # type: ignore[method-assign]


class OnceAMinute(logging.Filter):
    """Lets the same words through once a minute: of a database that is away DBOS says so twenty times a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._due: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        words, now = record.getMessage()[:80], self._clock()
        self._due = {said: due for said, due in self._due.items() if due > now}
        return self._due.setdefault(words, now + 60) == now + 60


logging.getLogger("dbos").addFilter(OnceAMinute())
logging.getLogger("dbos").setLevel(logging.WARNING)
logging.getLogger("dbos").addHandler(logging.NullHandler())  # finding none, DBOS would bring its own and its own format


def connect(url: str) -> DBOSClient:
    """Make the database and its tables where they are missing, and connect. Bot and worker may do so at the same
    moment: DBOS takes the database's lock first. Raises QueueError."""
    with reaching():
        where = make_url(url)
        if where.drivername == "sqlite" and where.database:
            Path(where.database).parent.mkdir(parents=True, exist_ok=True)
        DBOS.migrate(url)
        client = DBOSClient(
            system_database_url=url,
            serializer=JSON,
            application_name=APPLICATION,
            retry_connection_errors=False,
            sys_db_idle_transaction_timeout_sec=IDLE_TRANSACTION_SECONDS,
            lazy=True,
        )
        if where.drivername == "sqlite":
            keep_caches_small(client._sys_db.engine)
        client.check_connection()
        return client


@contextmanager
def reaching() -> Iterator[None]:
    """Meanwhile a database that is away raises QueueError."""
    try:
        yield
    except FAILURES as error:
        _log.warning("the queue cannot be reached: %s", str(error).partition("\n")[0])  # the rest is the statement
        raise QueueError(QUEUE_UNREACHABLE) from error
