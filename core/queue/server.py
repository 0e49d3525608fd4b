"""The worker's side of the queue: take over, take jobs, stop."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Collection
from contextlib import nullcontext, suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from core.errors import QueueError
from core.process import metrics
from core.process.database import IDLE_TRANSACTION_SECONDS
from core.queue.dbos import DBOS
from core.queue.engine import APPLICATION, JSON, QUEUE, VERSION, WORKFLOW, connect, reaching
from core.queue.liveness import Heartbeat
from core.queue.recovery import Recovery
from core.queue.runner import PROGRESS_SECONDS, Compose, Finish, JobRunner, PlayAhead
from core.queue.timing import USUAL_TIMING, Timing
from core.queue.watchdog import Watchdog

RUNS = 3
"""After so many, a job that takes its worker down with it is a dead letter: given up, with a sentence."""
HUNG = 4
"""The exit code of a worker whose model hangs."""
_LAST_SECONDS = 5.0  # for leaving the queue, before the process of a hanging model ends anyway

_log = logging.getLogger(__name__)


class JobServer:
    """The worker's side of the queue: takes jobs and runs them in threads, up to `places` in `compose` and about
    `finishers` in `finish`."""

    def __init__(
        self,
        url: str,
        *,
        executor: str,
        predecessors: Collection[str] = (),
        compose: Compose,
        finish: Finish,
        ahead: PlayAhead = nullcontext,
        places: int = 1,
        finishers: int = 1,
        timing: Timing = USUAL_TIMING,
    ) -> None:
        """Connects to the queue. `executor` is this process's name in it, which no other process has or had.
        `predecessors` are the names of processes that are surely dead, and whose jobs it takes over at once; those of
        others that die it takes over once they count as dead. Raises QueueError."""
        self._url = url
        self._executor = executor
        self._predecessors = predecessors
        self._hang_seconds = timing.hang
        self._closing = threading.Event()
        self._client = connect(url)
        with reaching():
            self._heartbeat = Heartbeat(url, executor, timing.dead)
        self._watchdog = Watchdog(self._end_hung, timing.hang)
        self._runner = JobRunner(
            self._client, self._watchdog, self._closing, compose=compose, finish=finish, ahead=ahead, places=places
        )
        self._recovery = Recovery(
            self._client,
            self._heartbeat,
            self._closing,
            executor=executor,
            most=places + finishers,
            timing=timing,
        )

    def start(self) -> None:
        """Take over what the dead left unfinished, and begin to take new jobs. Raises QueueError."""
        with reaching():
            self._recovery.prepare(self._predecessors)
            self._watchdog.start()
            self._launch()
            self._recovery.take_over(self._predecessors)  # soon after, as the first job may take this process down
        self._recovery.start()

    def _launch(self) -> None:
        """Begin to take jobs."""
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._url,
                "application_version": VERSION,
                "executor_id": self._executor,
                "serializer": JSON,
                "log_level": "WARNING",
                "sys_db_idle_transaction_timeout_sec": IDLE_TRANSACTION_SECONDS,
            }
        )

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RUNS - 1)
        def run(request: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
            return self._runner.run(request, terms)

        metrics.SLOTS.set(self._runner.composing.places)
        metrics.SLOTS_USED.set_function(lambda: self._runner.composing.used)
        DBOS.launch()

    def missing(self) -> str:
        """The reason why this worker cannot take jobs, in a few words; empty when it can."""
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
        abandon = threading.Timer(seconds, self.abandon)
        abandon.start()
        patience = math.ceil(seconds + 3 * PROGRESS_SECONDS) if self._runner.busy else 0
        DBOS.destroy(workflow_completion_timeout_sec=patience)
        abandon.cancel()
        self._watchdog.stop()
        self._recovery.stop()
        with suppress(SQLAlchemyError):
            self._heartbeat.stop()
        self._heartbeat.close()
        self._client.destroy()

    def abandon(self) -> None:
        """Let running jobs stop where they are."""
        self._runner.abandon()

    def _end_hung(self, job_id: str) -> None:
        """End this process, whose model hangs; its jobs begin again elsewhere, or when it was started again."""
        _log.critical(
            "job %s has not advanced for %g s: the model hangs, and this worker ends with exit code %d",
            job_id,
            self._hang_seconds,
            HUNG,
        )
        last = threading.Timer(_LAST_SECONDS, os._exit, (HUNG,))  # where the database hangs as well
        last.daemon = True
        last.start()
        with suppress(SQLAlchemyError):
            self._heartbeat.stop()
        os._exit(HUNG)
