"""The jobs of one reply, a take each, as the listener is told of them: as of one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.queue.jobs import Job, JobState

OVER = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def together(jobs: Sequence[Job]) -> Job:
    """The state of all these jobs: that of the first in the queue as long as none has begun, else their mean progress;
    once all are over, they are done where any of them is and none was cancelled."""
    if len(jobs) == 1:
        return jobs[0]
    states = {job.state for job in jobs}
    if states == {JobState.QUEUED}:
        return min(jobs, key=lambda job: job.place or math.inf)
    if not states <= set(OVER):
        done = sum(1.0 if job.state in OVER else job.progress for job in jobs)
        return Job(jobs[0].id, JobState.RUNNING, progress=done / len(jobs))
    deciding = next(state for state in (JobState.CANCELLED, JobState.DONE, JobState.FAILED) if state in states)
    return next(job for job in jobs if job.state is deciding)
