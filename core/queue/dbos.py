"""DBOS, without what it imports for uses that Nocturne makes none of. All other modules have it from here."""

from __future__ import annotations

from core.process.imports import left_out

UNUSED = ("sqlalchemy.orm", "sqlalchemy.ext.asyncio", "psycopg", "psycopg.errors")
"""SQLAlchemy's object-relational mapper, and the driver of PostgreSQL, which SQLAlchemy imports where QUEUE_URL names
such a database. They take 16 MB of each process."""

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
