"""Estimates of the wait, against queues whose speed is known."""

import pytest

from bot.estimates import Estimates, begin_in, rounded
from core.queue.jobs import COMPOSED, Line


class Workshop:
    """`places` jobs at a time share `speed` steps a second; a look at its line every half second, as the bot has."""

    def __init__(self, lengths: list[int], places: int, speed: float) -> None:
        self.lengths = {str(number): length for number, length in enumerate(lengths)}
        self.waiting, self.places, self.speed, self.now = list(self.lengths), places, speed, 0.0
        self.done: dict[str, float] = {}
        self.begun: dict[str, float] = {}
        self.estimates = Estimates(self.lengths.get)

    def tick(self, seconds: float = 0.5) -> None:
        for job in list(self.done):
            self.done[job] += seconds * self.speed / len(self.done)
            if self.done[job] >= self.lengths[job]:
                del self.done[job]
        while self.waiting and len(self.done) < self.places:
            job = self.waiting.pop(0)
            self.done[job], self.begun[job] = 0.0, self.now
        shares = {job: COMPOSED * steps / self.lengths[job] for job, steps in self.done.items()}
        self.now += seconds
        self.estimates.see(Line(list(self.waiting), shares, self.now))


@pytest.mark.parametrize(
    ("lengths", "places", "speed"),
    [
        ([500] * 50, 16, 600.0),
        ([500] * 12, 1, 250.0),
        ([3000, 100, 100, 500, 25, 1500, 500, 500, 3000, 500, 200, 900] * 4, 8, 400.0),
    ],
)
def test_the_wait_is_right_within_a_factor_of_two(lengths: list[int], places: int, speed: float):
    """From two seconds on, for everybody who waits more than a moment."""
    shop = Workshop(lengths, places, speed)
    said: dict[str, tuple[float, float]] = {}
    while shop.waiting:
        shop.tick()
        for job in shop.waiting:
            if shop.now > 2 and (wait := shop.estimates.wait(job)) is not None:
                said.setdefault(job, (shop.now, wait))
    assert len(said) > len(lengths) // 3
    for job, (at, wait) in said.items():
        waited = shop.begun[job] - at
        assert waited / 2 - 1 <= wait <= 2 * waited + 1, (job, at, wait, waited)


def test_it_follows_a_change_of_speed():
    """As when somebody else begins to use the machine."""
    shop = Workshop([500] * 100, 8, 600.0)
    for _ in range(60):
        shop.tick()
    before = shop.estimates.wait(shop.waiting[-1])
    shop.speed = 150.0
    for _ in range(120):
        shop.tick()
    after = shop.estimates.wait(shop.waiting[-1])
    left = sum(shop.lengths[job] for job in shop.waiting[:-1])
    assert before is not None and after == pytest.approx(left / 150, rel=0.5)


def test_nothing_is_said_without_knowing():
    """No worker, nothing seen yet, or a job that does not wait."""
    estimates = Estimates({"a": 500, "b": 500}.get)
    assert estimates.wait("a") is None
    estimates.see(Line(["a", "b"], {}, 1.0))
    estimates.see(Line(["a", "b"], {}, 9.0))
    assert estimates.wait("a") is None
    shop = Workshop([500] * 4, 2, 100.0)
    shop.tick()
    assert shop.estimates.wait("3") is None
    for _ in range(4):
        shop.tick()
    assert shop.estimates.wait("3") is not None and shop.estimates.wait("0") is None


def test_jobs_begin_as_places_become_free():
    """The longest of them does not hold up those that fit beside it."""
    assert begin_in([50, 300, 25], [100, 300], 10) == [20, 30, 60]


def test_when_the_line_will_be_shorter():
    """Once the last of those that are too many has begun; nothing is said before anything was seen to move."""
    shop = Workshop([500] * 40, 4, 500.0)
    assert shop.estimates.eased(10) == 0
    shop.tick()
    assert shop.estimates.eased(10) is None
    while shop.now < 4:
        shop.tick()
    said, at = shop.estimates.eased(10), shop.now
    assert said == shop.estimates.wait(shop.waiting[-11])
    while len(shop.waiting) > 10:
        shop.tick()
    assert said is not None and (shop.now - at) / 2 <= said <= 2 * (shop.now - at)


@pytest.mark.parametrize(("seconds", "said"), [(0.2, 1), (7.4, 8), (17, 20), (58, 60), (61, 90), (301, 360)])
def test_times_are_rounded(seconds: float, said: int):
    """Up, to what people say."""
    assert rounded(seconds) == said
