"""The follower of a reply: puts its jobs into the queue, polls them, shows their progress and delivers the outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import NamedTuple

from bot.delivery.estimates import Estimates
from bot.delivery.leases import Leases
from bot.delivery.messenger import Messenger, Views
from bot.delivery.open_replies import OpenReplies
from bot.delivery.progress import Progress
from bot.delivery.retry import DATABASE_UNREACHABLE, Retry
from bot.delivery.sources import Sources
from bot.delivery.takes import OVER, together
from bot.delivery.timing import Timing
from bot.language import card, recipes, replies, takes
from bot.language.card import Provenance
from bot.language.i18n import speak, spoken
from bot.language.replies import Reply
from bot.language.sentences import explain
from bot.process import metrics
from bot.store.pending_reply import Destination, PendingReply
from bot.store.piece_table import Stored
from bot.store.pieces import Library
from core.captions import Captions
from core.errors import NocturneError, QueueError, StoreError
from core.piece import Composed, Piece
from core.queue.client import JobQueue
from core.queue.jobs import COMPOSED_SHARE, WAITED_TOO_LONG, Job, JobState
from core.text import NOTHING, Text

TOO_LATE = Text(
    "Sorry, so many pieces were ahead of yours that Discord would no longer have let me deliver it."
    " Please ask again in a while, or for a shorter piece."
)
TAKE_TOO_LATE = Text("Discord would no longer have let me deliver it")
"""Stands beside takes that are delivered without it."""
LONGEST_WAIT_SECONDS = 7200.0
"""In the queue, also where a message can bring the piece at any time: a full queue of 1,000 is done in less."""

IN_ALL = "in all"
"""The log's name of the time from the interaction to its answer."""

_log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """The end of a pending reply: its jobs, and the message to deliver."""

    pending: PendingReply
    jobs: Sequence[Job]
    """Empty where the queue was not reached, or the request was no good."""
    reply: Reply

    @property
    def state(self) -> JobState:
        return together(self.jobs).state if self.jobs else JobState.FAILED


class _Withdrawn(Exception):
    """The listener has taken the job back before it was queued."""


class Follower:
    """One way from a pending reply to the delivered one, for fresh interactions and for those that another bot left."""

    def __init__(
        self,
        queue: JobQueue,
        library: Library,
        sources: Sources,
        messenger: Messenger,
        views: Views,
        leases: Leases,
        open_replies: OpenReplies,
        estimates: Estimates,
        timing: Timing,
    ) -> None:
        self._queue, self._library, self._sources = queue, library, sources
        self._messenger, self._views = messenger, views
        self._leases, self._open, self._estimates = leases, open_replies, estimates
        self._timing = timing
        self._retry = Retry(DATABASE_UNREACHABLE, timing.database_delays)
        self._in_turn = asyncio.Lock()
        self._reading: dict[str, asyncio.Task[PendingReply]] = {}

    def withdraw(self, job_id: str) -> None:
        """Its listener has taken a job back: what is still being read for it need not be."""
        if reading := self._reading.get(job_id):
            reading.cancel()

    async def follow(self, pending: PendingReply, fresh: bool) -> None:
        """Follow the jobs of a reply to their end. `fresh`: no bot has been at it before, so the queue does not know
        them. Nothing is raised: what goes wrong is said to the listener."""
        speak(pending.destination.locale)
        state = JobState.FAILED
        try:
            if pending.job_id in self._open.delivered:  # the database was away when it was
                await self._leases.remove(pending.job_id)
                return
            async with AsyncExitStack() as memory:
                outcome = await self._outcome(pending, fresh, memory)
                state = outcome.state
                await self._deliver(outcome)
        except Exception:
            _log.exception("job %s stays unanswered for now", pending.job_id)
            metrics.ANSWERS.labels(state, "unanswered").inc()
        finally:
            self._open.close(pending.job_id)

    async def _outcome(self, pending: PendingReply, fresh: bool, memory: AsyncExitStack) -> Outcome:
        jobs: Sequence[Job] = ()
        try:
            pending = await self._read(pending)
            await self._put(pending, await self._sources.composed(pending), fresh)
            given_up = await self._ended(pending)
            jobs = _failed_late(await self._loaded(pending, memory), given_up)
            return Outcome(pending, jobs, await self._reply(pending, jobs))
        except _Withdrawn:
            jobs = [Job(pending.job_id, JobState.CANCELLED)]
            return Outcome(pending, jobs, replies.cancelled(pending))
        except Exception as error:
            if not isinstance(error, NocturneError):
                _log.exception("job %s could not be followed", pending.job_id)
            return Outcome(pending, jobs, Reply(explain(error), aside=True))

    async def _read(self, pending: PendingReply) -> PendingReply:
        """The pending reply whose request is whole. Raises _Withdrawn when its listener takes it back meanwhile."""
        self._reading[pending.job_id] = reading = asyncio.create_task(self._sources.read(pending))
        try:
            return await reading
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # the bot ends
                raise
            raise _Withdrawn from None
        finally:
            del self._reading[pending.job_id]

    async def _put(self, pending: PendingReply, composed: Composed | None, fresh: bool) -> None:
        async with self._in_turn:  # first come, first served
            for number, single in enumerate(pending.singles, start=1):
                await self._retry(self._put_once, single, composed, fresh, number if pending.takes > 1 else 0)
                self._open.unqueued.discard(single.job_id)

    async def _put_once(self, pending: PendingReply, composed: Composed | None, fresh: bool, number: int) -> None:
        if not fresh and await self._queue.standing(pending.job_id):
            return  # put again it would be taken for one that waits, and told so, even after its piece
        await self._queue.put(
            pending.job_id,
            pending.request,
            user_id=pending.destination.user_id,
            seconds_left=pending.destination.seconds_left,
            size_limit=pending.destination.audio_limit,
            rendering=pending.rendering,
            composed=composed,
            captions=Captions.of(pending.request, pending.rendering, spoken(), number),
        )

    async def _ended(self, pending: PendingReply) -> Text:
        """Poll the jobs until all are over. Returns why those that could not be over in time were cancelled; an empty
        text where none was."""
        progress = Progress(pending, self._messenger, self._leases, self._estimates, self._open, self._timing.edit)
        while (job := together(jobs := await self._look(pending))).state not in OVER:
            if reason := _too_late(pending.destination, jobs):
                for late in (job for job in jobs if job.state not in OVER):
                    await self._retry(self._queue.cancel, late.id)
                return reason
            self._estimates.see(await self._retry(self._queue.snapshot))
            await progress.show(job)
            await self._pause(pending, job)
        return NOTHING

    async def _pause(self, pending: PendingReply, job: Job) -> None:
        """Wait until the next look. A job that is composed is over soon, and then at once."""
        if job.progress < COMPOSED_SHARE:
            await asyncio.sleep(self._timing.poll)
        else:
            await self._retry(self._queue.until_over, pending.job_ids, self._timing.poll)

    async def _loaded(self, pending: PendingReply, memory: AsyncExitStack) -> list[Job]:
        """The jobs with their outcomes, once there is room for all of them in memory; they take that until `memory` is
        left."""
        size = sum([await self._retry(self._queue.size, job_id) for job_id in pending.job_ids])
        await memory.enter_async_context(self._library.memory.held(size))
        return [_known(await self._retry(self._queue.job, job_id), job_id) for job_id in pending.job_ids]

    async def _look(self, pending: PendingReply) -> list[Job]:
        return [_known(await self._retry(self._queue.standing, job_id), job_id) for job_id in pending.job_ids]

    async def _reply(self, pending: PendingReply, jobs: Sequence[Job]) -> Reply:
        job, size_limit = together(jobs), pending.destination.size_limit
        if job.piece is None:
            return replies.outcome(job, pending)
        if card.is_clip(job.piece):
            return card.clip(job.piece, size_limit)
        if pending.takes > 1:
            return await self._choice(pending, jobs)
        stored = await self._stored(pending, job.piece)
        about = await self._provenance(pending, stored)
        reply = card.finished(job.piece, size_limit, pending.remark, about)
        return replace(reply, buttons=self._views.piece(stored) if stored else None)

    async def _choice(self, pending: PendingReply, jobs: Sequence[Job]) -> Reply:
        """The takes side by side, with a button for each that is stored."""
        stored = {
            number: kept
            for number, (single, job) in enumerate(zip(pending.singles, jobs, strict=True), start=1)
            if job.piece and (kept := await self._stored(single, job.piece))
        }
        about = await self._provenance(pending, None)
        size_limit = pending.destination.size_limit
        reply = await asyncio.to_thread(takes.choice, jobs, size_limit, pending.remark, about)
        return replace(reply, buttons=self._views.takes(stored, pending.takes) if stored else None)

    async def _provenance(self, pending: PendingReply, stored: Stored | None) -> Provenance:
        destination = pending.destination
        return Provenance(
            piece_id=stored.id if stored else "",
            parent=pending.parent,
            parent_owner=await self._library.owner(pending.parent),
            user_id=destination.user_id,
            name=destination.name,
            avatar=destination.avatar,
        )

    async def _stored(self, pending: PendingReply, piece: Piece) -> Stored | None:
        """Keep the piece. One that cannot be kept is delivered without buttons."""
        try:
            return await self._library.add(pending, piece)
        except (NocturneError, OSError):
            _log.exception("job %s: its piece could not be stored", pending.job_id)
            return None

    async def _deliver(self, outcome: Outcome) -> None:
        job_id = outcome.pending.job_id
        pending = self._open.own.get(job_id, outcome.pending)  # with the message that shows its progress
        begun = time.monotonic()
        if not await self._leases.confirm(job_id):
            return
        how, url = await self._messenger.deliver(pending, outcome.reply)
        self._open.delivered.add(job_id)
        self._open.close(job_id)  # its listener may ask for the next one from here on
        times = {"deliver": time.monotonic() - begun, IN_ALL: pending.destination.age}
        _log.info("%s", log_line(outcome, how, times))
        metrics.answered(outcome.state, how, times["deliver"], times[IN_ALL])
        await self._leases.remove(job_id)  # first, for its token
        with suppress(StoreError):  # the pieces are there all the same
            await self._library.table.set_message(pending.job_ids, url)
        with suppress(QueueError):  # a job without a row is only space, and a later sweep removes it
            for each in pending.job_ids:
                await self._retry(self._queue.delete, each)


def _known(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise LookupError(f"the queue has lost job {job_id}")
    return job


def _too_late(destination: Destination, jobs: Sequence[Job]) -> Text:
    """Why these unfinished jobs cannot be waited for any longer; empty while they can be."""
    if any(job.state is JobState.QUEUED for job in jobs) and destination.age > LONGEST_WAIT_SECONDS:
        return WAITED_TOO_LONG
    left = destination.seconds_left
    return TOO_LATE if left is not None and left < 0 else NOTHING


def _failed_late(jobs: Sequence[Job], reason: Text) -> Sequence[Job]:
    """The jobs, of which those that were given up for this reason count as failed; with an empty one, all as they are.
    A job that ended just before it was cancelled counts as what it is."""
    if not reason:
        return jobs
    if reason is TOO_LATE and any(job.piece for job in jobs):
        reason = TAKE_TOO_LATE
    return [
        job if job.state in (JobState.DONE, JobState.FAILED) else Job(job.id, JobState.FAILED, error=reason)
        for job in jobs
    ]


def log_line(outcome: Outcome, how: str, times: Mapping[str, float]) -> str:
    """The log's line about a reply: who asked for what, what became of it, and where time went. Of takes that were made
    side by side it tells the longest time in each stage."""
    pending, jobs = outcome.pending, outcome.jobs
    reason = "".join(f" ({job.error})" for job in jobs if job.error)
    made: dict[str, float] = {}
    for job in jobs:
        waited = {} if job.waited is None else {"wait": job.waited}
        for stage, seconds in {**waited, **(job.piece.seconds if job.piece else {})}.items():
            made[stage] = max(seconds, made.get(stage, 0.0))
    spent = ", ".join(_spent(stage, seconds) for stage, seconds in {**made, **times}.items())
    asked = recipes.command(pending.request, pending.rendering, pending.takes, pending.unread_task)
    user = pending.destination.user_id
    return f"job {pending.job_id} of user {user}, {asked}: {outcome.state}{reason}, {how}; {spent}"


def _spent(stage: str, seconds: float) -> str:
    """`compose 1.23 s`. The whole time goes by Discord's clock, which is known to some tenths."""
    digits = 2 if stage != IN_ALL else 1 if seconds < 10 else 0
    return f"{stage} {seconds:.{digits}f} s"
