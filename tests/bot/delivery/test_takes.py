"""Jobs of one reply, told as one."""

from collections.abc import Sequence

import pytest

from bot.delivery.takes import together
from core.queue.jobs import Job, JobState

QUEUED = [Job("1", JobState.QUEUED, place=5), Job("2", JobState.QUEUED, place=3)]
RUNNING = Job("3", JobState.RUNNING, progress=0.4)
DONE, FAILED, CANCELLED = (Job("4", state) for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED))


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ([RUNNING], RUNNING),
        (QUEUED, QUEUED[1]),
        ([QUEUED[0], RUNNING, DONE, FAILED], Job("1", JobState.RUNNING, progress=0.6)),
        ([DONE, FAILED, CANCELLED], CANCELLED),
        ([FAILED, DONE], DONE),
        ([FAILED, FAILED], FAILED),
    ],
)
def test_several_jobs_are_told_as_one(jobs: Sequence[Job], told: Job):
    """The first in the queue until one has begun, the mean of their progress until all are over, and then what there
    is: that somebody took them back counts first, and one that is done more than those that failed."""
    assert together(jobs) == told
