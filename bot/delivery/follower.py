"""One way from an accepted interaction to its answer, for a fresh one and for one that a killed bot left behind."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import discord

from bot.delivery.estimates import Estimates, Work
from bot.delivery.messenger import Messenger, Views
from bot.delivery.retry import UNREACHABLE, patiently
from bot.delivery.uploads import UploadReader
from bot.language import replies
from bot.language.i18n import speak
from bot.language.replies import Reply
from bot.process import metrics
from bot.store.database import STORE_UNREACHABLE
from bot.store.pending_replies import LEASE_SECONDS, RENEW_SECONDS, Answer, Answers
from bot.store.pieces import Library
from core.errors import BadRequest, NocturneError, QueueError, QueueFull, StoreError, TooManyJobs
from core.process.logs import about_job
from core.queue.client import JobQueue
from core.queue.jobs import Job, JobState, QueueSnapshot
from core.request import Composed, Piece

POLL_SECONDS = 0.5
EDIT_SECONDS = 2.0
"""How often a job is looked at, and how often at most its listener is told."""
ROOM = 0.9
"""Of QUEUE_LIMIT: how many wait at most when it is worth trying again."""
NOTE_SECONDS = 1.0
"""How long an interaction that is not acknowledged yet may take to be noted down."""
CANCEL_SECONDS = 30.0
LEAST_PROGRESS = 0.1
"""Of a job, before it is foretold when it will be over."""
QUEUE_PATIENCE = (0.5, 1, 2, 4, 8, 16)
"""Seconds to wait between attempts, while the queue is not to be reached."""
_OVER = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

_log = logging.getLogger(__name__)


class Deliveries:
    """Every accepted interaction, until it is answered. Its row in `answers` outlives the bot."""

    def __init__(
        self,
        client: discord.Client,
        queue: JobQueue,
        answers: Answers,
        library: Library,
        reader: UploadReader,
        views: Views,
        *,
        max_jobs_per_user: int,
        queue_limit: int,
    ) -> None:
        self._queue = queue
        self._answers = answers
        self._library = library
        self._reader = reader
        self._views = views
        self.most = max_jobs_per_user
        self._queue_limit = queue_limit
        self._line = QueueSnapshot()
        self._coming: set[str] = set()  # accepted, and not in the queue yet
        self._messenger = Messenger(client, views)
        self._open: dict[str, Answer] = {}
        self._elsewhere: dict[str, Answer] = {}  # what other bots see to, as of some seconds ago
        self._answered: set[str] = set()  # what has reached its listener, and has a row still
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._held_until = math.inf  # for how long the answers are surely this bot's, on the monotonic clock
        self._in_turn = asyncio.Lock()
        self._expected: dict[str, float] = {}  # when a job will be over, seconds since 1970
        self.estimates = Estimates(self._work_of)

    async def resume(self) -> None:
        """Go on with everything that the last run of this bot left unanswered."""
        began = time.monotonic()
        self._go_on_with(await self._answers.take(restarted=True))
        self._elsewhere = await self._answers.others({})
        self._held_until = began + LEASE_SECONDS
        self._do("leases", self._keep())
        self._do("sweep", self._sweep())

    async def _sweep(self) -> None:
        """Delete the jobs that nobody is owed any more: a bot was killed, or the queue away, just after the answer."""
        try:
            jobs = await self._queue.ids()
            owed = await self._answers.owed()  # looked up later: of a job that is there, the row was there before
            for job_id in jobs:
                if job_id not in owed:
                    await self._queue.delete(job_id)
        except (QueueError, StoreError):
            _log.warning("jobs that nobody waits for could not be removed")

    async def close(self) -> None:
        """Let go of them; their rows stay."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _go_on_with(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            self._open[answer.job_id] = answer
            self._start(answer)
        if answers:
            _log.info("going on with %d unanswered jobs", len(answers))

    async def _keep(self) -> None:
        """Hold on to the answers of this bot, and take over those that nobody holds on to any more; for ever."""
        steady = time.monotonic()
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            began = time.monotonic()
            if began > self._held_until:  # the others were perhaps as far from the database as this bot was
                steady = began
            try:
                started = self._open.keys() & self._tasks.keys()
                held = await self._answers.renew(started)
                for job_id in (started & self._open.keys()) - held:
                    _log.warning("job %s is answered by another bot, to which this one seemed dead", job_id)
                    self._tasks[job_id].cancel()
                self._held_until = began + LEASE_SECONDS
                for answer in [late for late in self._open.values() if late.token and not late.editable]:
                    expired = replace(answer, token="")
                    await self._answers.change(expired)
                    if answer.job_id in self._open:
                        self._open[answer.job_id] = expired
                if began > steady + LEASE_SECONDS:
                    self._go_on_with([free for free in await self._answers.take() if free.job_id not in self._tasks])
                self._elsewhere = await self._answers.others(self._elsewhere)
            except StoreError:
                steady = time.monotonic()
            except Exception:
                _log.exception("answers could not be held on to")

    async def accept(self, answer: Answer, acknowledge: Callable[[], Awaitable[object]]) -> None:
        """Take on an interaction: note it down, acknowledge it, and see to its answer in the background, unless
        another bot was faster, who then does. What Discord was told of is noted, so that a bot killed at any moment
        goes on with it. Raises TooManyJobs and QueueFull before anything else, and StoreError when it cannot be noted
        in time."""
        self.check(answer.user_id)
        self._check_room()
        self._open[answer.job_id] = answer  # counts from here on, before anything is waited for
        self._coming.add(answer.job_id)
        try:
            with about_job(answer.job_id):
                ours = await self._note(answer)
                if ours:
                    try:
                        await acknowledge()
                    except UNREACHABLE:  # it may have been heard; where it was not, a message can bring the piece
                        _log.warning("job %s: whether it was acknowledged is not known", answer.job_id)
                    except discord.HTTPException:
                        self._do(f"withdraw-{answer.job_id}", self._withdraw(answer))
                        raise
        except BaseException:
            del self._open[answer.job_id]
            self._coming.discard(answer.job_id)
            raise
        if ours:
            self._start(answer, fresh=True)
        else:
            del self._open[answer.job_id]
            self._coming.discard(answer.job_id)

    async def _note(self, answer: Answer) -> bool:
        """Write the row; False when another bot has. One that is still being written when Discord waits no longer is
        taken back."""
        noting = asyncio.create_task(self._answers.add(answer))
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                return await asyncio.shield(noting)
        except TimeoutError:
            self._do(f"withdraw-{answer.job_id}", self._withdraw(answer, noting))
            raise StoreError(STORE_UNREACHABLE) from None

    async def _withdraw(self, answer: Answer, noting: asyncio.Task[bool] | None = None) -> None:
        try:
            if noting and not await noting:
                return
            await patiently(lambda: self._answers.remove(answer.job_id), (StoreError,), QUEUE_PATIENCE)
        except StoreError:
            _log.warning("job %s was refused, but its row may have stayed", answer.job_id)

    async def make_sure_of_room(self) -> None:
        """Raises QueueFull when as many jobs wait, of all bots, as may. The line is looked at twice a second at most,
        however many ask."""
        with suppress(QueueError):  # a queue that is away for a moment costs nobody a piece
            self._see(await self._queue.snapshot())
        self._check_room()

    def _check_room(self) -> None:
        if len(self._line.waiting) + len(self._coming) >= self._queue_limit:
            eased = self.estimates.eased(int(ROOM * self._queue_limit) - len(self._coming))
            raise QueueFull(replies.full(time.time() + max(eased, 1.0) if eased is not None else None))

    def _see(self, line: QueueSnapshot) -> None:
        self._line = line
        self.estimates.see(line)

    def check(self, user_id: int, guild_id: int | None = None, most: int = 0) -> None:
        """Raises TooManyJobs when this user may have no further piece now: of all, or of those in one server, where
        there may be `most` (0: as many as of all)."""
        theirs = self.of(user_id)
        if most:
            theirs = [answer for answer in theirs if answer.guild_id == guild_id]
        if len(theirs) >= (most or self.most):
            known = [self._expected[answer.job_id] for answer in theirs if answer.job_id in self._expected]
            raise TooManyJobs(replies.enough(len(theirs), min(known, default=None)))

    def of(self, user_id: int) -> list[Answer]:
        """What this user waits for, in the order in which it was asked for."""
        answers = {**self._elsewhere, **self._open}.values()
        return sorted(
            (answer for answer in answers if answer.user_id == user_id), key=lambda answer: answer.accepted_at
        )

    async def requester(self, job_id: str) -> int | None:
        """Who waits for this job; None when nobody does. Raises StoreError."""
        answer = self._open.get(job_id) or await self._answers.find(job_id)
        return answer.user_id if answer and job_id not in self._answered else None

    async def cancel(self, job_id: str) -> None:
        with about_job(job_id):
            await self._queue.cancel(job_id)

    async def cancel_all(self, user_id: int) -> None:
        """Cancel whatever this user waits for, and wait until that is said. Raises QueueError when it takes long."""
        for answer in self.of(user_id):
            await self.cancel(answer.job_id)
        for _ in range(round(CANCEL_SECONDS / POLL_SECONDS)):
            if not self.of(user_id):
                return
            await asyncio.sleep(POLL_SECONDS)
        raise QueueError(replies.STILL_BUSY)

    def _start(self, answer: Answer, fresh: bool = False) -> None:
        """`fresh`: no bot has been at it before, so the queue does not know it."""
        with about_job(answer.job_id):  # the task keeps it
            self._do(answer.job_id, self._answer(answer, fresh))

    def _do(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """In the background, until the bot ends."""
        self._tasks[name] = task = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: self._tasks.pop(name))

    async def _answer(self, answer: Answer, fresh: bool) -> None:
        """From a row to an answered interaction. Nothing is raised: what goes wrong here is said to the listener."""
        speak(answer.locale)
        job: Job | None = None
        try:
            if answer.job_id in self._answered:  # the database was away when it was
                await self._removed(answer)
                return
            try:
                answer = await self._read(answer)
                job = await self._finished_job(answer, fresh)
                reply = replies.outcome(job, answer.request, answer.size_limit, answer.remark, answer.parent)
                if job.piece:
                    reply = replace(reply, buttons=await self._stored(answer, job.piece))
            except Exception as error:
                if not isinstance(error, NocturneError):
                    _log.exception("job %s could not be followed", answer.job_id)
                reply = Reply(replies.explain(error))
            begun = time.monotonic()
            if not await self._ours(answer):
                return
            how = await self._messenger.deliver(answer, reply)
            self._answered.add(answer.job_id)
            self._open.pop(answer.job_id, None)  # its listener may ask for the next one from here on
            times = {"deliver": time.monotonic() - begun, "in all": time.time() - answer.accepted_at}
            _log.info("%s", _log_line(answer, job, how, times))
            metrics.answered(job.state if job else JobState.FAILED, how, times["deliver"], times["in all"])
            await self._removed(answer)  # first, for its token; a job without a row is only space
            await self._queue.delete(answer.job_id)
        except Exception:
            _log.exception("job %s stays unanswered for now", answer.job_id)
            metrics.ANSWERS.labels(job.state if job else JobState.FAILED, "unanswered").inc()
        finally:
            self._open.pop(answer.job_id, None)
            self._coming.discard(answer.job_id)
            self._expected.pop(answer.job_id, None)

    async def _ours(self, answer: Answer) -> bool:
        """Whether it is this bot still who has to answer. Raises StoreError when that cannot be found out: then the
        answer waits until some bot takes it."""
        job_id = answer.job_id
        held = await patiently(lambda: self._answers.renew([job_id]), (StoreError,), QUEUE_PATIENCE)
        if not held:
            _log.warning("job %s was answered by another bot, to which this one seemed dead", job_id)
        return bool(held)

    async def _removed(self, answer: Answer) -> None:
        await patiently(lambda: self._answers.remove(answer.job_id), (StoreError,), QUEUE_PATIENCE)
        self._answered.discard(answer.job_id)

    async def _stored(self, answer: Answer, piece: Piece) -> discord.ui.View | None:
        """Keep the piece; its buttons. One that cannot be kept is delivered without."""
        try:
            return self._views.piece(await self._library.add(answer, piece))
        except (NocturneError, OSError):
            _log.exception("job %s: its piece could not be stored", answer.job_id)
            return None

    async def _read(self, answer: Answer) -> Answer:
        """With what its listener sent, which is noted down. Raises BadRequest for a file that is no good."""
        if not answer.upload:
            return answer
        try:
            read = await self._reader.continued(answer)
        except BadRequest as error:
            metrics.refused(error)
            await patiently(lambda: self._answers.uncount(answer.job_id), (StoreError,), QUEUE_PATIENCE)
            raise
        await patiently(lambda: self._answers.change(read), (StoreError,), QUEUE_PATIENCE)
        if answer.job_id in self._open:
            self._open[answer.job_id] = read
        return read

    async def _finished_job(self, answer: Answer, fresh: bool) -> Job:
        """See to it that the job is in the queue, and tell its listener how it goes until it is over.
        Raises QueueError when it cannot be over in time."""
        job_id, user_id = answer.job_id, answer.user_id
        shown, shown_at, begun = "", -math.inf, 0.0
        composed = await self._composed(answer)

        async def put() -> None:
            if not fresh and await self._queue.job(job_id):
                return  # put again it would be taken for one that waits, and told so, even after its piece
            await self._queue.put(
                job_id,
                answer.request,
                user_id=user_id,
                deadline=answer.deadline,
                size_limit=answer.audio_limit,
                rendering=answer.rendering,
                composed=composed,
            )

        async with self._in_turn:  # first come, first served
            await patiently(put, (QueueError,), QUEUE_PATIENCE)
        self._coming.discard(job_id)
        while True:
            job = await patiently(lambda: self._queue.standing(job_id), (QueueError,), QUEUE_PATIENCE)
            if job is None:
                raise LookupError(f"the queue has lost job {job_id}")
            if job.state in _OVER:
                return job
            if answer.deadline is not None and time.time() > answer.deadline:
                await self._queue.cancel(job_id)
                raise QueueError(replies.TOO_LATE)
            if job.state is JobState.QUEUED:
                self._see(await patiently(self._queue.snapshot, (QueueError,), QUEUE_PATIENCE))
            else:
                begun = begun or time.time()
                if job.progress > LEAST_PROGRESS:
                    self._expected[job_id] = begun + (time.time() - begun) / job.progress
            due = time.monotonic() >= shown_at + EDIT_SECONDS and time.monotonic() < self._held_until
            if due and answer.editable and self._messenger.free(first=not shown):
                text = replies.progress(job, answer.request, self.estimates.wait(job_id), answer.parent)
                if text != shown:
                    await self._messenger.show(answer, text)
                    shown, shown_at = text, time.monotonic()
            await asyncio.sleep(POLL_SECONDS)

    async def _composed(self, answer: Answer) -> Composed | None:
        """What is only to be played in another way. Raises BadRequest when it is not stored any more."""
        if not answer.source:
            return None
        stored = await self._library.get(answer.source)
        return Composed(stored.recipe.checkpoint, (await self._library.piece(stored)).composed)

    def _work_of(self, job_id: str) -> Work | None:
        """In steps; what is composed already is only recorded."""
        answer = self._open.get(job_id) or self._elsewhere.get(job_id)
        return Work.of(answer.request.length, composed=bool(answer.source)) if answer else None


def _log_line(answer: Answer, job: Job | None, how: str, times: Mapping[str, float]) -> str:
    """All that there is to say about a job, in a line: who asked for what, what became of it, and where time went."""
    state = job.state if job else JobState.FAILED
    reason = f" ({job.error})" if job and job.error else ""
    waited = {"wait": job.waited} if job and job.waited is not None else {}
    made = job.piece.seconds if job and job.piece else {}
    spent = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in {**waited, **made, **times}.items())
    recipe = replies.command(answer.request, answer.rendering)
    return f"job {answer.job_id} of user {answer.user_id}, {recipe}: {state}{reason}, {how}; {spent}"
