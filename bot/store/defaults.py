"""Defaults: the values of options that a listener did not name. A listener's own count more than a server's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa

from bot.store.database import Database, json_object, upsert
from core.errors import BadRequest
from core.option_kinds import Option
from core.options import AUDIO, INSTRUMENT, LENGTH, MODEL, PRIVATE, STYLE, TEMPERATURE
from core.request import fits_model

OWN: tuple[Option[Any], ...] = (MODEL, STYLE, LENGTH, TEMPERATURE, INSTRUMENT, AUDIO, PRIVATE)
"""Options of which a listener may have a default: what is a matter of taste, and not of one piece."""

Values: TypeAlias = Mapping[str, Any]
"""Values of options by their names."""

_defaults = sa.table("nocturne_defaults", sa.column("user_id", sa.BigInteger), sa.column("options", sa.JSON))
_log = logging.getLogger(__name__)


def layered(typed: Values, *layers: Values) -> dict[str, Any]:
    """The typed options, and for those that were left out the value of the first layer that has one. A default that
    contradicts what counts more is passed over: a style where the model `article` is typed, and that model where a
    style is."""
    chosen = dict(typed)
    for layer in layers:
        for name, value in layer.items():
            if name not in chosen and _agrees(chosen, name, value):
                chosen[name] = value
    return chosen


def _agrees(chosen: Values, name: str, value: Any) -> bool:
    if name == MODEL.name:
        return all(fits_model(value, other, given) for other, given in chosen.items())
    return fits_model(chosen.get(MODEL.name, MODEL.usual), name, value)


class DefaultsBook:
    """The table of listeners' own defaults. Methods may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: int) -> dict[str, Any]:
        """Those of a listener; of a row that is damaged, what can be read."""
        row = await self._database.run(lambda connection: connection.execute(_row(user_id)).scalar())
        return _readable(row)

    async def set(self, user_id: int, option: Option[Any], value: Any) -> dict[str, Any]:
        """Change the default of an option, None for none; returns all. Options that only a newer version knows stay in
        the row. Raises BadRequest for a value that is out of range."""
        if value is not None:
            option.check(value)

        def write(connection: sa.Connection) -> dict[str, Any]:
            empty = upsert(connection)(_defaults).values(user_id=user_id, options={}).on_conflict_do_nothing()
            connection.execute(empty)  # first: it is where SQLite's other writers begin to wait
            row = connection.execute(_row(user_id).with_for_update()).scalar()
            kept = (json_object(row) or {}) | {option.name: value}
            written = {name: kept[name] for name in kept if kept[name] is not None}
            connection.execute(sa.update(_defaults).where(_defaults.c.user_id == user_id).values(options=written))
            return _known(written)

        return await self._database.write(write)

    async def forget(self, user_id: int) -> None:
        own = sa.delete(_defaults).where(_defaults.c.user_id == user_id)
        await self._database.write(lambda connection: connection.execute(own))


def _row(user_id: int) -> sa.Select[Any]:
    """Selects the text of a row: SQLAlchemy's own reading of JSON raises for a damaged one."""
    return sa.select(sa.cast(_defaults.c.options, sa.Text)).where(_defaults.c.user_id == user_id)


def _readable(row: str | None) -> dict[str, Any]:
    kept = json_object(row)
    if kept is None:
        _log.error("a listener's defaults cannot be read and count for nothing")
    return _known(kept or {})


def _known(kept: Values) -> dict[str, Any]:
    return {
        option.name: kept[option.name] for option in OWN if option.name in kept and _fits(option, kept[option.name])
    }


def _fits(option: Option[Any], value: Any) -> bool:
    """Whether a listener could have chosen this value."""
    if type(value) is not option.kind:
        return False
    try:
        option.check(value)
    except BadRequest:
        return False
    return True
