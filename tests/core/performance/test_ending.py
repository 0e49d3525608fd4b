"""core/performance/ending.py: how long the last chord sounds, and whether a piece slows down at its end."""

import numpy as np
import pytest

from core.performance.ending import last_chord_seconds, last_steps_slower
from core.performance.events import END, PEDAL_DOWN, PEDAL_UP


def piece(*rows, end):
    """(onset in cells of 10 ms, key, velocity, duration), and when it ends."""
    moments = np.array([*rows, (end, END, 0, 0)], dtype=np.int32)
    moments[:, 0] = np.diff(moments[:, 0], prepend=0)
    return moments


def at(onsets):
    """A piece with a note at each of these cells."""
    return piece(*((int(onset), 40, 64, 10) for onset in onsets), end=int(onsets[-1]) + 10)


def test_the_keys_hold_the_last_chord():
    """The longest of its keys counts; the chord may be rolled, and what was struck before it is none of it."""
    last = piece((0, 30, 64, 900), (100, 40, 64, 70), (106, 44, 64, 20), (109, 47, 64, 30), end=900)
    assert last_chord_seconds(last) == pytest.approx(0.61)


def test_the_pedal_holds_the_last_chord():
    """From before the keys are released until it is lifted, or else until the piece's end."""
    struck = [(0, PEDAL_DOWN, 0, 0), (100, 40, 64, 10)]
    assert last_chord_seconds(piece(*struck, (300, PEDAL_UP, 0, 0), end=400)) == pytest.approx(2)
    assert last_chord_seconds(piece(*struck, end=150)) == pytest.approx(0.5)


def test_a_pedal_after_the_release_holds_nothing():
    """The keys are up when it comes down."""
    late = piece((100, 40, 64, 10), (120, PEDAL_DOWN, 0, 0), (300, PEDAL_UP, 0, 0), end=300)
    assert last_chord_seconds(late) == pytest.approx(0.1)


def test_the_last_steps_are_compared_with_those_before():
    """Eight steps of twice the length are slower by 2; chords count as one; a piece of few steps says nothing."""
    steady = np.arange(40) * 20
    slowing = np.concatenate([steady, steady[-1] + np.arange(1, 9) * 40])
    assert last_steps_slower(at(slowing)) == pytest.approx(2)
    assert last_steps_slower(at(np.sort(np.concatenate([slowing, slowing + 1])))) == pytest.approx(2)
    assert last_steps_slower(at(steady[:30])) is None


def test_the_unit_of_time_is_said():
    """The same music in units of 1 ms has the same end."""
    cells = piece(*((20 * number, 40, 64, 50) for number in range(60)), end=1230)
    fine = cells * [10, 1, 1, 10]
    assert last_chord_seconds(fine, unit=0.001) == pytest.approx(last_chord_seconds(cells))
    assert last_steps_slower(fine, unit=0.001) == pytest.approx(1)
