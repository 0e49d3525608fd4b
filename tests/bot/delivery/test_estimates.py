"""Estimates of the wait, against workers whose speed is known."""

import pytest

from bot.delivery.estimates import RENDER_OVERHEAD, Estimates, Work, begin_times
from core.queue.jobs import COMPOSED_SHARE, QueueSnapshot

MOMENT = 0.05
ALIKE = [400] * 60
MIXED = [3000, 100, 100, 500, 25, 1500, 500, 500, 3000, 500, 200, 900] * 4


class Workshop:
    """Composes `places` jobs at a time, which share `composing` steps a second, and records two at a time, which share
    `recording` steps a second; on one `machine` both are half as fast while both are at work. A look every half second,
    as the bot has; what it sees of the composing comes in chunks, and of the recording nothing."""

    def __init__(
        self,
        lengths: list[int],
        places: int = 8,
        composing: float = 600.0,
        recording: float = 400.0,
        machine: bool = True,
    ) -> None:
        self.lengths = {str(number): length for number, length in enumerate(lengths)}
        self.waiting, self.places, self.now = list(self.lengths), places, 0.0
        self.composing, self.recording, self.machine = composing, recording, machine
        self.composed: dict[str, float] = {}
        self.recorded: dict[str, float] = {}
        self.begun: dict[str, float] = {}
        self.estimates = Estimates(self.work_of)

    def work_of(self, job: str) -> Work | None:
        """Of what has come to its end the bot knows nothing any more."""
        unfinished = {*self.waiting, *self.composed, *self.recorded}
        return Work.of(self.lengths[job]) if job in unfinished else None

    def look(self) -> None:
        for _ in range(round(0.5 / MOMENT)):
            self._pass_moment()
        chunks = {job: int(10 * steps / self.lengths[job]) / 10 for job, steps in self.composed.items()}
        shares = {job: COMPOSED_SHARE * share for job, share in chunks.items()}
        shares |= dict.fromkeys(self.recorded, COMPOSED_SHARE)
        self.estimates.see(QueueSnapshot(list(self.waiting), shares, self.now))

    def _pass_moment(self) -> None:
        steps = MOMENT / (2 if self.machine and self.composed and self.recorded else 1)
        for job in list(self.recorded)[:2]:
            self.recorded[job] += steps * self.recording / min(2, len(self.recorded))
            if self.recorded[job] >= self.lengths[job] + RENDER_OVERHEAD:
                del self.recorded[job]
        for job in list(self.composed):
            self.composed[job] += steps * self.composing / len(self.composed)
            if self.composed[job] >= self.lengths[job]:
                del self.composed[job]
                self.recorded[job] = 0.0
        while (
            self.waiting and len(self.composed) < self.places and len(self.composed | self.recorded) < self.places + 2
        ):
            job = self.waiting.pop(0)
            self.composed[job], self.begun[job] = 0.0, self.now
        self.now += MOMENT


def wrong(shop: Workshop, said: list[tuple[str, float, float]]) -> list[tuple[str, float, float, float]]:
    """Of (job, moment, wait) those that were not right within a factor of two, with how long it really was."""
    waited = [(job, at, wait, shop.begun[job] - at) for job, at, wait in said]
    return [(job, at, wait, real) for job, at, wait, real in waited if not real / 2 <= wait <= 2 * real]


@pytest.mark.parametrize(
    "shop",
    [
        Workshop(ALIKE),
        Workshop(ALIKE, recording=2000.0),
        Workshop(ALIKE, recording=200.0),
        Workshop(ALIKE, recording=1e9),
        Workshop(ALIKE * 3, places=64, composing=4000.0, machine=False),
        Workshop(ALIKE[:12], places=1, composing=250.0),
        Workshop(MIXED),
        Workshop(MIXED, recording=2000.0, machine=False),
    ],
    ids=["usual", "slow model", "slow recording", "no recording", "GPU", "one at a time", "mixed", "mixed, GPU"],
)
def test_the_wait_is_right_within_a_factor_of_two(shop: Workshop):
    """Whatever is said to whoever, from the first word on, where it is more than a few seconds; whichever stage holds
    up the other."""
    said = []
    while shop.waiting:
        shop.look()
        said += [(job, shop.now, wait) for job in shop.waiting if (wait := shop.estimates.wait(job) or 0) >= 10]
    assert len({job for job, *_ in said}) > len(shop.lengths) // 3
    assert len(wrong(shop, said)) < 0.03 * len(said)


def test_what_was_learnt_is_remembered():
    """A bot that has seen one rush knows at once how long the next one takes, hours later."""
    shop = Workshop(ALIKE)
    while shop.waiting:
        shop.look()
    shop.composed, shop.recorded = {}, {}
    shop.now += 7200
    shop.waiting = list(shop.lengths)
    shop.look()
    shop.look()
    said = [(job, shop.now, shop.estimates.wait(job) or 0.0) for job in shop.waiting]
    while shop.waiting:
        shop.look()
    assert len(said) > 40
    assert not wrong(shop, said)


def test_it_follows_a_change_of_speed():
    """As when somebody else begins to use the machine."""
    shop = Workshop(ALIKE * 5)
    for _ in range(60):
        shop.look()
    before = shop.estimates.wait(shop.waiting[-1])
    shop.composing, shop.recording = shop.composing / 4, shop.recording / 4
    for _ in range(120):
        shop.look()
    after, at, last = shop.estimates.wait(shop.waiting[-1]), shop.now, shop.waiting[-1]
    while shop.waiting:
        shop.look()
    assert before is not None
    assert after == pytest.approx(shop.begun[last] - at, rel=0.5)


def test_nothing_is_said_without_knowing():
    """No worker, no piece recorded yet, or a job that does not wait."""
    estimates = Estimates(dict.fromkeys("ab", Work.of(500)).get)
    assert estimates.wait("a") is None
    estimates.see(QueueSnapshot(["a", "b"], {}, 1.0))
    estimates.see(QueueSnapshot(["a", "b"], {}, 9.0))
    assert estimates.wait("a") is None
    shop = Workshop(ALIKE[:10], places=2)
    while len(shop.begun) < 4:
        shop.look()
        assert shop.estimates.wait("9") is None
    for _ in range(16):
        shop.look()
    assert shop.estimates.wait("9") is not None
    assert shop.estimates.wait("0") is None


def test_what_a_killed_worker_left_was_not_done():
    """Its jobs are back in the line; that they have gone from its hands says nothing about its speed."""
    shop = Workshop(ALIKE)
    while shop.now < 30:
        shop.look()
    before, jobs = shop.estimates.wait(shop.waiting[-1]), [*shop.composed, *shop.recorded]
    shop.estimates.see(QueueSnapshot([*jobs, *shop.waiting], {}, shop.now + 0.5))
    shop.estimates.see(QueueSnapshot(shop.waiting, dict.fromkeys(jobs, 0.0), shop.now + 1.0))
    after = shop.estimates.wait(shop.waiting[-1])
    assert before is not None
    assert after is not None
    assert after >= before - 1


def test_jobs_begin_as_places_become_free():
    """The longest of them does not hold up those that fit beside it; two that are composed share the machine."""
    waiting = [Work(5, 0), Work(30, 0), Work(2, 0)]
    assert begin_times(waiting, [Work(10, 0), Work(30, 0)], [], slots=2, most=4) == [20, 30, 60]


def test_recording_holds_up_what_waits():
    """With so many at work as a worker takes, the next begins when one is recorded, at half the speed while others are
    composed."""
    assert begin_times([Work(100, 5), Work(100, 5)], [Work(100, 5)], [4, 5], slots=3, most=3) == [4, 14]
    assert begin_times([Work(100, 5)], [], [4], slots=2, most=1) == [2]


def test_when_the_line_will_be_shorter():
    """Once the last of those that are too many has begun; nothing is said before anything was seen to move."""
    shop = Workshop(ALIKE)
    assert shop.estimates.eased(10) == 0
    shop.look()
    assert shop.estimates.eased(10) is None
    while shop.now < 20:
        shop.look()
    said, at = shop.estimates.eased(10), shop.now
    assert said == shop.estimates.wait(shop.waiting[-11])
    while len(shop.waiting) > 10:
        shop.look()
    assert said is not None
    assert (shop.now - at) / 2 <= said <= 2 * (shop.now - at)
