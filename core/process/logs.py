"""The format of a log's lines, in every process: time, level, module, and the job that the line is about."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_job = ContextVar("job", default="")


@contextmanager
def about_job(job_id: str) -> Iterator[None]:
    """Meanwhile each line that is logged, by whichever module, names this job."""
    before = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(before)


def current_job() -> str:
    """The id of the job of `about_job`; empty where there is none."""
    return _job.get()


class JobFormatter(logging.Formatter):
    """Puts the job before a message that does not name it."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:7} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        job = current_job()
        if job and job not in record.message:
            record.message = f"job {job}: {record.message}"
        return super().formatMessage(record)


def write_logs(level: str, formatter: logging.Formatter | None = None) -> None:
    """Send all lines from `level` on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter or JobFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
