"""Defaults: the values of options that a listener did not name. A listener's own count more than a server's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeAlias

from bot.store.database import Database
from bot.store.json_table import JsonTable, Kept
from core.errors import BadRequest
from core.option_kinds import Option
from core.options import AUDIO, INSTRUMENT, LENGTH, MODEL, PRIVATE, STYLE, TEMPERATURE
from core.request import fits_model

OWN: tuple[Option[Any], ...] = (MODEL, STYLE, LENGTH, TEMPERATURE, INSTRUMENT, AUDIO, PRIVATE)
"""Options of which a listener may have a default: what is a matter of taste, and not of one piece."""

Values: TypeAlias = Mapping[str, Any]
"""Values of options by their names."""

_defaults = JsonTable("nocturne_defaults", "user_id", "options")
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
        """The defaults of a listener; of a row that is damaged, what can be read."""
        kept = await self._database.run(lambda connection: _defaults.get(connection, user_id))
        if kept is None:
            _log.error("a listener's defaults cannot be read and count for nothing")
        return _known(kept or {})

    async def set(self, user_id: int, option: Option[Any], value: Any) -> dict[str, Any]:
        """Change the default of an option, None for none; returns all. Options that only a newer version knows stay in
        the row. Raises BadRequest for a value that is out of range."""
        if value is not None:
            option.check(value)

        def changed(kept: Kept) -> dict[str, Any]:
            every = (kept or {}) | {option.name: value}
            return {name: default for name, default in every.items() if default is not None}

        written = await self._database.write(lambda connection: _defaults.change(connection, user_id, changed))
        return _known(written)

    async def forget(self, user_id: int) -> None:
        await self._database.write(lambda connection: _defaults.remove(connection, user_id))


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
