"""A watchdog barks at jobs that hang, and at no others; its clock is the test's."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.queue.watchdog import Watchdog
from tests.support.waiting import PATIENCE

HANG = 60.0


class Clock:
    """Seconds that pass when the test says so, a tick of the watchdog's at a time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    """One that is not started: the test looks in its place."""
    return Watchdog(lambda job_id: None, HANG, clock)


def hangs_within(seconds: int, watchdog: Watchdog, clock: Clock) -> str | None:
    """The job that is seen to hang in so many ticks of a second."""
    for _ in range(seconds):
        clock.now += 1.0
        if (job_id := watchdog.hanging()) is not None:
            return job_id
    return None


def test_a_job_that_does_not_advance_hangs(watchdog: Watchdog, clock: Clock):
    """A second too early it is no trouble, then it is named."""
    with watchdog.watching("1"):
        assert hangs_within(60, watchdog, clock) is None
        assert hangs_within(1, watchdog, clock) == "1"


def test_a_job_that_advances_does_not_hang(watchdog: Watchdog, clock: Clock):
    """Each time counts anew; the job beside it is named."""
    with watchdog.watching("lively"), watchdog.watching("hanging"):
        assert hangs_within(40, watchdog, clock) is None
        watchdog.advance("lively")
        assert hangs_within(40, watchdog, clock) == "hanging"


def test_a_job_that_waits_for_the_database_does_not_hang(watchdog: Watchdog, clock: Clock):
    """However long that takes; afterwards its time counts anew."""
    with watchdog.watching("1"):
        with watchdog.paused("1"):
            assert hangs_within(200, watchdog, clock) is None
        assert hangs_within(60, watchdog, clock) is None
        assert hangs_within(1, watchdog, clock) == "1"


def test_a_job_that_has_ended_does_not_hang(watchdog: Watchdog, clock: Clock):
    """Also when it ended by an error."""
    with pytest.raises(ZeroDivisionError), watchdog.watching("1"):
        raise ZeroDivisionError
    assert hangs_within(200, watchdog, clock) is None


def test_a_process_that_was_suspended_is_excused(watchdog: Watchdog, clock: Clock):
    """While it was stopped nothing could advance: from then on its jobs have the usual time."""
    with watchdog.watching("1"):
        clock.now += 1000.0
        assert watchdog.hanging() is None
        assert hangs_within(60, watchdog, clock) is None
        assert hangs_within(1, watchdog, clock) == "1"


@pytest.fixture
def barking(clock: Clock) -> Iterator[tuple[Watchdog, list[str], threading.Event]]:
    """A watchdog that is started by the test, what it barked at, and the moment when it did."""
    barked, heard = [], threading.Event()

    def bark(job_id: str) -> None:
        barked.append(job_id)
        heard.set()

    watchdog = Watchdog(bark, HANG, clock)
    yield watchdog, barked, heard
    watchdog.stop()


def test_it_barks(clock: Clock, barking: tuple[Watchdog, list[str], threading.Event]):
    """Once started, it looks by itself and calls with the job that hangs, once."""
    watchdog, barked, heard = barking
    with watchdog.watching("fresh"):
        clock.now -= HANG + 1  # the next job has not advanced since then
        with watchdog.watching("hanging"):
            clock.now += HANG + 1
            watchdog.start()
            assert heard.wait(PATIENCE)
    assert barked == ["hanging"]
