"""core/article/frames.py: MIDI to the article's words and back."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pretty_midi import ControlChange, Instrument, Note, PrettyMIDI

from core.article.frames import grid_of, midi_of, piano_roll, pitches_of, roll_of, word_of, words_of

words = st.lists(st.sets(st.integers(21, 108), max_size=6).map(lambda pitches: word_of(sorted(pitches))), max_size=40)


def piano(*notes: Note) -> PrettyMIDI:
    midi = PrettyMIDI()
    midi.instruments.append(Instrument(program=0))
    midi.instruments[0].notes = list(notes)
    return midi


def notes_of(midi: PrettyMIDI) -> list[tuple[int, float, float]]:
    return [(note.pitch, round(note.start, 3), round(note.end, 3)) for note in midi.instruments[0].notes]


def test_a_frame_lists_what_sounds_in_it():
    """Two notes that overlap for one frame give three words, and a gap is `e`."""
    midi = piano(Note(80, 49, 0.0, 0.4), Note(80, 68, 0.2, 0.4), Note(80, 60, 0.8, 1.0))
    assert words_of(piano_roll(midi)) == ["49", "49,68", "e", "e", "60"]


def test_a_piece_begins_with_its_first_sound():
    """5.6 s of silence before the first note are 28 frames, and they are left out."""
    midi = piano(Note(80, 72, 5.6, 6.0))
    assert words_of(piano_roll(midi)) == ["72", "72"]


def test_the_pedal_holds_notes():
    """A note released under the sustain pedal sounds until the pedal comes up."""
    midi = piano(Note(80, 60, 0.0, 0.2), Note(80, 72, 0.8, 1.0))
    midi.instruments[0].control_changes = [ControlChange(64, 127, 0.0), ControlChange(64, 0, 0.6)]
    assert words_of(piano_roll(midi))[:4] == ["60", "60", "60", "e"]


def test_a_silent_file_has_no_frames():
    """No notes: no frames, rather than an error."""
    assert piano_roll(piano()).shape == (0, 128)


@given(words)
def test_words_survive_the_roll(piece):
    """words -> piano roll -> words changes nothing."""
    assert words_of(roll_of(piece)) == piece


@given(words)
def test_words_survive_the_midi(piece):
    """words -> piano roll -> PrettyMIDI -> piano roll -> words changes nothing but the silence around the piece."""
    sounding = [frame for frame, word in enumerate(piece) if word != "e"]
    expected = piece[sounding[0] : sounding[-1] + 1] if sounding else []
    assert words_of(piano_roll(midi_of(roll_of(piece)))) == expected


@given(words)
def test_a_composed_piece_survives_its_file(piece):
    """words -> PrettyMIDI -> .mid -> PrettyMIDI -> words, although ticks are no whole fifths of a second."""
    file = io.BytesIO()
    midi_of(roll_of(piece)).write(file)
    read = words_of(grid_of(PrettyMIDI(io.BytesIO(file.getvalue()))))
    assert read + ["e"] * (len(piece) - len(read)) == piece


def test_a_repeated_note_becomes_a_long_one():
    """The article's decoder: a note starts where its row rises and ends where it falls."""
    assert notes_of(midi_of(roll_of(["60", "60,64", "64", "e", "60"]))) == [
        (60, 0.0, 0.4),
        (64, 0.2, 0.6),
        (60, 0.8, 1.0),
    ]


def test_more_frames_a_second_set_the_tempo():
    """Written at 8 frames a second, as the article did, five frames last 0.625 s."""
    midi = midi_of(roll_of(["60"] * 5), frames_per_second=8)
    assert midi.get_end_time() == 0.625
    assert midi.instruments[0].notes[0].velocity == 100


def test_a_word_names_its_pitches():
    """`e` is the word of no pitches, both ways."""
    assert (word_of([]), pitches_of("e")) == ("e", ())
    assert (word_of(np.array([49, 68])), pitches_of("49,68")) == ("49,68", (49, 68))
