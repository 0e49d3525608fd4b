"""The bot's side of the queue: put, look, take back, forget."""

from __future__ import annotations

import asyncio
import bisect
import contextvars
import math
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeAlias

import sqlalchemy as sa

from core.captions import Captions
from core.piece import Composed, Piece
from core.queue.dbos import DBOSClient, WorkflowStatus, deserialize_value
from core.queue.endings import Endings
from core.queue.engine import JSON, PROGRESS, QUEUE, UNFINISHED, VERSION, WITHDRAWN, WORKFLOW, connect, reaching
from core.queue.jobs import JOB_SECONDS, UNFORESEEN, Job, JobState, QueueSnapshot
from core.queue.liveness import living_workers
from core.queue.timing import USUAL_TIMING
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.text import Text

SNAPSHOT_SECONDS = 0.5
"""Age of a snapshot. Everybody who waits asks for a place once a second or so, and one look answers them all."""

Order: TypeAlias = tuple[bool, float, float]
"""A key to sort the jobs that wait by: those that a worker holds already come first, then by priority, then by age."""


class JobQueue:
    """The bot's side of the queue. Every method may raise QueueError, whose sentence can be shown."""

    def __init__(
        self, client: DBOSClient, job_seconds: float = JOB_SECONDS, snapshot_seconds: float = SNAPSHOT_SECONDS
    ) -> None:
        self._client = client
        self._job_seconds, self._snapshot_seconds = job_seconds, snapshot_seconds
        self._snapshot = QueueSnapshot()
        self._orders: list[Order] = []  # of the jobs that wait, in their order
        self._looking = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._endings = Endings(client)
        # one thread, where one writer is let in at a time: in the event loop's few threads they would hold up readers
        embedded = client._sys_db.engine.dialect.name == "sqlite"
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="queue-writer") if embedded else None

    @classmethod
    async def open(cls, url: str, job_seconds: float = JOB_SECONDS, snapshot_seconds: float = SNAPSHOT_SECONDS) -> Self:
        """Connect to the database that `url` names, and make it and its tables if need be."""
        return cls(await asyncio.to_thread(connect, url), job_seconds, snapshot_seconds)

    async def close(self) -> None:
        if self._writer:
            await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._client.destroy)

    async def put(
        self,
        job_id: str,
        request: ComposeRequest,
        *,
        user_id: int | str,
        seconds_left: float | None = None,
        size_limit: int | None = None,
        rendering: Rendering = AS_COMPOSED,
        composed: Composed | None = None,
        captions: Captions | None = None,
    ) -> None:
        """Queue a job; one that is already known by this id stays as it is. A user's second job begins after everybody
        else's first. A job that waits for longer than `seconds_left` is not begun any more. `size_limit` is in bytes of
        audio. A piece that is `composed` already is only rendered. `captions` are the words in its pictures."""
        with reaching():
            theirs = await self._client.list_workflows_async(
                user=str(user_id), status=UNFINISHED, load_input=False, load_output=False
            )
            priority = 1 + len(theirs)  # DBOS counts from 1
            await self._write(
                self._client.enqueue,
                {
                    "workflow_name": WORKFLOW,
                    "queue_name": QUEUE,
                    "workflow_id": job_id,
                    "app_version": VERSION,
                    "priority": priority,
                    "authenticated_user": str(user_id),
                },
                request.to_json(),
                {
                    "asked": time.time(),
                    "priority": priority,
                    "deadline": None,  # for workers of older versions
                    "seconds_left": seconds_left,
                    "seconds": self._job_seconds,
                    "size_limit": size_limit,
                    "rendering": rendering.to_json(),
                    "composed": composed.to_json() if composed else None,
                    "captions": captions.to_json() if captions else None,
                },
            )
        self._insert(job_id, priority)

    async def _write(self, work: Callable[..., object], *arguments: Any) -> None:
        """Let DBOS change rows, in a thread."""
        context = contextvars.copy_context()
        await asyncio.get_running_loop().run_in_executor(self._writer, context.run, work, *arguments)

    def _insert(self, job_id: str, priority: int) -> None:
        """Add the job to the snapshot at its place: a look a job would be too much for a busy hour."""
        if job_id not in self._snapshot.waiting:
            order = (True, priority, math.inf)
            at = bisect.bisect_right(self._orders, order)
            self._orders.insert(at, order)
            self._snapshot.waiting.insert(at, job_id)

    async def standing(self, job_id: str) -> Job | None:
        """The job, as of `snapshot_seconds` ago or less: many can ask for a job each at the cost of one look. One that
        is over is told as done, without its outcome: that may be large, and `job` reads it."""
        snapshot = await self.snapshot()
        if job_id in snapshot.shares:
            return Job(job_id, JobState.RUNNING, progress=snapshot.shares[job_id])
        if job_id in snapshot.waiting:
            return Job(job_id, JobState.QUEUED, place=snapshot.waiting.index(job_id) + 1)
        return await self._job(job_id, outcome=False)

    async def until_over(self, job_ids: Collection[str], seconds: float) -> None:
        """Return once all of these jobs are over, and after so many seconds at the latest: for jobs whose end is near,
        and is told sooner by this than by the next snapshot."""
        with reaching():
            if await self._endings.within(job_ids, seconds):
                for job_id in job_ids:
                    self._snapshot.shares.pop(job_id, None)  # it was taken before the end

    async def size(self, job_id: str) -> int:
        """Bytes that the outcome of a job takes in the queue; 0 while there is none. DBOS has no such question, so this
        reads its tables, whose names are private, and a test holds on to them."""
        with reaching():
            return await asyncio.to_thread(self._size, job_id)

    def _size(self, job_id: str) -> int:
        database = self._client._sys_db
        output = database.tables.workflow_output.c
        select = sa.select(sa.func.length(output.output)).where(output.workflow_uuid == job_id)
        with database.engine.connect() as connection:
            return int(connection.execute(select).scalar() or 0)

    async def job(self, job_id: str) -> Job | None:
        """The job as it is now, with its outcome; None when there is no such job. One is read at a time: meanwhile an
        outcome is in memory several times, as a row, as JSON and as bytes."""
        async with self._loading:
            return await self._job(job_id, outcome=True)

    async def _job(self, job_id: str, outcome: bool) -> Job | None:
        with reaching():
            rows = await self._client.list_workflows_async(workflow_ids=[job_id], load_input=False, load_output=outcome)
            if not rows:
                return None
            [row] = rows
            begun = await self._progress(job_id)
            if row.queue_name == WITHDRAWN:
                return Job(job_id, JobState.CANCELLED)
            if row.status not in UNFINISHED:
                if row.status == "SUCCESS" and not outcome:
                    return Job(job_id, JobState.DONE, progress=1.0)
                return _ended(row, begun)
            if row.status == "PENDING" and begun is not None:
                return Job(job_id, JobState.RUNNING, progress=begun["share"], waited=begun["waited"])
            return Job(job_id, JobState.QUEUED, place=await self._place(job_id))

    async def cancel(self, job_id: str) -> None:
        """Take the job back. A running one ends within a second or so; an ended one stays as it is."""
        with reaching():
            await self._write(self._client.cancel_workflow, job_id)
        self._snapshot = QueueSnapshot()

    async def withdraw(self, job_id: str, user_id: int | str) -> None:
        """Take back a job that is perhaps still to be put: whoever puts it later, this bot or another, finds it
        cancelled."""
        with reaching():
            await self._write(
                self._client.enqueue,
                {
                    "workflow_name": WORKFLOW,
                    "queue_name": WITHDRAWN,
                    "workflow_id": job_id,
                    "app_version": VERSION,
                    "authenticated_user": str(user_id),
                },
            )
        await self.cancel(job_id)

    async def delete(self, job_id: str) -> None:
        """Forget a job that was answered: nothing of it stays."""
        with reaching():
            await self._write(self._client.delete_workflow, job_id)

    async def forget(self, user_id: int | str) -> None:
        """Delete every job of this user, whatever has become of it."""
        with reaching():
            theirs = await self._client.list_workflows_async(user=str(user_id), load_input=False, load_output=False)
            for row in theirs:
                await self._write(self._client.delete_workflow, row.workflow_id)

    async def ids(self) -> list[str]:
        """The ids of all jobs, whatever has become of them."""
        with reaching():
            rows = await self._client.list_workflows_async(name=WORKFLOW, load_input=False, load_output=False)
            return [row.workflow_id for row in rows]

    async def snapshot(self) -> QueueSnapshot:
        """All unfinished jobs, those that are rendered included, as of `snapshot_seconds` ago or less."""
        with reaching():
            async with self._looking:
                if time.monotonic() > self._snapshot.seen + self._snapshot_seconds:
                    self._snapshot, self._orders = await asyncio.to_thread(self._look)
                return self._snapshot

    async def _progress(self, job_id: str) -> dict[str, float] | None:
        return await self._client.get_event_async(job_id, PROGRESS, timeout_seconds=0)

    async def _place(self, job_id: str) -> int:
        snapshot = await self.snapshot()
        if job_id not in snapshot.waiting:  # put by another bot since the last look, or begun this very moment
            self._snapshot = QueueSnapshot()
            snapshot = await self.snapshot()
        return snapshot.waiting.index(job_id) + 1 if job_id in snapshot.waiting else 1

    def _look(self) -> tuple[QueueSnapshot, list[Order]]:
        """A fresh snapshot, and the order of the jobs that wait. Called in a thread, as a whole: a busy bot's threads
        are few, and each statement would wait for one."""
        rows = self._client.list_workflows(queue_name=QUEUE, status=UNFINISHED, load_input=False, load_output=False)
        rows.sort(key=lambda row: (row.status == "ENQUEUED", row.priority, row.created_at))
        # a worker may hold a job (PENDING) that still waits for the model
        shares = self._shares([row.workflow_id for row in rows if row.status == "PENDING"])
        waiting = [row for row in rows if row.workflow_id not in shares]
        orders = [(row.status == "ENQUEUED", row.priority or 0.0, row.created_at or 0.0) for row in waiting]
        ids = [row.workflow_id for row in waiting]
        return QueueSnapshot(ids, shares, time.monotonic(), self._workers()), orders

    def _workers(self) -> int:
        """How many workers live; none where their table is not there yet."""
        try:
            with self._client._sys_db.engine.connect() as connection:
                return len(living_workers(connection, USUAL_TIMING.dead))
        except sa.exc.ProgrammingError:  # PostgreSQL's
            return 0
        except sa.exc.OperationalError as error:  # SQLite's, which may also be that it cannot be reached
            if "no such table" in str(error):
                return 0
            raise

    def _shares(self, job_ids: list[str]) -> dict[str, float]:
        """Progress of those of these jobs that have begun, in their order. DBOS would take two statements for each, and
        every bot looks twice a second at all that run: so this reads its table, whose names are private, and a test
        holds on to them."""
        if not job_ids:
            return {}
        database = self._client._sys_db
        event = database.tables.workflow_events.c
        select = sa.select(event.workflow_uuid, event.value, event.serialization).where(
            event.key == PROGRESS, event.workflow_uuid.in_(job_ids)
        )
        with database.engine.connect() as connection:
            rows = connection.execute(select).all()
        told: dict[str, Any] = {
            row.workflow_uuid: deserialize_value(row.value, row.serialization, JSON) for row in rows
        }
        return {job_id: told[job_id]["share"] for job_id in job_ids if told.get(job_id)}


def _ended(row: WorkflowStatus, begun: dict[str, float] | None) -> Job:
    waited = begun["waited"] if begun else None
    if row.status == "CANCELLED":
        return Job(row.workflow_id, JobState.CANCELLED, waited=waited)
    outcome = row.output if isinstance(row.output, dict) else {}
    if "piece" in outcome:
        piece = Piece.from_json(outcome["piece"])
        return Job(row.workflow_id, JobState.DONE, progress=1.0, piece=piece, waited=waited)
    error = Text.from_json(outcome["error"]) if "error" in outcome else UNFORESEEN
    return Job(row.workflow_id, JobState.FAILED, error=error, waited=waited)
