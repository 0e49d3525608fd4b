"""training/endings.py: how pieces end, and what tires a listener."""

import numpy as np
import pytest

from core.performance.events import END
from training import endings


def piece(*rows, end):
    """(onset in ms, key, velocity, duration), and when it ends."""
    moments = np.array([*rows, (end, END, 0, 0)], dtype=np.int32)
    moments[:, 0] = np.diff(moments[:, 0], prepend=0)
    return moments


def at(onsets, keys=(40,), duration=100):
    """A piece with a note at each of these ms, the keys in turn."""
    rows = [(int(onset), keys[number % len(keys)], 64, duration) for number, onset in enumerate(onsets)]
    return piece(*rows, end=int(onsets[-1]) + duration)


def test_the_last_ten_seconds_in_three_keys():
    """Of 50 notes in the last 10 s half are on three keys; the seconds before do not count."""
    before = [(200 * number, 20, 64, 100) for number in range(100)]
    last = [(20_000 + 200 * number, number % 3 if number < 25 else number, 64, 100) for number in range(50)]
    assert endings.last_notes_in_few_keys(piece(*before, *last, end=31_000)) == pytest.approx(0.5)


def test_the_longest_silence():
    """Is from onset to onset, whatever is held meanwhile."""
    assert endings.longest_silence(at(np.array([0, 500, 4000, 4100]), duration=9000)) == pytest.approx(3.5)


def test_patterns_that_return_late():
    """Twelve notes that come back after 600, in another key, are seven patterns; what comes back sooner is none."""
    generator = np.random.default_rng(0)
    keys = generator.integers(20, 60, 612)
    keys[600:] = keys[:12] + 3
    assert endings.returns(at(np.arange(612) * 100, keys)) == pytest.approx(7 / 607, abs=1e-3)
    keys[600:] = keys[300:312]
    assert endings.returns(at(np.arange(612) * 100, keys)) == 0
    assert endings.returns(at(np.arange(500) * 100, keys)) is None


def test_the_figures_of_a_set():
    """Shares and medians over pieces; none where no piece is long enough."""
    held, cut_off = at(np.arange(60) * 200, range(30, 70), 900), at(np.arange(60) * 200, (40, 41), 20)
    figures = endings.ends([held, cut_off])
    assert figures["last_chord_sounds"] == 0.5
    assert figures["stuck_at_the_end"] == 0.5
    assert figures["slows_down"] == 0
    assert endings.courses([held, cut_off])["returns_mean"] is None
