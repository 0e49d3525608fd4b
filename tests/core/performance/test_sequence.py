import numpy as np
import pytest

from core.performance.engine import CHUNK, FREE
from core.performance.events import DURATION, END, KEY, NO_DURATION, NO_VELOCITY, PEDAL_DOWN, PEDAL_UP, SHIFT
from core.performance.sequence import TRIES_AT_A_PLACE, WARMER, EventSequence

NOTE = (39, 16, 30)
PEDAL = (NO_VELOCITY, NO_DURATION)


def decoded(*events, ends=None, cells=100, **options):
    sequence = EventSequence(cells=cells, take=0, **options)
    append(sequence, events, ends)
    return sequence


def append(sequence, events, ends=None):
    ends = np.zeros(len(events)) if ends is None else ends
    sequence.append(np.array(events, dtype=np.int32), np.array(ends, dtype=np.float32))


def music(count, seed=0):
    """A note every 100 ms, anywhere."""
    return [(10, int(key), 16, 5) for key in np.random.default_rng(seed).integers(0, 88, count)]


def test_a_piece_stops_where_the_network_ends_it():
    """At the first end that is drawn; notes ring until then."""
    sequence = decoded((5, *NOTE), (60, 50, 16, 5), (40, END, *PEDAL), (1, 50, 16, 30), ends=[0.0, 0.1, 0.1, 0.9])
    assert sequence.done
    assert sequence.moments()[:, [SHIFT, KEY, DURATION]].tolist() == [[0, 39, 30], [60, 50, 40], [40, END, 0]]


def test_a_pedal_that_is_down_at_the_end_holds_the_last_chord():
    """Its keys are released as they were drawn, and the pedal comes up at the end."""
    events = [(5, *NOTE), (55, PEDAL_DOWN, *PEDAL), (5, 50, 16, 5), (38, END, *PEDAL)]
    wanted = [[0, 39, 30], [55, PEDAL_DOWN, 0], [5, 50, 5], [38, PEDAL_UP, 0], [0, END, 0]]
    assert decoded(*events).moments()[:, [SHIFT, KEY, DURATION]].tolist() == wanted


def test_nothing_silent_comes_before_the_end():
    """Where all sound has stopped before the end that the network chose, the last chord is held until then, and a pedal
    that moves in silence does not."""
    silent = [(20, PEDAL_DOWN, *PEDAL), (5, PEDAL_UP, *PEDAL), (5, END, *PEDAL)]
    wanted = [[0, 39, 30], [65, 50, 30], [30, END, 0]]
    assert decoded((5, *NOTE), (65, 50, 16, 5), *silent).moments()[:, [SHIFT, KEY, DURATION]].tolist() == wanted


def test_a_piece_without_an_end_stops_where_one_is_likeliest():
    """Of the events where it may end, the piece ends in the place of that before which the end is likeliest; its last
    chord is held, as far as there is time."""
    sequence = decoded((5, *NOTE), (90, *NOTE), (4, *NOTE), (2, *NOTE), (9, *NOTE), ends=[0.9, 0.1, 0.2, 0.8, 0.9])
    assert sequence.done
    assert sequence.moments()[:, [SHIFT, KEY, DURATION]].tolist() == [
        [0, 39, 30],
        [90, 39, 14],
        [4, 39, 10],
        [10, END, 0],
    ]


def test_events_beyond_the_length_are_left_out():
    """A chunk may run on past the length, even to an end: the piece has nothing of it."""
    sequence = decoded((5, *NOTE), (85, *NOTE), (60, *NOTE), (10, END, *PEDAL))
    assert sequence.done
    assert sequence.moments()[:, [SHIFT, KEY, DURATION]].tolist() == [[0, 39, 30], [85, 39, 19], [19, END, 0]]


def test_a_primer_counts_for_nothing():
    """The length and the moments of a continuation begin after the primer's last event."""
    primer = np.array([(0, *NOTE), (100, 41, 16, 5)], dtype=np.int32)
    sequence = decoded(*primer.tolist(), (20, 50, 16, 5), (75, END, *PEDAL), cells=100, forced=primer, primed=True)
    assert sequence.done
    assert sequence.earliest_end == 100 + 92
    assert sequence.moments()[:, [SHIFT, KEY]].tolist() == [[20, 50], [75, END]]


def test_a_loop_is_left_by_going_back_to_before_it():
    """The events before it are forced again from the beginning, with the next sub-take, and the progress does not
    fall."""
    sequence = decoded(*music(128), cells=6000)
    append(sequence, [(10, 40, 16, 5)] * 2 * CHUNK)
    assert not sequence.done
    assert len(sequence.events) == 0
    assert sequence.sub_take == 1
    assert sequence.share == pytest.approx((2 * 128 - 1) * 10 / 6000)
    kept = len(sequence.prefix)
    assert 64 <= kept < 128
    np.testing.assert_array_equal(sequence.prefix, music(128)[:kept])
    np.testing.assert_array_equal(sequence.next_forced(), music(128)[:CHUNK])


def test_a_piece_goes_on_after_a_loop():
    """Where the new events are music, they stay."""
    sequence = decoded(*music(128), *[(10, 40, 16, 5)] * CHUNK * 2, cells=6000)
    kept = len(sequence.prefix)
    append(sequence, [*music(128)[:kept], *music(240 - kept, seed=1)])
    assert len(sequence.events) == 240
    assert sequence.sub_take == 1
    assert sequence.gave_up is None


def test_a_piece_that_stays_stuck_ends_where_its_music_ends():
    """After some tries at the same place, each from further back and a little warmer; it says why."""
    sequence, kept, temperatures = EventSequence(cells=6000, take=0), [], []
    for _ in range(TRIES_AT_A_PLACE + 1):
        assert not sequence.done
        append(sequence, [*music(400), *[(10, 40, 16, 5)] * 2 * CHUNK])
        kept.append(len(sequence.prefix))
        temperatures.append(sequence.next_temperature)
    assert sequence.done
    assert sequence.gave_up == "stuck on a note"
    assert kept[:TRIES_AT_A_PLACE] == sorted(kept[:TRIES_AT_A_PLACE], reverse=True)
    assert temperatures[:2] == pytest.approx([1 + WARMER, 1 + 2 * WARMER])
    assert 390 <= len(sequence.moments()) - 1 <= 410


def test_forced_events_are_kept():
    """Going back stops at the events that a listener asked for, and those are no trouble."""
    forced = np.array([(10, 40, 16, 5)] * 100, dtype=np.int32)
    sequence = decoded(*forced.tolist(), *music(28), cells=6000, forced=forced)
    assert len(sequence.events) == 128
    append(sequence, [(10, 41, 16, 5)] * 2 * CHUNK)
    assert len(sequence.prefix) == 100


def test_forced_events_come_first_and_the_rest_is_free():
    """A chunk that the seed does not fill has nothing forced behind it."""
    sequence = EventSequence(cells=100, take=0, forced=np.array([(0, *NOTE)] * 3, dtype=np.int32))
    forced = sequence.next_forced()
    assert forced.shape == (CHUNK, 4)
    assert (forced[:3] == (0, *NOTE)).all()
    assert (forced[3:] == FREE).all()
