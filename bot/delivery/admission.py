"""Admission of requests: all limits on what may be asked for, and the sentences that say that one is reached."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate

from bot.delivery.estimates import Estimates
from bot.delivery.open_replies import OpenReplies
from bot.store.pending_reply import PendingReply
from core.errors import QueueError, QueueFull, TooManyJobs
from core.queue.client import JobQueue
from core.text import Text

ROOM = 0.9
"""Share of QUEUE_LIMIT. A listener who is refused is told to try again when no more jobs than this wait."""


class Admission:
    """The limits: a user's unfinished pieces everywhere, a member's in one server, and the room in the queue.

    Each request is checked twice. `check` comes first, before any work on it, so that a refusal costs nearly nothing.
    `enter` comes after the last `await` of that work, since meanwhile others may have taken the place; it counts the
    request in the same step, so that no two can take one place."""

    def __init__(
        self,
        queue: JobQueue,
        open_replies: OpenReplies,
        estimates: Estimates,
        *,
        max_jobs_per_user: int,
        queue_limit: int,
    ) -> None:
        self._queue, self._open, self._estimates = queue, open_replies, estimates
        self.max_jobs_per_user = max_jobs_per_user
        self._queue_limit = queue_limit

    async def check(self, user_id: int, pieces: int = 1) -> None:
        """Raises TooManyJobs when this user may not have so many further pieces now, and QueueFull when nobody may have
        any. The queue is looked at twice a second at most, however many ask."""
        self._check_jobs(self._open.of(user_id), pieces, self.max_jobs_per_user)
        with suppress(QueueError):  # a queue that is away for a moment costs nobody a piece
            self._estimates.see(await self._queue.snapshot())
        self._estimates.workers.check()
        self._check_room(pieces)

    def enter(self, pending: PendingReply, at_once: int = 0) -> None:
        """Count a request from here on. A member of its server may have `at_once` unfinished pieces there; 0 for as
        many as everywhere. Raises TooManyJobs and QueueFull."""
        theirs = self._open.of(pending.destination.user_id)
        self._check_jobs(theirs, pending.pieces, self.max_jobs_per_user)
        if at_once:
            here = [other for other in theirs if other.destination.guild_id == pending.destination.guild_id]
            self._check_jobs(here, pending.pieces, at_once)
        self._check_room(pending.pieces)
        self._open.own[pending.job_id] = pending
        self._open.unqueued.update(pending.job_ids)

    def _check_jobs(self, unfinished: Sequence[PendingReply], further: int, most: int) -> None:
        making = sum(pending.pieces for pending in unfinished)
        if (excess := making + further - most) > 0:
            raise TooManyJobs(too_many(making, further, most, self._finished(unfinished, excess)))

    def _finished(self, unfinished: Sequence[PendingReply], pieces: int) -> float | None:
        """When so many pieces of these replies will be finished, seconds since 1970; None where that is not known."""
        known = [pending for pending in unfinished if pending.job_id in self._open.ends]
        known.sort(key=lambda pending: self._open.ends[pending.job_id])
        finished = accumulate(pending.pieces for pending in known)
        enough = (pending for pending, so_far in zip(known, finished, strict=True) if so_far >= pieces)
        return self._open.ends[last.job_id] if (last := next(enough, None)) else None

    def _check_room(self, pieces: int) -> None:
        entered = len(self._open.unqueued)  # of these the queue does not know yet
        if self._estimates.waiting + entered + pieces > self._queue_limit:
            eased = self._estimates.eased(int(ROOM * self._queue_limit) - entered)
            raise QueueFull(full(time.time() + max(eased, 1.0) if eased is not None else None))


def too_many(making: int, further: int, most: int, again: float | None) -> Text:
    """Why a listener with so many pieces in the making gets no `further` ones, where `most` are made at once; `again`
    is when enough of them will be finished, seconds since 1970, where that can be told."""
    if further > most:
        return Text("I make no more than {most} pieces at once for one listener; ask for fewer takes", {"most": most})
    if further > 1:
        when = Text("wait for them to finish, or cancel one")
        if again is not None:
            when = Text("try again {when}, or cancel one", {"when": f"<t:{again:.0f}:R>"})
        return Text(
            "you have {pieces} in progress, and {further} more would exceed the {most} that I take at once; {when}",
            {"further": further, "pieces": making, "most": most, "when": when},
        )
    if again is None:
        return Text(
            "you already have as many pieces in progress as I take at once ({pieces}); wait for one to finish, or"
            " cancel one",
            {"pieces": making},
        )
    return Text(
        "you already have as many pieces in progress as I take at once ({pieces}); try again {when}, or cancel one",
        {"pieces": making, "when": f"<t:{again:.0f}:R>"},
    )


def full(again: float | None) -> Text:
    """Why nobody gets a further piece now; `again` is when there will be room, seconds since 1970, where that can be
    told."""
    if again is None:
        return Text("so many pieces are waiting that I can't take another one now; please try again in a few minutes")
    return Text(
        "so many pieces are waiting that I can't take another one now; please try again {when}",
        {"when": f"<t:{again:.0f}:R>"},
    )
