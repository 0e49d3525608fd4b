"""core/performance/events.py: piano playing becomes events, and events become the same playing again."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pretty_midi import ControlChange, Instrument, Note, PrettyMIDI

from core.performance import events
from core.performance.events import DURATION, END, KEY, PEDAL_DOWN, PEDAL_UP, PITCHES, SHIFT, VELOCITY


def piano(*notes, pedal=()):
    instrument = Instrument(program=0)
    instrument.notes = list(notes)
    instrument.control_changes = [ControlChange(64, value, time) for time, value in pedal]
    midi = PrettyMIDI()
    midi.instruments.append(instrument)
    return midi


def contents(midi):
    """What can be heard: notes and pedal of the only instrument, times in cells."""
    (instrument,) = midi.instruments
    notes = [(events.cell_of(n.start), n.pitch, n.velocity, events.cell_of(n.end)) for n in instrument.notes]
    pedal = [(events.cell_of(c.time), c.value >= 64) for c in instrument.control_changes if c.number == 64]
    return sorted(notes), pedal


def through_a_file(midi):
    file = io.BytesIO()
    midi.write(file)
    return PrettyMIDI(io.BytesIO(file.getvalue()))


def round_trip(midi):
    return events.write(events.decode(events.encode(events.read(midi))))


def test_events_survive_the_round_trip():
    """Notes on the 10 ms grid, velocities on the 32 bins: PrettyMIDI -> events -> PrettyMIDI changes nothing."""
    midi = piano(
        Note(velocity=66, pitch=60, start=0.0, end=0.5),
        Note(velocity=94, pitch=64, start=0.25, end=1.5),
        pedal=[(0.1, 127), (0.4, 0)],
    )
    assert contents(round_trip(midi)) == contents(midi)


def test_a_piece_as_events():
    """Each event has its shift since the one before, its key, velocity and duration; the end closes the piece."""
    midi = piano(Note(velocity=66, pitch=21, start=0.5, end=0.6), pedal=[(0.7, 64), (0.9, 63)])
    assert events.read(midi).tolist() == [
        [50, 0, 66, 10],
        [20, PEDAL_DOWN, 0, 0],
        [20, PEDAL_UP, 0, 0],
        [0, END, 0, 0],
    ]


EVENT = st.one_of(
    st.tuples(
        st.integers(0, events.TIME_BINS - 2),
        st.integers(0, PITCHES - 1),
        st.integers(0, events.VELOCITIES - 1),
        st.integers(1, events.TIME_BINS - 2),
    ),
    st.tuples(
        st.integers(0, events.TIME_BINS - 2),
        st.sampled_from([PEDAL_UP, PEDAL_DOWN]),
        st.just(events.NO_VELOCITY),
        st.just(events.NO_DURATION),
    ),
)


def playable_events(piece):
    """Those of the events that a piano can play one after another: keys are free when struck, a cell's events are in
    order, the pedal moves up and down by turns."""
    kept, released, onset, last, down = [], {}, 0, None, False
    for shift, key, velocity, duration in piece:
        begins = onset + int(events.BIN_CELLS[shift])
        rank = key if key < PITCHES else key - events.KEYS
        if last is not None and begins == onset and rank <= last:
            continue
        if key < PITCHES:
            if released.get(key, 0) > begins:
                continue
            released[key] = begins + int(events.BIN_CELLS[duration])
        elif down == (key == PEDAL_DOWN) or (begins == onset and last == PEDAL_DOWN - events.KEYS):
            continue
        else:
            down = key == PEDAL_DOWN
        kept.append((shift, key, velocity, duration))
        onset, last = begins, rank
    return np.array(kept, dtype=np.int16).reshape(-1, 4)


@given(st.lists(EVENT, max_size=40))
def test_what_can_be_played_is_written_and_read_unchanged(piece):
    """Any playable events -> PrettyMIDI -> a file -> PrettyMIDI -> events: nothing changes but the end, which is found
    anew."""
    played = playable_events(piece)
    again = events.encode(events.read(through_a_file(events.write(events.decode(played)))))
    if (played[:, KEY] < PITCHES).any():
        assert again[:-1].tolist() == played.tolist()
        assert again[-1, KEY] == END
    else:
        assert len(again) == 0


def test_onsets_are_rounded_as_absolute_times():
    """A hundred shifts of 14 ms come to 1.4 s, though each alone would round to 10 ms."""
    midi = piano(*(Note(velocity=66, pitch=60, start=0.014 * n, end=0.014 * n + 0.01) for n in range(101)))
    assert events.read(midi)[:-1, SHIFT].sum() == 140


def test_every_note_is_kept():
    """Notes that repeat, overlap on one key or share a cell are events of their own; those off the piano are not."""
    midi = piano(
        Note(velocity=66, pitch=60, start=0.0, end=1.0),
        Note(velocity=66, pitch=60, start=0.5, end=2.0),
        Note(velocity=90, pitch=60, start=0.501, end=0.502),
        Note(velocity=66, pitch=109, start=0.0, end=1.0),
    )
    assert events.read(midi)[:-1, [SHIFT, DURATION]].tolist() == [[0, 100], [50, 150], [0, 0]]


def test_a_key_is_released_before_it_is_struck_again():
    """Of two overlapping notes on a key the first ends where the second begins; two in one cell are one."""
    overlapping = np.array([[0, 39, 64, 100], [50, 39, 80, 150], [0, 39, 90, 0], [150, END, 0, 0]])
    assert contents(through_a_file(events.write(overlapping)))[0] == [(0, 60, 64, 50), (50, 60, 90, 200)]


def test_the_pedal_is_counted_by_its_changes_of_state():
    """Values on one side of 64 are one state; within a cell, up and down again is both, down and up neither."""
    note = Note(velocity=66, pitch=60, start=0.0, end=1.0)
    half = piano(note, pedal=[(0.1, 70), (0.2, 127), (0.3, 20), (0.4, 0)])
    assert events.read(half)[1:-1, KEY].tolist() == [PEDAL_DOWN, PEDAL_UP]
    changed = piano(note, pedal=[(0.1, 127), (0.3, 0), (0.302, 127)])
    assert events.read(changed)[1:-1, KEY].tolist() == [PEDAL_DOWN, PEDAL_UP, PEDAL_DOWN]
    brushed = piano(note, pedal=[(0.3, 127), (0.302, 0)])
    assert events.read(brushed)[1:-1, KEY].tolist() == []


def test_several_tracks_are_one_piano():
    """The notes of all instruments but drums come in one order."""
    midi = piano(Note(velocity=66, pitch=60, start=0.0, end=0.5))
    midi.instruments.append(piano(Note(velocity=66, pitch=50, start=0.0, end=0.5)).instruments[0])
    midi.instruments.append(Instrument(program=0, is_drum=True))
    midi.instruments[-1].notes = [Note(velocity=66, pitch=40, start=0.0, end=0.5)]
    assert events.read(midi)[:, KEY].tolist() == [50 - 21, 60 - 21, END]


@pytest.mark.parametrize("cells", [0, 1, 127, 128, 255, 256, 511, 512, 799, 800, 10_000])
def test_bins_of_time_tile_the_cells(cells):
    """Every cell lies in the bin that begins at or before it and ends after it; the last bin has no end."""
    index = int(events.bins_of(np.array(cells)))
    assert events.TIME_EDGES[index] <= cells
    assert index == events.TIME_BINS - 1 or cells < events.TIME_EDGES[index + 1]


def test_music_without_notes_has_no_events():
    """Neither an empty file nor the pedal alone makes a piece."""
    assert len(events.read(PrettyMIDI())) == 0
    assert len(events.read(piano(pedal=[(0.0, 127)]))) == 0


def test_velocity_bins_hold_four_velocities():
    """Velocities 64 to 67 share the bin whose middle is 66."""
    moments = np.array([[0, 39, velocity, 10] for velocity in (64, 67, 68)])
    assert events.decode(events.encode(moments))[:, VELOCITY].tolist() == [66, 66, 70]
