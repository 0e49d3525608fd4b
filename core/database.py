"""What queue and bot have in common where they speak to the database by themselves."""

from __future__ import annotations

import sqlalchemy as sa


def address(url: str) -> sa.URL:
    """Of the database that QUEUE_URL names, as SQLAlchemy takes it: PostgreSQL by the driver that DBOS brings along."""
    named = sa.make_url(url)
    return named.set(drivername="postgresql+psycopg") if named.drivername == "postgresql" else named
