"""A watchdog: whether the jobs of this process still advance, and whether its interpreter does."""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TICK_SECONDS = 1.0
_SUSPENDED_TICKS = 5  # as many missed at once: the whole process was stopped, or had no processor
_BLOCKED = 1.5  # of `hang_seconds`: after so many the interpreter itself counts as blocked


class Watchdog:
    """Calls `bark` with the id of a job that has not advanced for `hang_seconds`. Where the interpreter itself is
    blocked, the process ends with exit code 1 soon after, and writes where each thread was."""

    def __init__(
        self,
        bark: Callable[[str], None],
        hang_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bark = bark
        self._hang_seconds = hang_seconds
        self._clock = clock
        self._advanced: dict[str, float] = {}  # seconds on `clock`
        self._looked = clock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """To be called before there are jobs: the first of them may block everything else."""
        self._end_if_blocked()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)
        faulthandler.cancel_dump_traceback_later()

    @contextmanager
    def watching(self, job_id: str) -> Iterator[None]:
        """Meanwhile the job has to advance."""
        self.advance(job_id)
        try:
            yield
        finally:
            self._advanced.pop(job_id, None)

    @contextmanager
    def paused(self, job_id: str) -> Iterator[None]:
        """Meanwhile the job waits for something else, such as the database."""
        self._advanced.pop(job_id, None)
        yield
        self.advance(job_id)

    def advance(self, job_id: str) -> None:
        """The job has come further."""
        self._advanced[job_id] = self._clock()

    def hanging(self) -> str | None:
        """The id of a job that hangs, if one does. To be called once a tick."""
        before, self._looked = self._looked, self._clock()
        if self._looked > before + _SUSPENDED_TICKS * _TICK_SECONDS:
            self._advanced.update(dict.fromkeys(list(self._advanced), self._looked))
        late = self._looked - self._hang_seconds
        return next((job_id for job_id, advanced in list(self._advanced.items()) if advanced < late), None)

    def _run(self) -> None:
        while not self._stopped.wait(_TICK_SECONDS):
            self._end_if_blocked()
            if (job_id := self.hanging()) is not None:
                self._bark(job_id)
                return

    def _end_if_blocked(self) -> None:
        """End the process unless this is called again in time, from outside of Python's own lock."""
        faulthandler.dump_traceback_later(_BLOCKED * self._hang_seconds, exit=True)
