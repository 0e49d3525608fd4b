"""What a log's lines have in common, in every process: time, level, room, and the job that the line is about."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_job = ContextVar("job", default="")


@contextmanager
def about_job(job_id: str) -> Iterator[None]:
    """What is logged in here, by whichever module, is about this job."""
    before = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(before)


def current_job() -> str:
    """The id of the job that is worked at; empty where it is none."""
    return _job.get()


class JobFormatter(logging.Formatter):
    """Begins a line by its job, unless it names it anyway."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:7} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        job = current_job()
        if job and job not in record.message:
            record.message = f"job {job}: {record.message}"
        return super().formatMessage(record)


def write_logs(level: str, formatter: logging.Formatter | None = None) -> None:
    """Send everything from `level` on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter or JobFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
