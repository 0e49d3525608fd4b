"""Another instrument, tempo and pitch, without composing again."""

import io

import pytest
from pretty_midi import ControlChange, Instrument, KeySignature, Note, PrettyMIDI

from core.options import INSTRUMENTS
from core.rendering.arrange import LEGATO_SECONDS, edit
from core.rendering.pedal import pedal_of, ringing
from core.request import Rendering
from tests.support.music import PEDAL, as_bytes, piano, scale


def notes(music: PrettyMIDI) -> list[tuple[int, float, float]]:
    return [(note.pitch, round(note.start, 6), round(note.end, 6)) for note in music.instruments[0].notes]


def test_the_usual_rendering_changes_nothing():
    """A grand piano as it was composed."""
    music = piano(Note(80, 60, 0.0, 1.0), pedal=[(0.5, 127), (1.0, 0)])
    before = as_bytes(music)
    edit(music, Rendering())
    assert as_bytes(music) == before


@pytest.mark.parametrize("tempo", [25, 80, 130, 400])
def test_tempo_moves_everything_alike(tempo: int):
    """Notes and pedal, to the tick: the file has the same ticks as before, and another tempo."""
    music = piano(Note(80, 60, 0.25, 1.0), Note(80, 62, 7.5, 9.0), pedal=[(0.0, 127), (8.0, 0)])
    music.instruments[0].control_changes.insert(0, ControlChange(7, 100, 0.0))  # the volume, at the pedal's own time
    edit(music, Rendering(tempo=tempo))
    read = PrettyMIDI(io.BytesIO(as_bytes(music)))
    longer = 100 / tempo
    [first, second], changes = read.instruments[0].notes, read.instruments[0].control_changes
    assert [first.start, first.end] == pytest.approx(
        [0.25 * longer, longer], rel=1e-5
    )  # the tempo is whole microseconds
    assert [second.start, second.end] == pytest.approx([7.5 * longer, 9 * longer], rel=1e-5)
    assert [(change.number, change.time) for change in changes[:2]] == [(7, 0), (PEDAL, 0)]
    assert changes[2].time == pytest.approx(8 * longer, rel=1e-5)
    assert read.get_tempo_changes()[1].tolist() == [pytest.approx(120 * tempo / 100, rel=1e-5)]


def test_transposed_notes_stay_on_the_keyboard():
    """A note that would leave it is played an octave nearer, and keeps its name."""
    music = piano(*(Note(80, pitch, 0.0, 1.0) for pitch in (21, 60, 96, 97, 108)))
    edit(music, Rendering(transpose=24))
    assert [note.pitch for note in music.instruments[0].notes] == [45, 84, 108, 97, 108]
    music = piano(*(Note(80, pitch, 0.0, 1.0) for pitch in (21, 33, 34, 45, 108)))
    edit(music, Rendering(transpose=-13))
    assert [note.pitch for note in music.instruments[0].notes] == [32, 32, 21, 32, 95]


def test_an_instrument_plays_all_but_the_drums():
    """Each part gets its program; drums have none, and no pitches to shift."""
    music = scale(seconds=1)
    music.instruments.append(Instrument(program=0, is_drum=True))
    music.instruments[1].notes.append(Note(80, 38, 0.0, 1.0))
    edit(music, Rendering("vibraphone", transpose=5))
    assert [part.program for part in music.instruments] == [INSTRUMENTS["vibraphone"], 0]
    assert music.instruments[1].notes[0].pitch == 38


def test_an_organ_is_played_legato():
    """An organ has no pedal: a finger holds for a while what the pedal held, but not beyond it or the next stroke."""
    strokes = [Note(80, 60, 0.0, 0.1), Note(80, 62, 0.0, 0.1), Note(80, 62, 0.3, 0.4), Note(80, 64, 1.8, 1.9)]
    music = piano(*strokes, pedal=[(0.0, 127), (2.0, 0)])
    edit(music, Rendering("church organ"))
    assert sorted(notes(music)) == [
        (60, 0, 0.1 + LEGATO_SECONDS),
        (62, 0, 0.3),
        (62, 0.3, 0.4 + LEGATO_SECONDS),
        (64, 1.8, 2.0),
    ]
    assert music.instruments[0].control_changes == []


def test_a_pedal_that_stays_down_is_down_until_the_end():
    """Half pressed counts as down, and repeated values are one."""
    music = piano(Note(80, 60, 0.0, 5.0), pedal=[(1.0, 64), (1.5, 127), (2.0, 63), (3.0, 127)])
    assert pedal_of(music) == [(1.0, 2.0), (3.0, 5.0)]
    assert ringing([Note(80, 60, 0.0, 1.5)], pedal_of(music), longest=9.0) == [2.0]


def test_two_hands_are_edited_as_one_piano():
    """Their keys, their pedal and the signature: what one hand holds, the other cannot strike, on an organ either."""
    music = piano(Note(80, 60, 0.0, 1.0), pedal=((0.0, 127), (3.0, 0)))
    music.instruments.append(piano(Note(80, 60, 1.2, 2.0)).instruments[0])
    music.key_signature_changes.append(KeySignature(12 + 9, 0.0))  # A minor
    edit(music, Rendering("church organ", transpose=5))
    assert notes(music) == [(65, 0.0, 1.2), (65, 1.2, 2.5)]
    assert [signature.key_number for signature in music.key_signature_changes] == [12 + 2]
