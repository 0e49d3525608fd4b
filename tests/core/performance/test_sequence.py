import numpy as np
import pytest

from core.performance.engine import CHUNK, FREE
from core.performance.events import DURATION, END, KEY, NO_DURATION, NO_VELOCITY, PEDAL_DOWN, PEDAL_UP, SHIFT
from core.performance.sequence import KEPT_STATES, STRETCH, TRIES_AT_A_PLACE, WARMER, EventSequence

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


def decode_on(sequence, events):
    """As a batch does it: chunk by chunk, with a state to keep now and then, here the number of events before it."""
    for first in range(0, len(events), CHUNK):
        if (state := sequence.resumed_state()) is not None:
            assert state == len(sequence.events)
        if sequence.keeps_state:
            sequence.keep(len(sequence.events))
        append(sequence, events[first : first + CHUNK])


LOOP = [(10, 40, 16, 5)] * CHUNK


def test_a_loop_is_left_by_going_back_to_before_it():
    """The sequence goes on from the last state that it kept far enough before it, with the next sub-take, and the
    progress does not fall."""
    sequence = EventSequence(cells=6000, take=0)
    decode_on(sequence, [*music(4 * STRETCH), *LOOP])
    assert not sequence.done
    assert sequence.sub_take == 1
    np.testing.assert_array_equal(sequence.events, music(3 * STRETCH))
    assert sequence.resumed_state() == 3 * STRETCH
    assert sequence.share == pytest.approx((4 * STRETCH + CHUNK - 1) * 10 / 6000)


def test_a_loop_at_the_beginning_is_left_by_beginning_anew():
    """There is no state to go on from before the first stretch."""
    sequence = EventSequence(cells=6000, take=0)
    decode_on(sequence, LOOP)
    assert sequence.sub_take == 1
    assert len(sequence.events) == 0
    assert sequence.resumed_state() is None


def test_a_piece_goes_on_after_a_loop():
    """Where the new events are music, they stay."""
    sequence = EventSequence(cells=6000, take=0)
    decode_on(sequence, [*music(4 * STRETCH), *LOOP])
    decode_on(sequence, music(2 * STRETCH, seed=1))
    assert len(sequence.events) == 5 * STRETCH
    assert sequence.sub_take == 1
    assert sequence.gave_up is None


def test_the_kept_states_are_the_last_ones():
    """However long a piece is, it holds on to a few; the last is that before the next chunk."""
    sequence = EventSequence(cells=60_000, take=0)
    decode_on(sequence, music(12 * STRETCH))
    assert list(sequence._kept) == [STRETCH * number for number in range(12 - KEPT_STATES, 12)]


def test_a_piece_that_stays_stuck_ends_where_its_music_ends():
    """After some tries at the same place, each from as far back or further and a little warmer; it says why."""
    sequence, kept, temperatures = EventSequence(cells=6000, take=0), [], []
    decode_on(sequence, [*music(4 * STRETCH), *LOOP])
    for _ in range(TRIES_AT_A_PLACE):
        assert not sequence.done
        kept.append(len(sequence.events))
        temperatures.append(sequence.next_temperature)
        decode_on(sequence, [*music(4 * STRETCH)[kept[-1] :], *LOOP])
    assert sequence.done
    assert sequence.gave_up == "stuck on a note"
    assert kept == [3 * STRETCH] * 2 + [2 * STRETCH] * 3 + [STRETCH]
    assert temperatures[:2] == pytest.approx([1 + WARMER, 1 + 2 * WARMER])
    assert 4 * STRETCH - 10 <= len(sequence.moments()) - 1 <= 4 * STRETCH + 10


def test_forced_events_are_kept():
    """What a listener asked for is forced again after going back, and is no trouble."""
    forced = np.array([(10, 41, 16, 5)] * 100, dtype=np.int32)
    sequence = EventSequence(cells=6000, take=0, forced=forced)
    decode_on(sequence, [*forced.tolist(), *music(28), *LOOP])
    assert sequence.sub_take == 1
    np.testing.assert_array_equal(sequence.next_forced(), forced[:CHUNK])


def test_forced_events_come_first_and_the_rest_is_free():
    """A chunk that the seed does not fill has nothing forced behind it."""
    sequence = EventSequence(cells=100, take=0, forced=np.array([(0, *NOTE)] * 3, dtype=np.int32))
    forced = sequence.next_forced()
    assert forced.shape == (CHUNK, 4)
    assert (forced[:3] == (0, *NOTE)).all()
    assert (forced[3:] == FREE).all()
