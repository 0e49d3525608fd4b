"""Tables with a JSON object for each id, read and changed as a whole: a server's rules, a listener's defaults."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import sqlalchemy as sa

from bot.store.database import upsert

Kept: TypeAlias = dict[str, Any] | None
"""The object of an id, an empty one where there is no row; None for a damaged row."""


class JsonTable:
    """One such table. Every method works on the connection of a transaction that its caller opened."""

    def __init__(self, name: str, id_column: str, object_column: str) -> None:
        self._table = sa.table(name, sa.column(id_column, sa.BigInteger), sa.column(object_column, sa.JSON))
        self._id, self._object = self._table.c[id_column], self._table.c[object_column]

    def get(self, connection: sa.Connection, row_id: int) -> Kept:
        return _parsed(connection.execute(self._text(row_id)).scalar())

    def change(
        self, connection: sa.Connection, row_id: int, change: Callable[[Kept], dict[str, Any]]
    ) -> dict[str, Any]:
        """Write what `change` makes of the object, and return that. Others who would change it wait meanwhile."""
        empty = upsert(connection)(self._table).values({self._id.name: row_id, self._object.name: {}})
        connection.execute(empty.on_conflict_do_nothing())  # first: it is where SQLite's other writers begin to wait
        changed = change(_parsed(connection.execute(self._text(row_id).with_for_update()).scalar()))
        connection.execute(sa.update(self._table).where(self._id == row_id).values({self._object.name: changed}))
        return changed

    def remove(self, connection: sa.Connection, row_id: int) -> None:
        connection.execute(sa.delete(self._table).where(self._id == row_id))

    def _text(self, row_id: int) -> sa.Select[Any]:
        """Selects the object as text: SQLAlchemy's own reading of JSON raises for a damaged one."""
        return sa.select(sa.cast(self._object, sa.Text)).where(self._id == row_id)


def _parsed(text: str | None) -> Kept:
    try:
        parsed = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
