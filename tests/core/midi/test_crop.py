"""core/midi/crop: parts of a piece as files of their own."""

import io

import pytest
from pretty_midi import PrettyMIDI

from core.errors import BadRequest, RenderError
from core.midi.controllers import SUSTAIN
from core.midi.crop import cropped
from tests.support.midi_corpus import BEAT, event, meta, note, pedal, smf, tempo, track

WALTZ = (event(0, meta(0x58, bytes([3, 2, 24, 8]))), event(0, meta(0x59, bytes([253, 1]))), tempo(1_000_000))
"""3/4 in C minor, a beat a second."""
NOTES = [note(60 + number) for number in range(12)]
PRIMER = smf(track(*WALTZ, *NOTES[:4]))
PIECE = smf(track(*WALTZ, *NOTES))


def notes_of(midi: bytes) -> list[tuple[int, float, float]]:
    [piano] = PrettyMIDI(io.BytesIO(midi)).instruments
    return [(each.pitch, round(each.start, 3), round(each.end, 3)) for each in piano.notes]


def test_a_part_is_what_begins_between_two_seconds():
    """A part begins at the first of them, and what is held at the second ends there."""
    part = cropped(PIECE, 1.5, 3.25)
    assert notes_of(part.midi) == [(62, 0.5, 1.5), (63, 1.5, 1.75)]
    assert part.since == 1.5
    assert notes_of(cropped(PIECE, since=10.0).midi) == [(70, 0.0, 1.0), (71, 1.0, 2.0)]


def test_a_part_keeps_tempo_metre_and_key():
    """As they are where it begins."""
    faster = smf(track(*WALTZ, *NOTES[:4], tempo(500_000), *NOTES[4:]))
    music = PrettyMIDI(io.BytesIO(cropped(faster, 4.5, 6.0).midi))
    assert music.get_tempo_changes()[1].tolist() == [pytest.approx(120)]
    [metre], [key] = music.time_signature_changes, music.key_signature_changes
    assert (metre.numerator, metre.denominator, metre.time) == (3, 4, 0)
    assert (key.key_number, key.time) == (12, 0)  # pretty_midi's C minor


def test_the_pedal_is_as_it_is_there():
    """Down from the beginning where it was so before, and lifted at the end."""
    music = smf(track(pedal(100), note(), pedal(0), note(), pedal(90), note(), note()))
    [piano] = PrettyMIDI(io.BytesIO(cropped(music, 0.5, 1.75).midi)).instruments
    moves = [(round(move.time, 3), move.value) for move in piano.control_changes if move.number == SUSTAIN]
    assert moves == [(0.0, 0), (0.5, 90), (1.25, 0)]
    [piano] = PrettyMIDI(io.BytesIO(cropped(music, 0.25, 1.0).midi)).instruments
    moves = [(round(move.time, 3), move.value) for move in piano.control_changes if move.number == SUSTAIN]
    assert moves == [(0.0, 100), (0.25, 0)]


def test_the_new_part_begins_with_a_bar():
    """That of its first note, so that it fits behind its primer in a sequencer; seconds count from there."""
    part = cropped(PIECE, primer=PRIMER)
    assert notes_of(part.midi)[:2] == [(64, 1.0, 2.0), (65, 2.0, 3.0)]
    assert part.since == 3.0
    assert notes_of(cropped(PIECE, 2.0, 4.0, PRIMER).midi) == [(65, 0.0, 1.0), (66, 1.0, 2.0)]


def test_without_bars_the_new_part_begins_with_its_first_note():
    """As recordings have none."""
    primer, piece = (smf(track(note(60), *more)) for more in ([], [note(62, at=BEAT), note(60)]))
    assert notes_of(cropped(piece, primer=primer).midi) == [(62, 0.0, 0.5), (60, 0.5, 1.0)]


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [(13.0, 20.0, "no note starts between 13 and 20 s"), (13.0, float("inf"), "no note starts after 13 s")],
)
def test_a_part_without_notes_is_refused(since: float, until: float, says: str):
    """With the seconds that were asked for."""
    with pytest.raises(BadRequest, match=says):
        cropped(PIECE, since, until)


def test_a_continuation_without_new_notes_is_refused():
    """Another take may have some."""
    with pytest.raises(RenderError, match="has no new notes; try another take"):
        cropped(PRIMER, primer=PRIMER)
