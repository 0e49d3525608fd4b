"""Recovery of dead workers' jobs: they go back into the queue, and those that were cut short run alone."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Collection

from core.queue.dbos import DBOS, DBOSClient, WorkflowStatus
from core.queue.engine import FAILURES, QUEUE, UNFINISHED
from core.queue.liveness import Heartbeat
from core.queue.timing import Timing

_LEAST_POLL_SECONDS = 0.1  # an idle worker begins a job 60 to 110 ms after it was put, for 3 to 4 % of a core
_MOST_POLL_SECONDS = 1.0
_BUSY_POLLERS = 10  # so many workers poll that often; of more, each polls as much less, down to `_MOST_POLL_SECONDS`
_SETTLE_POLLS = 5  # until all workers know how many jobs they may take
_CONCURRENCY_SECONDS = 60.0  # how often the limit is written anew: the worker that wrote it last may have died

_log = logging.getLogger(__name__)


class Recovery:
    """Keeps this worker's heartbeat, and takes over the jobs of workers that have none any more."""

    def __init__(
        self,
        client: DBOSClient,
        heartbeat: Heartbeat,
        closing: threading.Event,
        *,
        executor: str,
        most: int,
        timing: Timing,
    ) -> None:
        """Each worker takes `most` jobs at a time while none was cut short. Once `closing` is set, no job is taken over
        any more."""
        self._client = client
        self._heartbeat = heartbeat
        self._closing = closing
        self._executor = executor
        self._most = most
        self._timing = timing
        self._beaten = -math.inf
        self._steady_since = math.inf  # every heartbeat since then came in time
        self._concurrency, self._concurrency_due = 0, -math.inf
        self._poll_seconds = _LEAST_POLL_SECONDS
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)

    def prepare(self, dead: Collection[str]) -> None:
        """To be called before this worker takes jobs: give it a heartbeat, and let the dead workers' jobs run alone."""
        self._heartbeat.beat()  # a worker that has a job and no heartbeat counts as dead
        self._limit_concurrency(self._unfinished(), dead)

    def take_over(self, dead: Collection[str]) -> None:
        """Put back into the queue what these workers had begun."""
        if not dead:
            return
        handed_on = _recover(dead)
        self._heartbeat.remove(dead)
        if handed_on:
            _log.warning("taking over from %s, which does not live any more: %s", ", ".join(dead), ", ".join(handed_on))

    def start(self) -> None:
        """Go on until `stop`, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.wait(min(1.0, self._timing.beat)):
            if time.monotonic() < self._beaten + self._timing.beat and self._concurrency != 1:
                continue
            try:
                self._beat()
                unfinished = self._unfinished()
                dead = self._dead(unfinished) if self._certain() else set()
                self._limit_concurrency(unfinished, dead)
                self.take_over(dead)
            except FAILURES as error:
                _log.warning("heartbeat and recovery have failed: %s", type(error).__name__)
                self._beaten = -math.inf

    def _beat(self) -> None:
        self._heartbeat.beat()
        before, self._beaten = self._beaten, time.monotonic()
        # While the database was away, or this process was stopped, others may have been silent without dying.
        if self._beaten > before + self._timing.dead / 2:
            self._steady_since = self._beaten

    def _certain(self) -> bool:
        """Whether a worker without a heartbeat is surely dead, and its jobs are to be taken over."""
        return self._beaten > self._steady_since + self._timing.dead and not self._closing.is_set()

    def _unfinished(self) -> list[WorkflowStatus]:
        return self._client.list_workflows(queue_name=QUEUE, status=UNFINISHED, load_input=False, load_output=False)

    def _dead(self, unfinished: list[WorkflowStatus]) -> set[str]:
        """The names of workers that have jobs and no heartbeat."""
        names = {str(row.executor_id) for row in unfinished if row.status == "PENDING"} - {self._executor}
        return names and names - self._heartbeat.living()

    def _limit_concurrency(self, unfinished: list[WorkflowStatus], dead: Collection[str]) -> None:
        """Let every worker (the queue's settings are shared) take one job at a time as long as some were cut short:
        one of them may take its worker down again, and only that one shall be charged with it. Returns once all know,
        where jobs are about to be taken over."""
        concurrency = 1 if any(_cut_short(row, dead) for row in unfinished) else self._most
        if concurrency != self._concurrency or time.monotonic() > self._concurrency_due:
            self._poll_seconds = poll_seconds(len(self._heartbeat.living()))
            self._client.register_queue(QUEUE, worker_concurrency=concurrency, polling_interval_sec=self._poll_seconds)
            self._concurrency, self._concurrency_due = concurrency, time.monotonic() + _CONCURRENCY_SECONDS
        if any(row.status == "PENDING" and row.executor_id in dead for row in unfinished):
            time.sleep(_SETTLE_POLLS * self._poll_seconds)


def _cut_short(row: WorkflowStatus, dead: Collection[str]) -> bool:
    """Whether a job has taken a worker down with it, or may have."""
    begun = row.recovery_attempts or 0
    return begun > 1 or (begun == 1 and (row.status == "ENQUEUED" or row.executor_id in dead))


def poll_seconds(workers: int) -> float:
    """Seconds between two polls of a worker. Many poll often together where each polls seldom, and the database is
    spared."""
    return min(max(workers / _BUSY_POLLERS, 1.0) * _LEAST_POLL_SECONDS, _MOST_POLL_SECONDS)


def _recover(dead: Collection[str]) -> list[str]:
    """Put back into the queue what workers of these names had begun; returns the ids of those jobs. DBOS offers this to
    its own services alone, so the name is private, and a test holds on to it."""
    return [handle.workflow_id for handle in DBOS._recover_pending_workflows(list(dead))]
