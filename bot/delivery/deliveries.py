"""Deliveries: from an accepted interaction to its delivered reply. This module puts the parts of the room together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import discord

from bot.delivery.admission import Admission
from bot.delivery.background import Background
from bot.delivery.estimates import Estimates, Work
from bot.delivery.follower import Follower
from bot.delivery.leases import Leases
from bot.delivery.messenger import Messenger, Views
from bot.delivery.open_replies import OpenReplies
from bot.delivery.retry import DISCORD_UNREACHABLE, Retry
from bot.delivery.sources import Sources
from bot.delivery.timing import Timing
from bot.delivery.uploads import UploadReader
from bot.store.pending_replies import PendingReplies
from bot.store.pending_reply import PendingReply, StoredNotes, reply_of
from bot.store.pieces import Library
from bot.store.server_rules import Rules
from core.errors import QueueError, StoreError
from core.process.logs import about_job
from core.queue.client import JobQueue
from core.text import Text

STILL_DELIVERING = Text("a piece of yours is just being delivered; please try again in a moment")

_log = logging.getLogger(__name__)


class Deliveries:
    """Every accepted interaction until its reply is delivered, and what can be asked about it meanwhile."""

    def __init__(
        self,
        client: discord.Client,
        queue: JobQueue,
        store: PendingReplies,
        library: Library,
        reader: UploadReader,
        views: Views,
        *,
        max_jobs_per_user: int,
        queue_limit: int,
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self._queue, self._store, self.timing = queue, store, timing
        self._background = Background()
        self._open = OpenReplies()
        self.estimates = Estimates(self._work_of)
        self.admission = Admission(
            queue, self._open, self.estimates, max_jobs_per_user=max_jobs_per_user, queue_limit=queue_limit
        )
        self._leases = Leases(store, self._open, self._background, self._follow, timing)
        self._follower = Follower(
            queue,
            library,
            Sources(reader, library, self._leases),
            Messenger(client, views, Retry(DISCORD_UNREACHABLE, timing.discord_delays), timing.mention),
            views,
            self._leases,
            self._open,
            self.estimates,
            timing,
        )

    async def resume(self) -> None:
        """Go on with everything that the last run of this bot left unanswered."""
        await self._leases.resume()
        self._background.start("sweep", self._sweep())

    async def close(self) -> None:
        """Let go of all jobs; their rows stay."""
        await self._background.close()

    async def accept(
        self, pending: PendingReply, acknowledge: Callable[[], Awaitable[int | None]], rules: Rules, begun: float
    ) -> None:
        """Take on an interaction under the rules of its server: note it down, acknowledge it, and follow its job in the
        background, unless another bot was faster, which then does. A row is there before Discord hears of it, so that a
        bot killed at any moment goes on with it. Raises TooManyJobs and QueueFull before anything else, as
        `Admission.enter` does, BadRequest when the rules allow no more today, and StoreError when it cannot be noted
        down in time, which counts from `begun` by the event loop's clock. `acknowledge` gives the id of the message
        that shows progress, where that is known."""
        self.admission.enter(pending, rules.at_once)
        try:
            with about_job(pending.job_id):
                ours = await self._leases.note(pending, rules.a_day, begun)
                if ours:
                    message_id = await self._acknowledge(pending.job_id, acknowledge)
                    pending = replace(pending, destination=replace(pending.destination, message_id=message_id))
                    self._open.update(pending)  # its row says it as soon as it is written again
        except BaseException:
            self._open.close(pending.job_id)
            raise
        if ours:
            self._follow(pending, fresh=True)
        else:
            self._open.close(pending.job_id)

    def of(self, user_id: int) -> list[PendingReply]:
        """The pending replies of a user, in the order in which they were asked for."""
        return self._open.of(user_id)

    def reached(self, pending: PendingReply) -> float:
        """The most of its progress, 0 to 1, that a pending reply has shown."""
        return self._open.shares.get(pending.job_id, 0.0)

    async def requester(self, job_id: str) -> int | None:
        """The user who waits for this job; None when nobody does. Raises StoreError."""
        pending = self._open.own.get(job_id) or await self._store.find(job_id)
        return pending.destination.user_id if pending and job_id not in self._open.delivered else None

    async def cancel(self, reply_id: str) -> None:
        """Cancel all jobs of a reply, which says so as soon as the queue does. Those that are not queued yet, by this
        bot or by another, will not be. Raises QueueError and StoreError."""
        with about_job(reply_id):
            pending = self._open.find(reply_id) or await self._store.find(reply_id)
            if pending is None:
                return
            for job_id in pending.job_ids:
                await self._queue.withdraw(job_id, pending.destination.user_id)
            self._follower.withdraw(reply_id)

    async def cancel_all(self, user_id: int) -> None:
        """Cancel all jobs of a user, and wait until their replies are delivered. Raises QueueError when that takes
        long."""
        for pending in self.of(user_id):
            await self.cancel(pending.job_id)
        try:
            async with asyncio.timeout(self.timing.cancel):
                while self.of(user_id):  # noqa: ASYNC110 - those of other bots can only be asked for
                    await asyncio.sleep(self.timing.poll)
        except TimeoutError:
            raise QueueError(STILL_DELIVERING) from None

    async def _acknowledge(self, job_id: str, acknowledge: Callable[[], Awaitable[int | None]]) -> int | None:
        """Returns the id of the message that shows progress, where it is known."""
        try:
            return await acknowledge()
        except DISCORD_UNREACHABLE:  # Discord may have heard it; where it did not, a message can bring the piece
            _log.warning("job %s: whether it was acknowledged is not known", job_id)
            return None
        except discord.HTTPException:
            self._leases.withdraw(job_id)
            raise

    def _follow(self, pending: PendingReply, fresh: bool = False) -> None:
        with about_job(pending.job_id):  # the task keeps it
            self._background.start(pending.job_id, self._follower.follow(pending, fresh))

    async def _sweep(self) -> None:
        """Delete jobs without a row again and again: their bot was killed, or the queue away, just after the reply was
        delivered, and their pieces are large."""
        while True:
            await self._delete_answered()
            await asyncio.sleep(self.timing.sweep)

    async def _delete_answered(self) -> None:
        try:
            jobs = await self._queue.ids()
            owed = await self._store.job_ids()  # looked up later: a row is written before its job is put
            for job_id in jobs:
                if reply_of(job_id) not in owed:
                    await self._queue.delete(job_id)
        except (QueueError, StoreError):
            _log.warning("jobs that nobody waits for could not be removed")

    def _work_of(self, job_id: str) -> Work | None:
        """Notes that are stored already are only rendered."""
        pending = self._open.find(job_id)
        if pending is None:
            return None
        return Work.of(pending.request.length, composed=isinstance(pending.source, StoredNotes))
