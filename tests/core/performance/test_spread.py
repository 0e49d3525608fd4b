"""core/performance/spread.py: times and velocities are anywhere within their bins, and are read as the same events."""

import io

import numpy as np
import pytest
from pretty_midi import PrettyMIDI

from core.performance import events
from core.performance.events import DURATION, END, KEY, PEDAL_DOWN, PEDAL_UP, SHIFT, VELOCITY
from core.performance.spread import EARLIEST_OFFSET, OFFSETS, spread
from tests.support.music import as_bytes


def music(count=400, seed=0):
    """Moments of chords, repeated notes and pedal, each value in the middle of its bin, with their end."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        if number % 7 == 0:
            rows.append((5, PEDAL_UP if number % 14 else PEDAL_DOWN, 0, 0))
        rows += [
            (0 if voice else 12, 20 + 11 * voice + number % 9, 66, int(generator.integers(1, 100)))
            for voice in range(3)
        ]
    return np.array([*rows, (0, END, 0, 0)], dtype=np.int32)


def read_again(moments, offsets):
    return events.read(PrettyMIDI(io.BytesIO(as_bytes(events.write(moments, offsets)))))


@pytest.mark.parametrize("take", [0, 1, 2**63])
def test_a_spread_piece_is_read_as_the_same_events(take):
    """Through a file: chords keep their order, every release its note, every velocity its bin."""
    wanted = events.playable(music())
    moments, offsets = spread(wanted, take)
    assert events.encode(moments).tolist() == events.encode(wanted).tolist()
    assert read_again(moments, offsets).tolist() == moments.tolist()


def test_a_spread_piece_does_not_show_the_grid():
    """Every velocity of a bin and every millisecond around the middle of a cell occurs about as often as the others."""
    moments, offsets = spread(events.playable(music()), take=3)
    velocities = np.bincount(moments[moments[:, VELOCITY] > 0, VELOCITY])
    assert np.flatnonzero(velocities).tolist() == [64, 65, 66, 67]
    assert velocities[64:].min() > 0.8 * velocities[64:].mean()
    for column in offsets.T:
        counts = np.bincount(column - EARLIEST_OFFSET)
        assert len(counts) == OFFSETS
        assert counts.min() > 0.6 * counts.mean()


def test_long_times_are_spread_within_their_bins():
    """A bin of 40 ms has four cells, of which each occurs."""
    moments = np.array([*[(130, 40, 66, 129)] * 100, (0, END, 0, 0)], dtype=np.int32)
    spread_moments, _ = spread(moments, take=1)
    assert set(spread_moments[:-1, SHIFT]) == {128, 129, 130, 131}
    assert set(spread_moments[:-1, DURATION]) == {128, 129, 130, 131}


def test_the_spread_belongs_to_the_take():
    """The same take spreads in the same way, and another one otherwise."""
    moments = events.playable(music())
    first, again, other = (np.concatenate(spread(moments, take), axis=1) for take in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_forced_events_keep_their_times():
    """Those of a seed are where the listener asked for them; nothing begins before the piece."""
    moments, offsets = spread(events.playable(music()), take=4, exact=6)
    assert not offsets[:6].any()
    assert offsets[6:].any()
    assert (10 * np.cumsum(moments[:, SHIFT]) + offsets[:, 0]).min() >= 0


def test_music_is_made_playable():
    """A key that is held is released before it is struck again; two strikes in a cell are one; the end is that of the
    last sound."""
    moments = np.array([(0, 40, 60, 50), (0, 40, 90, 10), (30, 40, 20, 0), (1, PEDAL_DOWN, 0, 0), (90, END, 0, 0)])
    wanted = [[0, 40, 90, 30], [30, 40, 20, 1], [1, PEDAL_DOWN, 0, 0], [0, END, 0, 0]]
    assert events.playable(moments).tolist() == wanted
    assert events.playable(moments)[:, KEY].tolist() == [40, 40, PEDAL_DOWN, END]
