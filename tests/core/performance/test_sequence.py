"""core/performance/sequence.py: where a piece ends, how its last notes ring out, and what is forced."""

import numpy as np

from core.performance.engine import CHUNK, FREE
from core.performance.events import DURATION, END, KEY, NO_DURATION, NO_VELOCITY, PEDAL_DOWN, PEDAL_UP, SHIFT, bins_of
from core.performance.guard import Trouble
from core.performance.sequence import EventSequence

NOTE = (39, 16, 30)
PEDAL = (NO_VELOCITY, NO_DURATION)


def decoded(*events, ends=None, cells=100, **options):
    sequence = EventSequence(cells=cells, take=0, **options)
    append(sequence, events, ends)
    return sequence


def append(sequence, events, ends=None):
    ends = np.zeros(len(events)) if ends is None else ends
    sequence.append(np.array(events, dtype=np.int32), np.array(ends, dtype=np.float32))


def test_a_piece_stops_where_the_network_ends_it():
    """At the first end that is drawn; notes ring until then."""
    sequence = decoded((5, *NOTE), (60, 50, 16, 5), (40, END, *PEDAL), (1, 50, 16, 30), ends=[0.0, 0.1, 0.1, 0.9])
    assert sequence.over
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
    assert sequence.over
    assert sequence.moments()[:, [SHIFT, KEY, DURATION]].tolist() == [
        [0, 39, 30],
        [90, 39, 14],
        [4, 39, 10],
        [10, END, 0],
    ]


def test_events_beyond_the_length_are_left_out():
    """A chunk may run on past the length, even to an end: the piece has nothing of it."""
    sequence = decoded((5, *NOTE), (85, *NOTE), (60, *NOTE), (10, END, *PEDAL))
    assert sequence.over
    assert sequence.moments()[:, [SHIFT, KEY, DURATION]].tolist() == [[0, 39, 30], [85, 39, 19], [19, END, 0]]


def test_a_primer_counts_for_nothing():
    """The length and the moments of a continuation begin after the primer's last event."""
    primer = np.array([(0, *NOTE), (100, 41, 16, 5)], dtype=np.int32)
    sequence = decoded(*primer.tolist(), (20, 50, 16, 5), (75, END, *PEDAL), cells=100, forced=primer, primed=True)
    assert sequence.over
    assert sequence.earliest_end == 100 + 92
    assert sequence.moments()[:, [SHIFT, KEY]].tolist() == [[20, 50], [75, END]]


def test_forced_events_come_first_and_the_rest_is_free():
    """A chunk that the seed does not fill has nothing forced behind it."""
    sequence = EventSequence(cells=100, take=0, forced=np.array([(0, *NOTE)] * 3, dtype=np.int32))
    forced = sequence.next_forced()
    assert forced.shape == (CHUNK, 4)
    assert (forced[:3] == (0, *NOTE)).all()
    assert (forced[3:] == FREE).all()


def test_a_continuation_without_music_is_in_trouble():
    """It has to begin within seconds, to have a note a second, and to last: of each the trouble is where it begins."""
    forced = np.array([(5, *NOTE), (50, 40, 16, 20)], dtype=np.int32)

    def continued(*events):
        return decoded(*forced.tolist(), *events, cells=1000, forced=forced, primed=True).trouble()

    half_a_second, silence, end = (int(bins_of(np.array(cells))) for cells in (95, 400, 500))
    played = [(half_a_second, 30 + 7 * number % 41, 16, 20) for number in range(10)]
    assert continued(*played, (30, END, *PEDAL)) is None
    assert continued((silence, *NOTE)) == Trouble("a silence before the first note", 2)
    assert continued(*played[:5], (end, END, *PEDAL)) == Trouble("next to no notes", 2)
    busy = [(20, *event[1:]) for event in played] * 2
    assert continued(*busy, (end, PEDAL_DOWN, *PEDAL), (end, *NOTE)) == Trouble("a silence before the end", 21)
    assert continued((end, END, *PEDAL)) == Trouble("a silence before the first note", 2)
