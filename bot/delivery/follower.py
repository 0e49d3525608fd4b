"""The follower of a job: puts it into the queue, polls it, shows its progress and delivers its outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import NamedTuple

from bot.delivery.estimates import Estimates
from bot.delivery.leases import Leases
from bot.delivery.messenger import Messenger, Views
from bot.delivery.open_replies import OpenReplies
from bot.delivery.progress import Progress
from bot.delivery.retry import DATABASE_UNREACHABLE, Retry
from bot.delivery.sources import Sources
from bot.delivery.timing import Timing
from bot.language import replies
from bot.language.i18n import speak
from bot.language.replies import Provenance, Reply
from bot.language.sentences import explain
from bot.process import metrics
from bot.store.pending_reply import PendingReply
from bot.store.pieces import Library, Stored
from core.errors import NocturneError, QueueError
from core.queue.client import JobQueue
from core.queue.jobs import WAITED_TOO_LONG, Job, JobState
from core.request import Composed, Piece
from core.text import Text

TOO_LATE = Text(
    "Sorry, so many pieces were ahead of yours that Discord would no longer have let me deliver it."
    " Please ask again in a while, or for a shorter piece."
)
LONGEST_WAIT_SECONDS = 7200.0
"""In the queue, also where a message can bring the piece at any time: a full queue of 1,000 is done in less."""
_OVER = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

_log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """The end of a pending reply: its job, and the message to deliver."""

    pending: PendingReply
    job: Job | None
    """None where the queue was not reached, or the request was no good."""
    reply: Reply

    @property
    def state(self) -> JobState:
        return self.job.state if self.job else JobState.FAILED


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
        """Follow a job to its end. `fresh`: no bot has been at it before, so the queue does not know it. Nothing is
        raised: what goes wrong is said to the listener."""
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
        job: Job | None = None
        try:
            pending = await self._read(pending)
            await self._put(pending, await self._sources.composed(pending), fresh)
            await self._ended(pending)
            job = await self._loaded(pending.job_id, memory)
            return Outcome(pending, job, await self._reply(pending, job))
        except _Withdrawn:
            job = Job(pending.job_id, JobState.CANCELLED)
            return Outcome(pending, job, replies.withdrawn(pending.request, pending.parent))
        except Exception as error:
            if not isinstance(error, NocturneError):
                _log.exception("job %s could not be followed", pending.job_id)
            return Outcome(pending, job, Reply(explain(error)))

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
            await self._retry(self._put_once, pending, composed, fresh)
        self._open.unqueued.discard(pending.job_id)

    async def _put_once(self, pending: PendingReply, composed: Composed | None, fresh: bool) -> None:
        if not fresh and await self._queue.standing(pending.job_id):
            return  # put again it would be taken for one that waits, and told so, even after its piece
        await self._queue.put(
            pending.job_id,
            pending.request,
            user_id=pending.destination.user_id,
            deadline=pending.destination.deadline,
            size_limit=pending.destination.audio_limit,
            rendering=pending.rendering,
            composed=composed,
        )

    async def _ended(self, pending: PendingReply) -> None:
        """Poll the job until it is over. Raises QueueError when it cannot be over in time."""
        progress = Progress(pending, self._messenger, self._leases, self._estimates, self._open, self._timing.edit)
        while (job := await self._look(pending.job_id)).state not in _OVER:
            await self._give_up_late(pending, job)
            self._estimates.see(await self._retry(self._queue.snapshot))
            await progress.show(job)
            await asyncio.sleep(self._timing.poll)

    async def _loaded(self, job_id: str, memory: AsyncExitStack) -> Job:
        """The job with its outcome, once there is room for it in memory; it takes that until `memory` is left."""
        size = await self._retry(self._queue.size, job_id)
        await memory.enter_async_context(self._library.memory.held(size))
        return _known(await self._retry(self._queue.job, job_id), job_id)

    async def _look(self, job_id: str) -> Job:
        return _known(await self._retry(self._queue.standing, job_id), job_id)

    async def _give_up_late(self, pending: PendingReply, job: Job) -> None:
        deadline = pending.destination.deadline
        if job.state is JobState.QUEUED and time.time() > pending.destination.accepted_at + LONGEST_WAIT_SECONDS:
            await self._queue.cancel(pending.job_id)
            raise QueueError(WAITED_TOO_LONG)
        if deadline is not None and time.time() > deadline:
            await self._queue.cancel(pending.job_id)
            raise QueueError(TOO_LATE)

    async def _reply(self, pending: PendingReply, job: Job) -> Reply:
        size_limit = pending.destination.size_limit
        if job.piece is None or replies.is_clip(job.piece):
            return replies.outcome(job, pending.request, size_limit, pending.parent)
        stored = await self._stored(pending, job.piece)
        about = await self._provenance(pending, stored)
        reply = replies.finished(job.piece, size_limit, pending.remark, about)
        return replace(reply, buttons=self._views.piece(stored) if stored else None)

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
        pending, job_id = outcome.pending, outcome.pending.job_id
        begun = time.monotonic()
        if not await self._leases.confirm(job_id):
            return
        how = await self._messenger.deliver(pending, outcome.reply)
        self._open.delivered.add(job_id)
        self._open.close(job_id)  # its listener may ask for the next one from here on
        times = {"deliver": time.monotonic() - begun, "in all": time.time() - pending.destination.accepted_at}
        _log.info("%s", log_line(outcome, how, times))
        metrics.answered(outcome.state, how, times["deliver"], times["in all"])
        await self._leases.remove(job_id)  # first, for its token; a job without a row is only space
        await self._queue.delete(job_id)


def _known(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise LookupError(f"the queue has lost job {job_id}")
    return job


def log_line(outcome: Outcome, how: str, times: Mapping[str, float]) -> str:
    """All that there is to say about a job, in a line: who asked for what, what became of it, and where time went."""
    pending, job = outcome.pending, outcome.job
    reason = f" ({job.error})" if job and job.error else ""
    waited = {"wait": job.waited} if job and job.waited is not None else {}
    made = job.piece.seconds if job and job.piece else {}
    spent = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in {**waited, **made, **times}.items())
    recipe = replies.command(pending.request, pending.rendering)
    user = pending.destination.user_id
    return f"job {pending.job_id} of user {user}, {recipe}: {outcome.state}{reason}, {how}; {spent}"
