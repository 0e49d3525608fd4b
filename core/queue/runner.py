"""Running one job on its worker: compose, render, tell the progress; stop where it is not wanted any more."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from core.captions import Captions
from core.composer import Progress
from core.errors import Cancelled, NocturneError, QueueError
from core.piece import Composed, Piece
from core.process import metrics
from core.process.logs import about_job
from core.queue.dbos import DBOS, DBOSClient, WorkflowStatus
from core.queue.dbos import error as dbos_error
from core.queue.engine import PROGRESS
from core.queue.jobs import COMPOSED_SHARE, JOB_SECONDS, TOOK_TOO_LONG, UNFORESEEN, WAITED_TOO_LONG, JobState
from core.queue.semaphore import PrioritySemaphore
from core.queue.watchdog import Watchdog
from core.request import ComposeRequest, Rendering

PROGRESS_SECONDS = 0.5
"""How often a running job writes its progress, and finds out whether it was cancelled."""

Json: TypeAlias = dict[str, Any]
PlayAhead: TypeAlias = Callable[[], AbstractContextManager[Any]]
"""Is entered when a job begins here and left when it ends, however that is. What it gives plays the piece while it is
composed: `Compose` and `Finish` get it."""
Compose: TypeAlias = Callable[[ComposeRequest, Composed | None, Progress, Any], Json]
"""Gets a request, the composed piece where there is one already, the function to tell its progress to, and what plays
it ahead, None where other notes will be heard. Returns a draft as JSON: that much of a job is not repeated after a
crash."""
Finish: TypeAlias = Callable[[Json, Rendering, int | None, Progress, Captions | None, Any], Piece]
"""Gets the draft, how to render it, the size limit, a function to call now and then, the words in its pictures, which
are English without, and what has played it ahead."""

_LOST = (dbos_error.DBOSWorkflowCancelledError, dbos_error.DBOSWorkflowConflictIDError)
"""Raised by DBOS in a job that is not this worker's any more: it was cancelled, or was handed on."""
_log = logging.getLogger(__name__)


class JobRunner:
    """Runs jobs, each in a thread of DBOS's: up to `places` in `compose`, and all that are composed in `finish`."""

    def __init__(
        self,
        client: DBOSClient,
        watchdog: Watchdog,
        closing: threading.Event,
        *,
        compose: Compose,
        finish: Finish,
        ahead: PlayAhead,
        places: int,
    ) -> None:
        """Once `closing` is set, no further job is begun."""
        self._client = client
        self._watchdog = watchdog
        self._closing = closing
        self._compose = compose
        self._finish = finish
        self._ahead = ahead
        self._abandoning = threading.Event()
        self._held: set[str] = set()
        self.composing = PrioritySemaphore(places)

    @property
    def busy(self) -> bool:
        """Whether this worker holds a job, be it that it waits for a place."""
        return bool(self._held)

    def abandon(self) -> None:
        """Let running jobs stop where they are; they begin again elsewhere, or after a restart."""
        self._abandoning.set()

    def run(self, request: Json, terms: Json) -> Json:
        """One job, as DBOS calls it: returns the piece as JSON under `piece`, or a sentence under `error`."""
        job_id = str(DBOS.workflow_id)
        self._held.add(job_id)
        try:
            with about_job(job_id):
                outcome = self._outcome(job_id, request, terms)
        finally:
            self._held.discard(job_id)
        metrics.JOBS.labels(JobState.DONE if "piece" in outcome else JobState.FAILED).inc()
        return outcome

    def _outcome(self, job_id: str, request: Json, terms: Json) -> Json:
        # not by DBOS, which takes the clocks of all workers: one that is wrong would end the jobs of the others
        over = time.monotonic() + terms.get("seconds", JOB_SECONDS)  # jobs of older versions say none
        try:
            self._count_retry(job_id)
            with self._ahead() as ahead:
                composed: Json = DBOS.run_step(
                    {"name": "compose"}, _worded, job_id, lambda: self._composed(job_id, request, terms, over, ahead)
                )
                if "error" in composed:
                    return composed
                # Not a step: its result is the job's result, and a step would store those megabytes a second time.
                return _worded(job_id, lambda: self._finished(job_id, composed, terms, over, ahead))
        except (Cancelled, *_LOST):
            self._report_loss(job_id)
            raise _Abandoned from None

    def _composed(self, job_id: str, request: Json, terms: Json, over: float, ahead: Any) -> Json:
        """The draft, and the seconds that the job waited. What is composed already does not wait for the model."""
        with nullcontext() if terms.get("composed") else self.composing.acquired((terms["priority"], terms["asked"])):
            if self._closing.is_set():
                raise _Abandoned
            if self._is_late(job_id, terms.get("seconds_left")):  # jobs of older versions say nothing of it
                raise QueueError(WAITED_TOO_LONG)
            waited = max(0.0, time.time() - terms["asked"])
            metrics.WAIT.observe(waited)
            progress = self._progress(job_id, 0.0, COMPOSED_SHARE, waited, over)
            progress(0.0)
            given = Composed.from_json(terms["composed"]) if terms.get("composed") else None
            heard = None if _rendering(terms).changes_notes else ahead
            begun = time.monotonic()
            with self._watchdog.watching(job_id):
                draft = self._compose(ComposeRequest.from_json(request), given, progress, heard)
            if given is None:
                metrics.COMPOSE.observe(time.monotonic() - begun)
            return {"draft": draft, "waited": waited}

    def _finished(self, job_id: str, composed: Json, terms: Json, over: float, ahead: Any) -> Json:
        waited = composed["waited"]
        progress = self._progress(job_id, COMPOSED_SHARE, 1.0, waited, over)
        progress(0.0)
        begun = time.monotonic()
        with self._watchdog.watching(job_id):
            captions = Captions.from_json(terms["captions"]) if terms.get("captions") else None
            size_limit = terms["size_limit"]
            piece = self._finish(composed["draft"], _rendering(terms), size_limit, progress, captions, ahead)
        metrics.RENDER.observe(time.monotonic() - begun)
        _write_progress(1.0, waited)
        times = {"wait": waited} | piece.seconds
        spent = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in times.items())
        _log.info("job %s done: %s, %s", job_id, piece.recipe.name, spent)
        return {"piece": piece.to_json()}

    def _progress(self, job_id: str, first: float, last: float, waited: float, over: float) -> Progress:
        """A function for a running step to call again and again: tells how far the job is, from `first` to `last`, and
        stops it when it is not wanted any more, or at `over` on the monotonic clock."""
        due = -math.inf

        def progress(share: float) -> None:
            nonlocal due
            if self._abandoning.is_set():
                raise _Abandoned
            if time.monotonic() > over:
                raise QueueError(TOOK_TOO_LONG)
            self._watchdog.advance(job_id)
            if time.monotonic() > due:
                with self._watchdog.paused(job_id):
                    _write_progress(first + (last - first) * share, waited)
                due = time.monotonic() + PROGRESS_SECONDS

        return progress

    def _report_loss(self, job_id: str) -> None:
        """Log and count a job that is not this worker's any more."""
        if self._handed_on(job_id):
            _log.warning("job %s is another worker's now, to which this one seemed dead", job_id)
        else:
            _log.info("job %s cancelled", job_id)
            metrics.JOBS.labels(JobState.CANCELLED).inc()

    def _handed_on(self, job_id: str) -> bool:
        """Whether a job that this worker has lost goes on, or has ended, elsewhere."""
        return any(row.status != "CANCELLED" for row in self._rows(job_id))

    def _count_retry(self, job_id: str) -> None:
        for row in self._rows(job_id):
            if row.recovery_attempts and row.recovery_attempts > 1:
                metrics.RETRIES.labels("job").inc()

    def _is_late(self, job_id: str, seconds_left: float | None) -> bool:
        """Whether a job was in the queue for so long that nobody waits for it any more, by the clock of the database:
        those of bot and worker may differ."""
        if seconds_left is None:
            return False
        times = [(row.created_at, row.dequeued_at) for row in self._rows(job_id)]
        return any(taken - put > 1000 * seconds_left for put, taken in times if put and taken)

    def _rows(self, job_id: str) -> list[WorkflowStatus]:
        """The job's row; none while the database is away."""
        with suppress(SQLAlchemyError, dbos_error.DBOSException):
            return self._client.list_workflows(workflow_ids=[job_id], load_input=False, load_output=False)
        return []


def _rendering(terms: Json) -> Rendering:
    return Rendering.from_json(terms.get("rendering", {}))  # jobs of older versions have none


class _Abandoned(BaseException):
    """Ends a running job so that DBOS records nothing: it was cancelled, or another worker shall begin it again."""


def _write_progress(share: float, waited: float) -> None:
    """Write the running job's progress. Raises Cancelled when it was taken back."""
    try:
        DBOS.set_event(PROGRESS, {"share": share, "waited": waited})
    except _LOST:
        raise Cancelled("the piece was taken back") from None


def _worded(job_id: str, work: Callable[[], Json]) -> Json:
    """The result of `work`, or else `{"error": SENTENCE}`. Only errors raised on purpose speak for themselves."""
    try:
        return work()
    except Cancelled:
        raise
    except NocturneError as error:
        _log.info("job %s failed: %s", job_id, error)
        return {"error": error.text.to_json()}
    except Exception:
        _log.exception("job %s failed", job_id)
        return {"error": UNFORESEEN.to_json()}
