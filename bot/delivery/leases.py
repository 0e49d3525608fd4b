"""Leases on pending replies: which bot answers. Every change of a row goes through here."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from bot.delivery.background import Background
from bot.delivery.open_replies import OpenReplies
from bot.delivery.retry import DATABASE_UNREACHABLE, Retry
from bot.delivery.timing import Timing
from bot.store.database import STORE_UNREACHABLE
from bot.store.pending_replies import PendingReplies
from bot.store.pending_reply import PendingReply
from core.errors import BadRequest, StoreError

_log = logging.getLogger(__name__)


class Leases:
    """Writes the rows of this bot's pending replies, renews their leases, and takes over those of bots that died."""

    def __init__(
        self,
        store: PendingReplies,
        open_replies: OpenReplies,
        background: Background,
        follow: Callable[[PendingReply], None],
        timing: Timing,
    ) -> None:
        """`follow` begins to follow the job of a pending reply that this bot takes."""
        self._store, self._open, self._background = store, open_replies, background
        self._follow = follow
        self._timing = timing
        self._retry = Retry(DATABASE_UNREACHABLE, timing.database_delays)
        self._held_until = math.inf  # on the monotonic clock, as the next one
        self._steady_since = math.inf  # since then the database was reached each time

    @property
    def held(self) -> bool:
        """Whether this bot's pending replies are surely still its own."""
        return time.monotonic() < self._held_until

    async def resume(self) -> None:
        """Take back what the last run of this bot left unanswered, and hold on to it from here on."""
        began = self._steady_since = time.monotonic()
        self._go_on_with(await self._store.take_back())
        self._open.elsewhere = await self._store.others({})
        self._held_until = began + self._store.lease_seconds
        self._background.start("leases", self._keep())

    async def note(self, pending: PendingReply, a_day: int, begun: float) -> bool:
        """Write the row; False when another bot has. Raises BadRequest as `PendingReplies.add` does, and StoreError
        when that takes too long for Discord, from `begun` by the event loop's clock: a row that is written later is
        removed again."""
        writing = asyncio.create_task(self._store.add(pending, a_day))
        try:
            async with asyncio.timeout_at(begun + self._timing.note):
                return await asyncio.shield(writing)
        except TimeoutError:
            self.withdraw(pending.job_id, writing)
            raise StoreError(STORE_UNREACHABLE) from None

    def withdraw(self, job_id: str, writing: asyncio.Task[bool] | None = None) -> None:
        """Remove the row of an interaction that was refused after all, once it is written."""
        self._background.start(f"withdraw-{job_id}", self._withdraw(job_id, writing))

    async def change(self, pending: PendingReply) -> None:
        """Replace a pending reply of this bot, in its row and in memory."""
        await self._retry(self._store.change, pending)
        self._open.update(pending)

    async def note_message(self, reply_id: str, message_id: int) -> bool:
        """Note the message that shows the progress of one of this bot's, so that whichever bot answers after the token
        has expired can remove it. Returns False while the database is away."""
        if pending := self._open.own.get(reply_id):
            noted = replace(pending, destination=replace(pending.destination, message_id=message_id))
            self._open.update(noted)
            with suppress(StoreError):
                await self._store.change(noted)
                return True
        return False

    async def uncount(self, job_id: str) -> None:
        """Take a job of which nothing can be made out of the counts for the rules of its server."""
        await self._retry(self._store.uncount, job_id)

    async def confirm(self, job_id: str) -> bool:
        """Whether this bot is still the one that has to answer. Raises StoreError when that cannot be found out: then
        the pending reply waits until some bot takes it over."""
        held = await self._retry(self._store.renew, [job_id])
        if not held:
            _log.warning("job %s was answered by another bot, to which this one seemed dead", job_id)
        return bool(held)

    async def remove(self, job_id: str) -> None:
        """Remove the row of a reply that was delivered."""
        await self._retry(self._store.remove, job_id)
        self._open.delivered.discard(job_id)

    async def _withdraw(self, job_id: str, writing: asyncio.Task[bool] | None) -> None:
        try:
            if writing and not await writing:
                return
            await self._retry(self._store.remove, job_id)
        except BadRequest:
            return  # the rules of its server refused it: there is no row
        except StoreError:
            _log.warning("job %s was refused, but its row may have stayed", job_id)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._timing.renew)
            await self._renew_and_take_over()

    async def _renew_and_take_over(self) -> None:
        began = time.monotonic()
        if not self.held:  # the other bots were perhaps as far from the database as this one
            self._steady_since = began
        try:
            await self._renew()
            self._held_until = began + self._store.lease_seconds
            await self._erase_expired_tokens()
            if began > self._steady_since + self._store.lease_seconds:
                running = self._background.names
                self._go_on_with([free for free in await self._store.take_over() if free.job_id not in running])
            self._open.elsewhere = await self._store.others(self._open.elsewhere)
        except StoreError:
            self._steady_since = time.monotonic()
        except Exception:
            _log.exception("leases could not be renewed")

    async def _renew(self) -> None:
        followed = self._open.own.keys() & self._background.names
        held = await self._store.renew(followed)
        for job_id in (followed & self._open.own.keys()) - held:
            _log.warning("job %s is answered by another bot, to which this one seemed dead", job_id)
            self._background.cancel(job_id)

    async def _erase_expired_tokens(self) -> None:
        for pending in list(self._open.own.values()):
            if pending.destination.token and not pending.destination.editable:
                expired = replace(pending, destination=replace(pending.destination, token=""))
                await self._store.change(expired)
                self._open.update(expired)

    def _go_on_with(self, taken: Sequence[PendingReply]) -> None:
        for pending in taken:
            self._open.own[pending.job_id] = pending
            self._follow(pending)
        if taken:
            _log.info("going on with %d unanswered jobs", len(taken))
