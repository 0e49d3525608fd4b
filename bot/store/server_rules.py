"""Rules of servers, as their managers set them."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from bot.store import daily_counts
from bot.store.database import Database
from bot.store.defaults import Values, layered
from bot.store.json_table import JsonTable, Kept
from core.errors import BadRequest
from core.expression import ANY
from core.models import DEFAULT_MODEL
from core.options import LENGTH, MODEL, STEP_SECONDS, STYLE
from core.records import MAX_NUMBER, check_types, known_fields

_rules = JsonTable("nocturne_rules", "guild_id", "rules")
_ROUNDED_SECONDS = 0.05
"""Of a length: half of the last digit that a sentence shows."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of one server."""

    channels: tuple[int, ...] = ()
    """Ids of the channels where pieces may be asked for; none for all of them."""
    length: int = LENGTH.most
    """Longest piece, in steps: all of it counts, as it is composed or as it is heard, whichever lasts longer."""
    at_once: int = 0
    """Unfinished pieces of one member; 0 for as many as the bot allows anywhere."""
    a_day: int = 0
    """Pieces of one member within 24 hours; 0 for as many as they like."""
    style: str = ANY
    """Style of a piece for which none is named."""
    model: str = DEFAULT_MODEL
    """Model of a piece for which none is named."""
    private: bool = False
    """Whether every piece is shown only to the person who asked."""

    def __post_init__(self) -> None:
        """Raises TypeError and BadRequest for what nobody could have chosen."""
        check_types(self)
        if not all(type(channel) is int and 0 < channel < MAX_NUMBER for channel in self.channels):
            raise TypeError("a channel is not an id")
        if min(self.at_once, self.a_day) < 0:
            raise TypeError("a limit is below 0")
        LENGTH.check(self.length)
        STYLE.check(self.style)
        MODEL.check(self.model)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> tuple[Rules, list[str]]:
        """The rules in a row, and the names of those that cannot be read and so forbid nothing. Rules that only a newer
        version knows are passed over."""
        rules, unread = FREE, []
        for name, value in known_fields(cls, kept).items():
            try:
                change: dict[str, Any] = {name: tuple(value) if name == "channels" else value}
                rules = replace(rules, **change)
            except (BadRequest, TypeError):
                unread.append(name)
        return rules, unread

    def allow_channel(self, *ids: int | None) -> None:
        """Raises BadRequest for a channel (or a thread and its channel) that is not among those allowed."""
        if self.channels and not set(ids) & set(self.channels):
            named = " ".join(f"<#{channel}>" for channel in self.channels)
            raise BadRequest("in this server I play only in {channels}", channels=named)

    @property
    def longest(self) -> float | None:
        """Seconds that a piece may last; None where the server sets no limit of its own."""
        return self.length * STEP_SECONDS if self.length < LENGTH.most else None

    def allow_seconds(self, seconds: float) -> None:
        """Raises BadRequest for a piece that lasts longer than is allowed."""
        allow_seconds(seconds, self.longest)

    def usual(self, options: Values, own: Values = MappingProxyType({})) -> dict[str, Any]:
        """The options, completed by the listener's own defaults, and then by those of this server. No default is longer
        than a piece may be here."""
        capped = {name: min(value, self.length) if name == LENGTH.name else value for name, value in own.items()}
        here = {"model": self.model, "style": self.style, "length": min(LENGTH.usual, self.length)}
        return layered(options, capped, here)


FREE = Rules()
"""Rules that forbid nothing."""


def allow_seconds(seconds: float, longest: float | None) -> None:
    """Raises BadRequest for a piece that lasts longer than a server allows; None for no limit."""
    if longest is not None and seconds > longest + _ROUNDED_SECONDS:
        raise BadRequest(
            "in this server a piece may last up to {most:g} s, and this one would last {seconds:g} s",
            most=round(longest, 1),
            seconds=round(seconds, 1),
        )


class RuleBook:
    """Tables of rules and counts. Methods may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unreadable: set[int] = set()  # the log has told of these servers

    async def get(self, guild_id: int | None) -> Rules:
        """Rules of a server; FREE where there is no server, none were made, or the row is damaged."""
        if guild_id is None:
            return FREE
        return self._read(guild_id, await self._database.run(lambda connection: _rules.get(connection, guild_id)))

    async def change(self, guild_id: int, **changes: Any) -> Rules:
        """Change some rules of a server; returns all that are in force from here on. Rules that only a newer version
        knows stay in the row."""

        def changed(kept: Kept) -> dict[str, Any]:
            return (kept or {}) | asdict(replace(self._read(guild_id, kept), **changes))

        written = await self._database.write(lambda connection: _rules.change(connection, guild_id, changed))
        return self._read(guild_id, written)

    async def allow_today(self, rules: Rules, guild_id: int | None, user_id: int, pieces: int = 1) -> None:
        """Raises BadRequest when a member has had too many pieces within a day to be allowed so many more."""
        if rules.a_day:
            await self._database.run(
                lambda connection: daily_counts.check(connection, guild_id, user_id, pieces=pieces, a_day=rules.a_day)
            )

    async def forget(self, user_id: int) -> None:
        """Let a user's counts name nobody. They last for their day, or /forget would begin it anew."""
        await self._database.write(lambda connection: daily_counts.forget(connection, user_id))

    def _read(self, guild_id: int, kept: Kept) -> Rules:
        rules, unread = (FREE, ["all"]) if kept is None else Rules.from_json(kept)
        if unread and guild_id not in self._unreadable:
            _log.error("rules of server %d that cannot be read forbid nothing: %s", guild_id, ", ".join(unread))
            self._unreadable.add(guild_id)
        return rules
