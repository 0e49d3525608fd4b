"""Jobs that outlive a crash: JobQueue is the bot's side, JobServer the worker's. Only this file knows DBOS."""

from __future__ import annotations

import asyncio
import bisect
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, Self

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, WorkflowStatus
from dbos import error as dbos_error
from dbos._serialization import DefaultSerializer, deserialize_value
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from core import metrics, pulse
from core.composer import Progress
from core.database import IDLE_SECONDS
from core.errors import Cancelled, NocturneError, QueueError
from core.logs import about_job
from core.request import AS_COMPOSED, Composed, ComposeRequest, Piece, Rendering
from core.texts import Text

log = logging.getLogger(__name__)

SORRY = Text("Something went wrong while making this piece. Please try again, perhaps with another take.")
"""What a listener reads when an error was not foreseen; the log says more."""
TOO_LATE = Text("This piece waited too long in the queue and was given up. Please ask again.")
TOO_LONG = Text("This piece took too long to make and was given up. Please try a shorter one.")
UNREACHABLE = Text("The queue cannot be reached at the moment. Please try again soon.")

RUNS = 3
"""How often a job that takes its worker down with it is begun before it is given up."""
JOB_SECONDS = 600
"""What a job may take from the moment a worker takes it."""
PROGRESS_SECONDS = 0.5
"""How often a running job writes its progress, and finds out whether it was cancelled."""
COMPOSED = 0.5
"""The progress of a job whose notes are there; the rest is rendering."""
HUNG = 4
"""The exit code of a worker whose model hangs."""

_APPLICATION = "nocturne"
_VERSION = "1"  # left to DBOS it is a hash of the code, and an edit would strand yesterday's jobs
_QUEUE = _WORKFLOW = "compose"
_PROGRESS = "progress"
_UNFINISHED = ["ENQUEUED", "PENDING"]
_POLLING_SECONDS = 0.1  # an idle worker begins a job 60 to 110 ms after it was put, for 3 to 4 % of a core
_POLLING, _RARELY_SECONDS = 10, 1.0  # how many workers poll so often; of more, each polls as much less, down to this
_TOLD_POLLS = 5  # until all workers know how many jobs they may take
_ROOM_SECONDS = 60.0  # how often what a worker may take is written down anew: whoever wrote it last may have died
_LINE_SECONDS = 0.5  # everybody who waits asks for a place once a second or so, and one look answers them all
_JSON = DBOSPortableJSONSerializer()
_LOST = (dbos_error.DBOSWorkflowCancelledError, dbos_error.DBOSWorkflowConflictIDError)
"""What DBOS raises in a job that is not this worker's any more: it was cancelled, ran out of time, or was handed on."""


def _refuse(cls: DefaultSerializer, serialized_data: str) -> NoReturn:
    raise QueueError("the queue holds a pickle, which is never read")


# A row says itself how it is to be read, and DBOS would unpickle one that says so, whatever serializer it was given.
DefaultSerializer.deserialize = _refuse  # type: ignore[method-assign]


class _OnceAMinute(logging.Filter):
    """Lets the same words through once a minute: of a database that is away DBOS says so twenty times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        words, now = record.getMessage()[:80], time.monotonic()
        self._due = {said: due for said, due in self._due.items() if due > now}
        return self._due.setdefault(words, now + 60) == now + 60


logging.getLogger("dbos").addFilter(_OnceAMinute())
logging.getLogger("dbos").setLevel(logging.WARNING)
logging.getLogger("dbos").addHandler(logging.NullHandler())  # finding none, DBOS would bring its own and its own format


class State(StrEnum):
    QUEUED = "queued"  # nobody has begun it
    RUNNING = "running"  # a worker composes or renders it
    DONE = "done"  # the piece is there
    FAILED = "failed"  # there will be no piece, and a sentence says why
    CANCELLED = "cancelled"  # the listener took it back


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job. `place` is 1 for the next to begin, None once begun; `progress` is 0 to 1; `piece` is
    there when it is done, `error` (a sentence) when it failed; `waited` is in seconds, None until it has begun."""

    id: str
    state: State
    place: int | None = None
    progress: float = 0.0
    piece: Piece | None = None
    error: Text | None = None
    waited: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """`waiting`: the ids of the jobs that nobody has begun, in the order they will be. `shares`: how far each of those
    is that are begun, 0 to 1. `seen`: when, on the monotonic clock in seconds."""

    waiting: list[str] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)
    seen: float = -math.inf

    @property
    def composing(self) -> dict[str, float]:
        """How far those are composed that the model works on, 0 to 1."""
        return {job: share / COMPOSED for job, share in self.shares.items() if share < COMPOSED}


class JobQueue:
    """The bot's side of the queue. Every method may raise QueueError, whose sentence can be shown."""

    def __init__(self, client: DBOSClient) -> None:
        self._client = client
        self._line = Line()
        self._ranks: list[tuple[bool, float, float]] = []  # of those who wait, in their order
        self._looking = asyncio.Lock()

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect to the database that `url` names, and make it and its tables if need be."""
        return cls(await asyncio.to_thread(_connect, url))

    async def close(self) -> None:
        await asyncio.to_thread(self._client.destroy)

    async def put(
        self,
        job_id: str,
        request: ComposeRequest,
        *,
        user_id: int | str,
        deadline: float | None = None,
        size_limit: int | None = None,
        rendering: Rendering = AS_COMPOSED,
        composed: Composed | None = None,
    ) -> None:
        """Queue a job; one that is already known by this id stays as it is. A user's second job begins after everybody
        else's first. Past `deadline` (Unix seconds) it is not begun any more. `size_limit` is in bytes of audio. What
        is `composed` already is only rendered."""
        with _reaching():
            theirs = await self._client.list_workflows_async(
                user=str(user_id), status=_UNFINISHED, load_input=False, load_output=False
            )
            priority = 1 + len(theirs)  # DBOS counts from 1
            await self._client.enqueue_async(
                {
                    "workflow_name": _WORKFLOW,
                    "queue_name": _QUEUE,
                    "workflow_id": job_id,
                    "app_version": _VERSION,
                    "workflow_timeout": JOB_SECONDS,
                    "priority": priority,
                    "authenticated_user": str(user_id),
                },
                request.to_json(),
                {
                    "asked": time.time(),
                    "priority": priority,
                    "deadline": deadline,
                    "size_limit": size_limit,
                    "rendering": rendering.to_json(),
                    "composed": composed.to_json() if composed else None,
                },
            )
        if job_id not in self._line.waiting:  # where it stands is known, and a look a job is too much for a busy hour
            rank = (True, priority, math.inf)
            at = bisect.bisect_right(self._ranks, rank)
            self._ranks.insert(at, rank)
            self._line.waiting.insert(at, job_id)

    async def standing(self, job_id: str) -> Job | None:
        """What `job` says, as of half a second ago or less: many can ask for a job each at the cost of one look."""
        line = await self.line()
        if job_id in line.shares:
            return Job(job_id, State.RUNNING, progress=line.shares[job_id])
        if job_id in line.waiting:
            return Job(job_id, State.QUEUED, place=line.waiting.index(job_id) + 1)
        return await self.job(job_id)

    async def job(self, job_id: str) -> Job | None:
        """How the job stands; None when there is no such job."""
        with _reaching():
            rows = await self._client.list_workflows_async(workflow_ids=[job_id], load_input=False)
            if not rows:
                return None
            [row] = rows
            begun = await self._progress(job_id)
            if row.status not in _UNFINISHED:
                return _ended(row, begun)
            if row.status == "PENDING" and begun is not None:
                return Job(job_id, State.RUNNING, progress=begun["share"], waited=begun["waited"])
            return Job(job_id, State.QUEUED, place=await self._place(job_id))

    async def cancel(self, job_id: str) -> None:
        """Take the job back. A running one ends within a second or so; an ended one stays as it is."""
        with _reaching():
            await self._client.cancel_workflow_async(job_id)
        self._line = Line()

    async def delete(self, job_id: str) -> None:
        """Forget a job that was answered: nothing of it stays."""
        with _reaching():
            await self._client.delete_workflow_async(job_id)

    async def forget(self, user_id: int | str) -> None:
        """Delete every job of this user, whatever has become of it."""
        with _reaching():
            theirs = await self._client.list_workflows_async(user=str(user_id), load_input=False, load_output=False)
            for row in theirs:
                await self._client.delete_workflow_async(row.workflow_id)

    async def ids(self) -> list[str]:
        """Of every job that there is, whatever has become of it."""
        with _reaching():
            rows = await self._client.list_workflows_async(name=_WORKFLOW, load_input=False, load_output=False)
            return [row.workflow_id for row in rows]

    async def line(self) -> Line:
        """How all jobs stand that are not composed yet, as of half a second ago or less."""
        with _reaching():
            async with self._looking:
                if time.monotonic() > self._line.seen + _LINE_SECONDS:
                    self._line, self._ranks = await asyncio.to_thread(self._look)
                return self._line

    async def _progress(self, job_id: str) -> dict[str, float] | None:
        return await self._client.get_event_async(job_id, _PROGRESS, timeout_seconds=0)

    async def _place(self, job_id: str) -> int:
        line = await self.line()
        if job_id not in line.waiting:  # put by another bot since the last look, or begun this very moment
            self._line = Line()
            line = await self.line()
        return line.waiting.index(job_id) + 1 if job_id in line.waiting else 1

    def _look(self) -> tuple[Line, list[tuple[bool, float, float]]]:
        """In a thread, as a whole: a busy bot's threads are few, and each statement would wait for one."""
        rows = self._client.list_workflows(queue_name=_QUEUE, status=_UNFINISHED, load_input=False, load_output=False)
        rows.sort(key=lambda row: (row.status == "ENQUEUED", row.priority, row.created_at))
        # a worker may hold a job (PENDING) that still waits for the model
        shares = self._shares([row.workflow_id for row in rows if row.status == "PENDING"])
        waiting = [row for row in rows if row.workflow_id not in shares]
        ranks = [(row.status == "ENQUEUED", row.priority or 0.0, row.created_at or 0.0) for row in waiting]
        return Line([row.workflow_id for row in waiting], shares, time.monotonic()), ranks

    def _shares(self, job_ids: list[str]) -> dict[str, float]:
        """How far those of these jobs are that have begun, in their order. DBOS would take two statements for each, and
        every bot looks twice a second at all that run: so this reads its table, whose names are private, and a test
        holds on to them."""
        if not job_ids:
            return {}
        database = self._client._sys_db
        event = database.tables.workflow_events.c
        select = sa.select(event.workflow_uuid, event.value, event.serialization).where(
            event.key == _PROGRESS, event.workflow_uuid.in_(job_ids)
        )
        with database.engine.connect() as connection:
            rows = connection.execute(select).all()
        told: dict[str, Any] = {
            row.workflow_uuid: deserialize_value(row.value, row.serialization, _JSON) for row in rows
        }
        return {job_id: told[job_id]["share"] for job_id in job_ids if told.get(job_id)}


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
        self._watch = pulse.Watch(self._end)

    def start(self) -> None:
        """Take over what the dead left unfinished, and begin to take new jobs. Raises QueueError."""
        self._client = _connect(self._url)
        with _reaching():
            self._roll = pulse.Roll(self._url, self._executor)
            self._roll.beat()  # before it has a job: who has one and no entry counts as dead
            unfinished = self._unfinished()
            self._make_room(unfinished, self._before)
            if any(row.status == "PENDING" and row.executor_id in self._before for row in unfinished):
                time.sleep(_TOLD_POLLS * self._polling)
            self._watch.start()
            DBOS(
                config={
                    "name": _APPLICATION,
                    "system_database_url": self._url,
                    "application_version": _VERSION,
                    "executor_id": self._executor,
                    "serializer": _JSON,
                    "log_level": "WARNING",
                    "sys_db_idle_transaction_timeout_sec": IDLE_SECONDS,
                }
            )

            @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=RUNS - 1)
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
            with _reaching():
                self._client.list_workflows(queue_name=_QUEUE, limit=1, load_input=False, load_output=False)
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
        while not self._over.wait(min(1.0, pulse.BEAT_SECONDS)):
            if time.monotonic() < beaten + pulse.BEAT_SECONDS and self._room != 1:
                continue
            try:
                self._roll.beat()
                gap, beaten = time.monotonic() - beaten, time.monotonic()
                # While the database was away, or this process was stopped, others may have been silent without dying.
                steady = beaten if gap > pulse.DEAD_SECONDS / 2 else min(steady, beaten)
                unfinished = self._unfinished()
                sure = beaten > steady + pulse.DEAD_SECONDS and not self._closing.is_set()
                dead = self._dead(unfinished) if sure else set()
                self._make_room(unfinished, dead)
                if dead:
                    time.sleep(_TOLD_POLLS * self._polling)
                self._take_over(dead)
            except (SQLAlchemyError, dbos_error.DBOSException, OSError) as error:
                log.warning("the queue cannot be tended: %s", type(error).__name__)
                beaten = -math.inf

    def _unfinished(self) -> list[WorkflowStatus]:
        return self._client.list_workflows(queue_name=_QUEUE, status=_UNFINISHED, load_input=False, load_output=False)

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
            log.warning("taking over from %s, which does not live any more: %s", ", ".join(dead), ", ".join(handed_on))

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
            self._client.register_queue(_QUEUE, worker_concurrency=room, polling_interval_sec=self._polling)
            self._room, self._room_due = room, time.monotonic() + _ROOM_SECONDS

    def _end(self, job_id: str) -> None:
        """End this process, whose model hangs; its jobs begin again elsewhere, or when it was started again."""
        log.critical(
            "job %s has not advanced for %g s: the model hangs, and this worker ends with exit code %d",
            job_id,
            pulse.HANG_SECONDS,
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
        metrics.JOBS.labels(State.DONE if "piece" in outcome else State.FAILED).inc()
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
                log.warning("job %s is another worker's now, to which this one seemed dead", job_id)
            else:
                log.info("job %s cancelled", job_id)
                metrics.JOBS.labels(State.CANCELLED).inc()
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
                raise QueueError(TOO_LATE)
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
        log.info("job %s done: %s, %s", job_id, piece.recipe.name, spent)
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
        DBOS.set_event(_PROGRESS, {"share": share, "waited": waited})
    except _LOST:
        raise Cancelled("the piece was taken back") from None


def _sentence(job_id: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `work` returns, or else `{"error": SENTENCE}`. Only errors raised on purpose speak for themselves."""
    try:
        return work()
    except Cancelled:
        raise
    except NocturneError as error:
        log.info("job %s failed: %s", job_id, error)
        return {"error": error.text.to_json()}
    except Exception:
        log.exception("job %s failed", job_id)
        return {"error": SORRY.to_json()}


def _ended(row: WorkflowStatus, begun: dict[str, float] | None) -> Job:
    waited = begun["waited"] if begun else None
    if row.status == "CANCELLED":
        deadline = row.workflow_deadline_epoch_ms
        # up to Python 3.11 DBOS writes whole seconds into SQLite
        if deadline is not None and row.completed_at is not None and row.completed_at > deadline - 1000:
            return Job(row.workflow_id, State.FAILED, error=TOO_LONG, waited=waited)
        return Job(row.workflow_id, State.CANCELLED, waited=waited)
    outcome = row.output if isinstance(row.output, dict) else {}
    if "piece" in outcome:
        piece = Piece.from_json(outcome["piece"])
        return Job(row.workflow_id, State.DONE, progress=1.0, piece=piece, waited=waited)
    error = Text.from_json(outcome["error"]) if "error" in outcome else SORRY
    return Job(row.workflow_id, State.FAILED, error=error, waited=waited)


def _connect(url: str) -> DBOSClient:
    """Make the database and its tables where they are missing, and connect. Bot and worker may do so at the same
    moment: DBOS takes the database's lock first. Raises QueueError."""
    with _reaching():
        where = make_url(url)
        if where.drivername == "sqlite" and where.database:
            Path(where.database).parent.mkdir(parents=True, exist_ok=True)
        DBOS.migrate(url)
        return DBOSClient(
            system_database_url=url,
            serializer=_JSON,
            application_name=_APPLICATION,
            retry_connection_errors=False,
            sys_db_idle_transaction_timeout_sec=IDLE_SECONDS,
        )


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, dbos_error.DBOSException, OSError) as error:
        log.warning("the queue cannot be reached: %s", str(error).partition("\n")[0])  # the rest is the statement
        raise QueueError(UNREACHABLE) from error
