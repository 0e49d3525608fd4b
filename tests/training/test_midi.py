"""training/midi.py: the pedal of files that keep it in a track of its own."""

import mido
import numpy as np
import pytest
from pretty_midi import Note

import training.midi
from core.errors import BadData
from core.performance.events import PEDAL_DOWN, PEDAL_UP, PITCHES, read
from tests.support.music import piano
from training.midi import read_midi


def track(*messages):
    """(tick, message) in order become a track, whose times count from message to message."""
    made, now = mido.MidiTrack(), 0
    for tick, message in messages:
        made.append(message.copy(time=tick - now))
        now = tick
    return made


def note(tick, pitch=60, channel=0):
    return [
        (tick, mido.Message("note_on", note=pitch, velocity=64, channel=channel)),
        (tick + 480, mido.Message("note_on", note=pitch, velocity=0, channel=channel)),
    ]


def pedal(tick, value, channel=0):
    return tick, mido.Message("control_change", control=64, value=value, channel=channel)


def moves(path, *tracks):
    """What is read of a file of these tracks, 480 ticks in half a second: (cell, PEDAL_UP or PEDAL_DOWN)."""
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks += [track(), *(track(*messages) for messages in tracks)]
    file.save(str(path))
    moments = read(read_midi(path))
    cells = moments[:, 0].cumsum()
    return [
        (int(cell), int(key)) for cell, key in zip(cells, moments[:, 1], strict=True) if PITCHES <= key <= PEDAL_DOWN
    ]


@pytest.mark.parametrize("channel", [0, 3], ids=["the notes' channel", "a channel without notes"])
def test_a_pedal_in_a_track_of_its_own_is_read(tmp_path, channel):
    """At its times, tempo included."""
    found = moves(tmp_path / "a.mid", note(0), note(960), [pedal(480, 127, channel), pedal(960, 0, channel)])
    assert found == [(50, PEDAL_DOWN), (100, PEDAL_UP)]


def test_a_pedal_among_notes_is_read_once(tmp_path):
    """Whatever other tracks there are."""
    found = moves(tmp_path / "a.mid", [*note(0), pedal(480, 127), pedal(960, 0)], note(0, pitch=72))
    assert found == [(50, PEDAL_DOWN), (100, PEDAL_UP)]


def test_a_pedal_before_the_first_note_of_its_track_is_read_once(tmp_path):
    """pretty_midi keeps that one by itself."""
    found = moves(tmp_path / "a.mid", [pedal(0, 127), *note(480), pedal(960, 0)])
    assert found == [(0, PEDAL_DOWN), (100, PEDAL_UP)]


def test_drums_have_no_pedal(tmp_path):
    """What stands on their channel is none of the piano's."""
    assert moves(tmp_path / "a.mid", note(0), [pedal(480, 127, channel=9)]) == []


def test_without_notes_there_is_no_piano(tmp_path):
    """Nor anything that a pedal could hold."""
    assert moves(tmp_path / "a.mid", [pedal(480, 127)]) == []


def test_a_lost_note_is_an_error(tmp_path, monkeypatch):
    """A file of which the events would keep fewer notes cannot be measured."""
    piano(Note(66, 60, 0, 1), Note(66, 64, 0, 1)).write(str(tmp_path / "a.mid"))
    assert training.midi.notes_in(training.midi.read_moments(tmp_path / "a.mid")) == 2
    monkeypatch.setattr(training.midi, "read", lambda midi: np.zeros((0, 4), dtype=np.int32))
    with pytest.raises(BadData, match="has 2 notes, of which the events keep 0"):
        training.midi.read_moments(tmp_path / "a.mid")
