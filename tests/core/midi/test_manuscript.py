"""core/midi/manuscript: the .mid that a listener takes away."""

import io

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretty_midi import ControlChange, Instrument, KeySignature, Note, PrettyMIDI, TimeSignature

from core.midi import manuscript
from core.midi.controllers import SUSTAIN
from core.tonality import Key


def music(
    *notes: tuple[float, float, int], pedal: tuple[tuple[float, int], ...] = (), tempo: float = 120
) -> PrettyMIDI:
    music = PrettyMIDI(resolution=500, initial_tempo=tempo)
    piano = Instrument(0)
    piano.notes = [Note(80, pitch, start, end) for start, end, pitch in notes]
    piano.control_changes = [ControlChange(SUSTAIN, value, time) for time, value in pedal]
    music.instruments.append(piano)
    return music


def read(data: bytes) -> PrettyMIDI:
    return PrettyMIDI(io.BytesIO(data))


def notes_of(music: PrettyMIDI) -> list[tuple[float, float, int, int]]:
    return sorted(
        (note.start, note.end, note.pitch, note.velocity) for part in music.instruments for note in part.notes
    )


CADENCE = [
    (number / 2, number / 2 + 0.5, 60 + step) for number, step in enumerate((3, 6, 10, 3, 8, 11, 3, 10, 14, 5, 6, 3))
]


def test_a_piece_has_a_title_a_key_and_its_recipe():
    """Where a sequencer and a score editor look for them."""
    piece = music(*CADENCE)
    manuscript.sign(piece)
    heading = manuscript.title(piece, take=7)
    assert heading == "Nocturne in E♭ minor, take 7"
    file = mido.MidiFile(file=io.BytesIO(manuscript.midi_file(piece, heading, ["seed:72 take:7"])), charset="utf-8")
    said = {message.type: message for message in file.tracks[0]}
    assert said["track_name"].name == heading
    assert said["text"].text == "seed:72 take:7"
    assert said["key_signature"].key == "Ebm"


def test_a_key_that_was_asked_for_is_the_key_where_it_is_heard():
    """The listener's word counts between a key and its relative, and not against what is heard."""
    for asked, title in (
        (Key(6, False), "Nocturne in F♯ major, take 7"),
        (Key(0, False), "Nocturne in E♭ minor, take 7"),
    ):
        piece = music(*CADENCE)
        manuscript.sign(piece, asked)
        assert manuscript.title(piece, take=7) == title


def test_a_piece_in_no_key_says_nothing_of_one():
    """Rather than something wrong."""
    piece = music(*[(number / 4, number / 4 + 0.2, 60 + number) for number in range(12)])
    manuscript.sign(piece)
    assert manuscript.title(piece, take=7) == "Nocturne, take 7"
    assert read(manuscript.midi_file(piece, "x")).key_signature_changes == []


def test_each_hand_has_a_track():
    """And both have the pedal, which is of the piano: they are on one channel."""
    data = manuscript.midi_file(music((0, 1, 40), (0, 1, 76), pedal=((0.0, 127), (1.0, 0))), "x")
    again = read(data)
    assert [(part.name, [note.pitch for note in part.notes]) for part in again.instruments] == [
        ("Right hand", [76]),
        ("Left hand", [40]),
    ]
    channels = {
        message.channel
        for track in mido.MidiFile(file=io.BytesIO(data)).tracks
        for message in track
        if hasattr(message, "channel")
    }
    assert channels == {0}
    assert [(change.time, change.value) for change in again.instruments[0].control_changes] == [(0.0, 127), (1.0, 0)]


def test_beats_metre_and_key_of_an_upload_stay():
    """A continuation is written on them."""
    piece = music((0, 2 / 3, 60), (2 / 3, 4 / 3, 62), tempo=90)
    piece.time_signature_changes.append(TimeSignature(3, 4, 0.0))
    piece.key_signature_changes.append(KeySignature(12, 0.0))
    again = read(manuscript.midi_file(piece, "x"))
    assert again.get_tempo_changes()[1].tolist() == pytest.approx([90], abs=1e-3)
    assert str(again.time_signature_changes) == str(piece.time_signature_changes)
    assert str(again.key_signature_changes) == str(piece.key_signature_changes)
    assert [again.time_to_tick(note.start) for note in again.instruments[0].notes + again.instruments[-1].notes][
        :2
    ] == [0, 500]


def test_notes_that_fall_on_each_other_are_merged():
    """A key that is struck while it is held is released first."""
    again = read(manuscript.midi_file(music((0, 2, 60), (1, 3, 60), (1, 2.5, 60)), "x"))
    assert notes_of(again) == [(0.0, 1.0, 60, 80), (1.0, 3.0, 60, 80)]


NOTES = st.lists(
    st.builds(
        lambda start, lasts, pitch: (start / 1000, (start + lasts) / 1000, pitch),
        st.integers(0, 3000),
        st.integers(1, 1000),
        st.integers(21, 108),
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(NOTES)
def test_the_music_is_the_same_when_it_is_written_again(notes: list[tuple[float, float, int]]):
    """Hands and all: the second time nothing changes."""
    first = manuscript.midi_file(music(*notes), "x")
    assert manuscript.midi_file(read(first), "x") == first
