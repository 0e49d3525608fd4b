"""The worker's side of the queue: take over, take, run, tell how far, end."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dbos import DBOS, WorkflowStatus
from dbos import error as dbos_error
from sqlalchemy.exc import SQLAlchemyError

from core.composer import Progress
from core.errors import Cancelled, NocturneError, QueueError
from core.process import metrics
from core.process.database import IDLE_SECONDS
from core.process.logs import about_job
from core.queue import liveness
from core.queue.engine import (
    APPLICATION,
    FAILURES,
    JSON,
    PROGRESS,
    QUEUE,
    UNFINISHED,
    VERSION,
    WORKFLOW,
    connect,
    reaching,
)
from core.queue.jobs import COMPOSED, UNFORESEEN, WAITED_TOO_LONG, JobState
from core.request import Composed, ComposeRequest, Piece, Rendering

RUNS = 3
"""How often a job that takes its worker down with it is begun before it is given up."""
PROGRESS_SECONDS = 0.5
"""How often a running job writes its progress, and finds out whether it was cancelled."""
HUNG = 4
"""The exit code of a worker whose model hangs."""

_POLLING_SECONDS = 0.1  # an idle worker begins a job 60 to 110 ms after it was put, for 3 to 4 % of a core
_POLLING, _RARELY_SECONDS = 10, 1.0  # how many workers poll so often; of more, each polls as much less, down to this
_TOLD_POLLS = 5  # until all workers know how many jobs they may take
_ROOM_SECONDS = 60.0  # how often what a worker may take is written down anew: whoever wrote it last may have died
_LOST = (dbos_error.DBOSWorkflowCancelledError, dbos_error.DBOSWorkflowConflictIDError)
"""What DBOS raises in a job that is not this worker's any more: it was cancelled, ran out of time, or was handed on."""

_log = logging.getLogger(__name__)


class JobServer:
    """The worker's side of the queue: takes jobs and runs them in threads, up to `places` in `compose` and about
    `finishers` in `finish`.

    `compose` gets a request, what it became before if it did, and the function to tell its progress to. It returns a
    draft as JSON-able data: that much of a job is not repeated after a crash. `finish` gets the draft, how to render
    it, the size limit and a function to call now and then, and returns the piece.
    `executor` is this process's name in the queue, which no other process has or had. `before` are the names of
    processes that are surely dead, and whose jobs it takes over at once; those of others that die it takes over when
    they have said nothing for DEAD_SECONDS.
    """

    def __init__(
        self,
        url: str,
        *,
        executor: str,
        before: Collection[str] = (),
        compose: Callable[[ComposeRequest, Composed | None, Progress], dict[str, Any]],
        finish: Callable[[dict[str, Any], Rendering, int | None, Progress], Piece],
        places: int = 1,
        finishers: int = 1,
    ) -> None:
        self._url = url
        self._executor = executor
        self._before = before
        self._compose = compose
        self._finish = finish
        self._composing = _Turns(places)
        self._most = places + finishers
        self._room, self._room_due = 0, -math.inf
        self._polling = _POLLING_SECONDS
        self._closing = threading.Event()  # begin nothing any more
        self._leaving = threading.Event()  # stop where you are
        self._over = threading.Event()  # nothing is left to look after
        self._held: set[str] = set()
        self._watch = liveness.Watch(self._end)

    def start(self) -> None:
        """Take over what the dead left unfinished, and begin to take new jobs. Raises QueueError."""
        self._client = connect(self._url)
        with reaching():
            self._roll = liveness.Roll(self._url, self._executor)
            self._roll.beat()  # before it has a job: who has one and no entry counts as dead
            unfinished = self._unfinished()
            self._make_room(unfinished, self._before)
            if any(row.status == "PENDING" and row.executor_id in self._before for row in unfinished):
                time.sleep(_TOLD_POLLS * self._polling)
            self._watch.start()
            DBOS(
                config={
                    "name": APPLICATION,
                    "system_database_url": self._url,
                    "application_version": VERSION,
                    "executor_id": self._executor,
                    "serializer": JSON,
                    "log_level": "WARNING",
                    "sys_db_idle_transaction_timeout_sec": IDLE_SECONDS,
                }
            )

            @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RUNS - 1)
            def run(request: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
                return self._run(request, terms)

            metrics.SLOTS.set(self._composing.places)
            metrics.SLOTS_USED.set_function(lambda: self._composing.used)
            DBOS.launch()
            self._take_over(self._before)  # soon after, as the first job may take this process down
        self._tending = threading.Thread(target=self._tend, name="tend", daemon=True)
        self._tending.start()

    def missing(self) -> str:
        """What keeps this worker from its jobs, in a few words; empty when nothing does."""
        if self._closing.is_set():
            return "stopping"
        try:
            with reaching():
                self._client.list_workflows(queue_name=QUEUE, limit=1, load_input=False, load_output=False)
        except QueueError as error:
            return str(error)
        return ""

    def stop(self, seconds: float) -> None:
        """Take no more jobs, and give those that run this long to end; what has not ended then waits for a restart."""
        self._closing.set()
        hurry = threading.Timer(seconds, self.hurry)
        hurry.start()
        DBOS.destroy(workflow_completion_timeout_sec=math.ceil(seconds + 3 * PROGRESS_SECONDS) if self._held else 0)
        hurry.cancel()
        self._watch.stop()
        self._over.set()
        self._tending.join(timeout=5)
        with suppress(SQLAlchemyError):
            self._roll.strike()  # what was not finished need not wait until this worker counts as dead
        self._roll.close()
        self._client.destroy()

    def hurry(self) -> None:
        """Let running jobs stop where they are."""
        self._leaving.set()

    def _tend(self) -> None:
        """Say that this worker lives, take over the jobs of those that do not, and see to it that jobs which were cut
        short run alone; until this worker ends."""
        beaten, steady = -math.inf, math.inf
        while not self._over.wait(min(1.0, liveness.BEAT_SECONDS)):
            if time.monotonic() < beaten + liveness.BEAT_SECONDS and self._room != 1:
                continue
            try:
                self._roll.beat()
                gap, beaten = time.monotonic() - beaten, time.monotonic()
                # While the database was away, or this process was stopped, others may have been silent without dying.
                steady = beaten if gap > liveness.DEAD_SECONDS / 2 else min(steady, beaten)
                unfinished = self._unfinished()
                sure = beaten > steady + liveness.DEAD_SECONDS and not self._closing.is_set()
                dead = self._dead(unfinished) if sure else set()
                self._make_room(unfinished, dead)
                if dead:
                    time.sleep(_TOLD_POLLS * self._polling)
                self._take_over(dead)
            except FAILURES as error:
                _log.warning("the queue cannot be tended: %s", type(error).__name__)
                beaten = -math.inf

    def _unfinished(self) -> list[WorkflowStatus]:
        return self._client.list_workflows(queue_name=QUEUE, status=UNFINISHED, load_input=False, load_output=False)

    def _dead(self, unfinished: list[WorkflowStatus]) -> set[str]:
        """The names of those who have jobs and do not live any more."""
        names = {str(row.executor_id) for row in unfinished if row.status == "PENDING"} - {self._executor}
        return names and names - self._roll.living()

    def _take_over(self, dead: Collection[str]) -> None:
        """Put back into the queue what the dead had begun."""
        if not dead:
            return
        handed_on = _recover(dead)
        self._roll.strike(dead)
        if handed_on:
            _log.warning("taking over from %s, which does not live any more: %s", ", ".join(dead), ", ".join(handed_on))

    def _make_room(self, unfinished: list[WorkflowStatus], dead: Collection[str]) -> None:
        """Let every worker (the queue's settings are shared) take one job at a time as long as some were cut short:
        one of them may take its worker down again, and only that one shall be charged with it."""
        careful = any(
            row.recovery_attempts and (row.status == "ENQUEUED" or row.recovery_attempts > 1 or row.executor_id in dead)
            for row in unfinished
        )
        room = 1 if careful else self._most
        if room != self._room or time.monotonic() > self._room_due:
            self._polling = polling(len(self._roll.living()))
            self._client.register_queue(QUEUE, worker_concurrency=room, polling_interval_sec=self._polling)
            self._room, self._room_due = room, time.monotonic() + _ROOM_SECONDS

    def _end(self, job_id: str) -> None:
        """End this process, whose model hangs; its jobs begin again elsewhere, or when it was started again."""
        _log.critical(
            "job %s has not advanced for %g s: the model hangs, and this worker ends with exit code %d",
            job_id,
            liveness.HANG_SECONDS,
            HUNG,
        )
        last = threading.Timer(5, os._exit, (HUNG,))  # where the database hangs as well
        last.daemon = True
        last.start()
        with suppress(SQLAlchemyError):
            self._roll.strike()
        os._exit(HUNG)

    def _run(self, request: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
        """One job, as DBOS calls it: returns the piece as JSON under `piece`, or a sentence under `error`."""
        job_id = str(DBOS.workflow_id)
        with about_job(job_id):
            outcome = self._outcome(job_id, request, terms)
        metrics.JOBS.labels(JobState.DONE if "piece" in outcome else JobState.FAILED).inc()
        return outcome

    def _outcome(self, job_id: str, request: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
        self._held.add(job_id)
        try:
            self._count_retry(job_id)
            composed: dict[str, Any] = DBOS.run_step(
                {"name": "compose"}, _sentence, job_id, lambda: self._composed(job_id, request, terms)
            )
            if "error" in composed:
                return composed
            # Not a step: its result is the job's result, and a step would store those megabytes a second time.
            return _sentence(job_id, lambda: self._finished(job_id, composed, terms))
        except (Cancelled, *_LOST):
            if self._handed_on(job_id):
                _log.warning("job %s is another worker's now, to which this one seemed dead", job_id)
            else:
                _log.info("job %s cancelled", job_id)
                metrics.JOBS.labels(JobState.CANCELLED).inc()
            raise _Leaving from None
        finally:
            self._held.discard(job_id)

    def _handed_on(self, job_id: str) -> bool:
        """Whether a job that this worker has lost goes on, or has ended, elsewhere."""
        with suppress(SQLAlchemyError, dbos_error.DBOSException):
            rows = self._client.list_workflows(workflow_ids=[job_id], load_input=False, load_output=False)
            return any(row.status != "CANCELLED" for row in rows)
        return False

    def _count_retry(self, job_id: str) -> None:
        with suppress(SQLAlchemyError, dbos_error.DBOSException):
            for row in self._client.list_workflows(workflow_ids=[job_id], load_input=False, load_output=False):
                if row.recovery_attempts and row.recovery_attempts > 1:
                    metrics.RETRIES.labels("job").inc()

    def _composed(self, job_id: str, request: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
        with self._composing.turn((terms["priority"], terms["asked"])):
            if self._closing.is_set():
                raise _Leaving
            if terms["deadline"] is not None and time.time() > terms["deadline"]:
                raise QueueError(WAITED_TOO_LONG)
            waited = max(0.0, time.time() - terms["asked"])
            metrics.WAIT.observe(waited)
            progress = self._progress(job_id, 0.0, COMPOSED, waited)
            progress(0.0)
            before = Composed.from_json(terms["composed"]) if terms.get("composed") else None
            begun = time.monotonic()
            with self._watch.over(job_id):
                draft = self._compose(ComposeRequest.from_json(request), before, progress)
            if before is None:
                metrics.COMPOSE.observe(time.monotonic() - begun)
            return {"draft": draft, "waited": waited}

    def _finished(self, job_id: str, composed: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
        waited = composed["waited"]
        progress = self._progress(job_id, COMPOSED, COMPOSED, waited)
        progress(0.0)
        rendering = Rendering.from_json(terms.get("rendering", {}))  # jobs of older versions have none
        begun = time.monotonic()
        with self._watch.over(job_id):
            piece = self._finish(composed["draft"], rendering, terms["size_limit"], progress)
        metrics.RENDER.observe(time.monotonic() - begun)
        _tell(1.0, waited)
        times = {"wait": waited} | piece.seconds
        spent = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in times.items())
        _log.info("job %s done: %s, %s", job_id, piece.recipe.name, spent)
        return {"piece": piece.to_json()}

    def _progress(self, job_id: str, first: float, last: float, waited: float) -> Progress:
        """What a running step is to call again and again: tells how far the job is, from `first` to `last`, and stops
        it when it is not wanted any more."""
        due = -math.inf

        def progress(share: float) -> None:
            nonlocal due
            if self._leaving.is_set():
                raise _Leaving
            self._watch.advance(job_id)
            if time.monotonic() > due:
                with self._watch.pause(job_id):
                    _tell(first + (last - first) * share, waited)
                due = time.monotonic() + PROGRESS_SECONDS

        return progress


class _Leaving(BaseException):
    """Ends a running job so that DBOS records nothing: it was cancelled, or a restarted worker shall begin it again."""


def polling(workers: int) -> float:
    """Seconds between a worker's looks for a job. Many look often together where each looks seldom, and the database
    is spared."""
    return min(max(workers / _POLLING, 1.0) * _POLLING_SECONDS, _RARELY_SECONDS)


def _recover(dead: Collection[str]) -> list[str]:
    """Put back into the queue what workers of these names had begun; returns the ids of those jobs. DBOS offers this to
    its own services alone, so the name is private, and a test holds on to it."""
    return [handle.workflow_id for handle in DBOS._recover_pending_workflows(list(dead))]


class _Turns:
    """Lets in so many at a time, and of those who wait the one of the lowest rank."""

    def __init__(self, places: int) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, float]] = []
        self.places = self._free = places

    @property
    def used(self) -> int:
        return self.places - self._free

    @contextmanager
    def turn(self, rank: tuple[float, float]) -> Iterator[None]:
        with self._changed:
            self._waiting.append(rank)
            self._changed.wait_for(lambda: self._free and min(self._waiting) == rank)
            self._waiting.remove(rank)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()


def _tell(share: float, waited: float) -> None:
    """Write the running job's progress. Raises Cancelled when it was taken back, or ran into its time-out."""
    try:
        DBOS.set_event(PROGRESS, {"share": share, "waited": waited})
    except _LOST:
        raise Cancelled("the piece was taken back") from None


def _sentence(job_id: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `work` returns, or else `{"error": SENTENCE}`. Only errors raised on purpose speak for themselves."""
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
