"""The table of heartbeats, on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from core.queue.liveness import Heartbeat

pytestmark = pytest.mark.every_engine

LONG = 3600.0


@pytest.fixture
def heartbeat(url: str) -> Iterator[Callable[..., Heartbeat]]:
    """Gives the heartbeat of a worker of this name."""
    with ExitStack() as stack:
        yield lambda name, dead_seconds=LONG: stack.enter_context(closing(Heartbeat(url, name, dead_seconds)))


def test_workers_that_beat_live(heartbeat: Callable[..., Heartbeat]):
    """Each sees all, however often they beat; one that was never heard of is not among them."""
    first, second, third = heartbeat("first"), heartbeat("second"), heartbeat("third")
    first.beat()
    second.beat()
    second.beat()
    assert first.living() == {"first", "second"}
    assert third.living() == {"first", "second"}


def test_a_worker_that_stops_is_dead_at_once(heartbeat: Callable[..., Heartbeat]):
    """And only that one."""
    first, second = heartbeat("first"), heartbeat("second")
    first.beat()
    second.beat()
    second.stop()
    assert first.living() == {"first"}


def test_others_are_declared_dead(heartbeat: Callable[..., Heartbeat]):
    """Workers that are named, until they beat again."""
    workers = [heartbeat(name) for name in ("first", "second", "third")]
    for worker in workers:
        worker.beat()
    workers[0].remove(["second", "third"])
    assert workers[0].living() == {"first"}
    workers[1].beat()
    assert workers[0].living() == {"first", "second"}


def test_an_old_heartbeat_is_none(heartbeat: Callable[..., Heartbeat]):
    """The same worker lives for one that waits longer, and is dead for one that waits less long."""
    patient, impatient = heartbeat("patient"), heartbeat("impatient", dead_seconds=0.0)
    impatient.beat()
    assert patient.living() == {"impatient"}
    assert impatient.living() == set()
