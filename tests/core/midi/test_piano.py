"""core/midi/piano.py: what strangers send becomes a piano's notes and pedal, or is refused with a sentence."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretty_midi import PrettyMIDI

from core.errors import BadRequest
from core.midi.piano import reduced
from core.midi.reader import Reader
from core.midi.smf import Part, Score, TimedNote
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.midi_corpus import (
    BEAT,
    DAMAGED,
    LEGAL,
    control,
    event,
    meta,
    note,
    pedal,
    smf,
    tempo,
    track,
)
from tests.support.uploads import GOOD, notes_of, pedal_of


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_odd_but_legal_is_read_right(reader: Reader, name: str):
    """Every note of it, to a millisecond."""
    data, wanted = LEGAL[name]
    upload = reader.read(data)
    np.testing.assert_allclose(notes_of(upload), sorted(wanted), atol=0.0011)
    assert upload.seconds == pytest.approx(max(end for _, end, _, _ in wanted), abs=0.0011)


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_read_gets_a_sentence(reader: Reader, name: str):
    """One that names what is wrong; and the next file is read as ever."""
    data, sentence = DAMAGED[name]
    with pytest.raises(BadRequest, match=sentence):
        reader.read(data)
    assert reader.read(GOOD).notes == 1


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (smf(track(event(0, meta(3, b"Right  hand\n<@1>")), note())), "Read as one piano: Right hand 1."),
        (
            smf(track(note()), track(note(channel=9), note(3), note(4))),
            "Read as one piano: track 1; left out: the drums",
        ),
        (smf(track(note(), note(120))), "track 1; left out: notes beyond a piano's keys (1)."),
        (smf(*[track(note())] * 8), "track 1, track 2, track 3, track 4, track 5, 3 more."),
    ],
)
def test_it_says_what_was_used(reader: Reader, data: bytes, remark: str):
    """Which tracks, by their names where they have some, and what was left out; no name can be a mention or a link."""
    assert remark in str(reader.read(data).remark)


def test_of_one_track_there_is_nothing_to_say(reader: Reader):
    """Where it has no name and all of it is used, as in most files of piano music."""
    assert not reader.read(GOOD).remark


def test_a_note_of_half_a_millisecond_lasts_one(reader: Reader):
    """A tick may be shorter than the milliseconds in which an upload's length is told."""
    assert reader.read(smf(track(note(lasts=1)), division=1024)).seconds == 0.001


def test_the_pedals_become_one(reader: Reader):
    """The one pedal is down where that of any channel is."""
    data = smf(
        track(pedal(127), note(lasts=2 * BEAT), pedal(0)),
        track(pedal(127, at=BEAT, channel=1), note(channel=1, lasts=2 * BEAT), pedal(0, channel=1)),
    )
    assert pedal_of(reader.read(data)) == [(0.0, 127), (1.5, 0)]


@pytest.mark.parametrize("channel", [0, 5])
def test_a_pedal_may_have_a_track_of_its_own(reader: Reader, channel: int):
    """A track without notes pedals those of its channel in other tracks, or all where its channel has none."""
    moves = track(pedal(127, at=100, channel=channel), pedal(0, at=380, channel=channel))
    upload = reader.read(smf(track(note(lasts=2 * BEAT)), track(note(64, channel=1)), moves))
    assert pedal_of(upload) == [(0.104, 127), (0.5, 0)]
    assert str(upload.remark) == "Read as one piano: track 1, track 2."


def test_the_pedal_of_what_is_left_out_is_left_out(reader: Reader):
    """That of the drums lets no piano ring, and the listener is told."""
    upload = reader.read(smf(track(note()), track(pedal(127, channel=9), note(channel=9))))
    assert pedal_of(upload) == []
    assert str(upload.remark).endswith("left out: the drums, the pedal of what is left out.")


def test_a_reset_of_the_controllers_lifts_the_pedal(reader: Reader):
    """As in every player."""
    data = smf(track(pedal(127), control(121, 0, at=BEAT), note(at=BEAT)))
    assert pedal_of(reader.read(data)) == [(0.0, 127), (0.5, 0)]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "Клавир"),
        ("cp932", "ピアノ右手"),
        ("gbk", "钢琴右手"),
        ("cp1251", "Правая рука"),
        ("latin-1", "Flügel für Jürgen"),
        ("mac_roman", "Flügel für Jürgen"),
    ],
)
def test_tracks_are_named_in_any_common_encoding(reader: Reader, encoding: str, name: str):
    """And by their numbers where their names make no sense in any."""
    named = smf(track(event(0, meta(3, name.encode(encoding))), note()))
    assert str(reader.read(named).remark) == f"Read as one piano: {name}."
    strange = smf(track(event(0, meta(3, b"\x81\x05\xff\x9f")), note()), track(note()))
    assert str(reader.read(strange).remark) == "Read as one piano: track 1, track 2."


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([track(control(7, 0, channel=1), note(channel=1))], "left out: the silent track 2."),
        ([track(note(64, velocity=1), note(65, velocity=1))], "left out: the silent track 2."),
        ([track(note(64, velocity=1), note(65))], "track 2; left out: guide notes of velocity 1 (1)."),
    ],
)
def test_what_is_not_to_be_heard_is_left_out(reader: Reader, more: list[bytes], said: str):
    """And named; but where nothing else sounds, it is read."""
    assert said in str(reader.read(smf(track(note()), *more)).remark)
    assert reader.read(smf(*more)).notes >= 1


def test_a_long_silence_before_is_left_out(reader: Reader):
    """By whole bars, so that the beats stay where they are, and the listener is told; a short one stays."""
    waltz = event(0, meta(0x58, bytes([3, 2, 24, 8])))
    upload = reader.read(smf(track(waltz, note(at=16 * BEAT))))
    assert notes_of(upload) == [(0.5, 1.0, 60, 80)]
    assert str(upload.remark).endswith("left out: 8 s of silence before it begins.")
    assert notes_of(reader.read(smf(track(note(at=10 * BEAT))))) == [(5.0, 5.5, 60, 80)]


def test_an_upload_keeps_its_beats(reader: Reader):
    """Tempo, metre and key, and each note on its beat."""
    signs = [event(0, meta(0x58, bytes([3, 2, 24, 8]))), event(0, meta(0x59, bytes([253, 1])))]
    data = smf(track(tempo(666_667), *signs), track(note(), note(), note(lasts=96)))
    music = PrettyMIDI(io.BytesIO(reader.read(data).midi))
    assert music.get_tempo_changes()[1].tolist() == pytest.approx([90], abs=1e-3)
    [metre], [key] = music.time_signature_changes, music.key_signature_changes
    assert (metre.numerator, metre.denominator, key.key_number) == (3, 4, 12)  # pretty_midi's C minor
    beats = [music.time_to_tick(note.start) / music.resolution for note in music.instruments[0].notes]
    assert beats == [0, 1, 2]


def test_it_becomes_a_request(reader: Reader):
    """To go on from it; together they may not be longer than the longest piece."""
    upload = reader.read(GOOD)
    request = upload.continued(ComposeRequest(Seed(), length=200, take=7))
    assert (request.primer, request.length, request.seed.is_random) == (upload.midi, 200, True)
    with pytest.raises(BadRequest, match="together longer than 600 s"):
        upload.continued(ComposeRequest(Seed(), length=3000, take=7))


LAST = 5000


NOTES = st.builds(
    lambda start, lasts, pitch, velocity: TimedNote((start + 0.1) / 1e4, (start + lasts + 0.1) / 1e4, pitch, velocity),
    st.integers(0, LAST),
    st.integers(0, LAST),
    st.integers(60, 62),
    st.integers(2, 127),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(NOTES, min_size=1, max_size=30))
def test_notes_are_as_midi_can_hold_them(notes: list[TimedNote]):
    """However close: every millisecond in which a key is struck is one note, as loud as the loudest, that lasts to the
    next or as long as it was held."""
    wanted: dict[tuple[int, int], tuple[int, int]] = {}
    for heard in notes:
        start = round(heard.start * 1000)
        end, velocity = wanted.get((heard.pitch, start), (0, 0))
        held = max(round(heard.end * 1000), start + 1)
        wanted[heard.pitch, start] = max(end, held), max(velocity, heard.velocity)
    expected = []
    for (pitch, start), (end, velocity) in wanted.items():
        later = [other for key, other in wanted if key == pitch and other > start]
        expected.append((start, min([end, *later]), pitch, velocity))
    read = notes_of(reduced(Score([Part(1, 0, "", notes)])))
    assert [(round(s * 1000), round(e * 1000), p, v) for s, e, p, v in read] == sorted(expected)
