"""Other versions of Nocturne, as far as others notice: what they write for other processes to read. `older` knows
nothing of what was added since there are bot and worker, `newer` adds something to each record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbos import DBOSClient

from core.piece import Piece
from core.request import ComposeRequest, Rendering

VERSIONS = ("older", "current", "newer")
ADDED = {
    "format",
    "rendering",
    "composed",
    "attention",
    "remark",
    "parent",
    "source",
    "guild_id",
    "locale",
    "takes",
    "number",
    "strip",
    "captions",
    "seconds_left",
}


def become(version: str) -> None:
    """To be called before anything is written."""
    if version == "current":
        return
    change: Callable[[dict[str, Any]], dict[str, Any]] = _without_what_was_added
    if version == "newer":
        change = _with_more
    records: list[Any] = [ComposeRequest, Rendering, Piece]
    try:
        from bot.store.pending_reply import PendingReply
    except ImportError:  # a worker need not have what the bot has
        pass
    else:
        records.append(PendingReply)
    for record in records:
        record.to_json = lambda self, written=record.to_json: change(written(self))
    enqueue = DBOSClient.enqueue

    def changed(self: DBOSClient, options: Any, *arguments: dict[str, Any]) -> Any:
        """The request has been changed already; after it come the terms of the job."""
        return enqueue(self, options, *arguments[:1], *map(change, arguments[1:]))

    DBOSClient.enqueue = changed  # type: ignore[method-assign]


def _without_what_was_added(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ADDED}


def _with_more(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"added_later": {"voices": 2}}
