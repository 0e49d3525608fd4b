"""Repeated presses, by the times that Discord notes."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from bot.delivery.presses import SAME_WISH_SECONDS, Presses

NOON = 1_800_000_000.0


def press(at: float, user: int = 1, button: str = "piece:take:abcd2345") -> Any:
    created_at = datetime.fromtimestamp(NOON + at, UTC)
    return SimpleNamespace(user=SimpleNamespace(id=user), data={"custom_id": button}, created_at=created_at)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (press(0.0), True),
        (press(SAME_WISH_SECONDS - 0.1), True),
        (press(SAME_WISH_SECONDS), False),
        (press(1.0, user=2), False),
        (press(1.0, button="piece:vary:abcd2345"), False),
    ],
)
def test_a_second_press_within_moments_is_the_same_wish(other: Any, same: bool):
    """By the same listener, of the same button."""
    presses = Presses()
    assert not presses.repeats(press(0.0))
    assert presses.repeats(other) is same


def test_who_goes_on_pressing_gets_a_piece_each_time_that_it_is_time():
    """The time counts from the press that was taken for a wish, not from the last one."""
    presses = Presses()
    taken = [at for at in range(10) if not presses.repeats(press(float(at)))]
    assert taken == [0, 3, 6, 9]


def test_a_press_of_which_nothing_came_does_not_count():
    """The next one is a wish again."""
    presses = Presses()
    assert not presses.repeats(press(0.0))
    presses.forget(press(0.0))
    assert not presses.repeats(press(1.0))
