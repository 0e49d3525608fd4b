"""DBOS, without what it imports for uses that Nocturne makes none of. All other modules have it from here."""

from __future__ import annotations

from core.process.imports import left_out

UNUSED = ("sqlalchemy.orm", "sqlalchemy.ext.asyncio", "psycopg", "psycopg.errors", "click", "croniter", "yaml")
"""SQLAlchemy's object-relational mapper; the driver of PostgreSQL, which SQLAlchemy imports itself where QUEUE_URL asks
for it; and what DBOS's command line, schedules and configuration file need. They take 18 MB of each process."""

with left_out(UNUSED):
    from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, WorkflowStatus, error
    from dbos._serialization import DefaultSerializer, deserialize_value

__all__ = [
    "DBOS",
    "DBOSClient",
    "DBOSPortableJSONSerializer",
    "DefaultSerializer",
    "WorkflowStatus",
    "deserialize_value",
    "error",
]
