"""core/midi/excerpt.py: a part of a file is read, by where it ends and how much is kept before."""

from __future__ import annotations

import pytest

from core.errors import BadRequest
from core.midi.excerpt import Excerpt
from core.midi.reader import Reader
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.midi_corpus import (
    BEAT,
    event,
    note,
    pedal,
    smf,
    track,
)
from tests.support.uploads import GOOD, notes_of, pedal_of


def test_a_moment_beyond_the_end_gets_a_sentence(reader: Reader):
    """A player may round the length of a file up to the next second, and no further."""
    assert reader.read(GOOD, Excerpt(1.4)).notes == 1
    with pytest.raises(BadRequest, match=r"ends at 0\.5 s, so it cannot be continued from 60 s"):
        reader.read(GOOD, Excerpt(60.0))


SONATA = smf(track(*[note(48 + number % 12, lasts=96) for number in range(25_000)]))
"""2,500 s, a tenth for each note."""


def test_some_of_a_file_that_is_too_long_can_be_read(reader: Reader):
    """Notes that begin later are not counted; a refusal names the option that helps."""
    assert reader.read(SONATA, Excerpt(30.0)).notes == 300
    with pytest.raises(BadRequest, match=r"has 25,000 notes, at most 20,000 are read; `from` goes on"):
        reader.read(SONATA)


def test_a_passage_in_the_middle_of_a_long_file_can_be_read(reader: Reader):
    """30 s of 25,000 notes and 41 minutes, from 20 minutes on; the listener is told what was left out."""
    upload = reader.read(SONATA, Excerpt(until=1230.0, keep=30.0))
    assert upload.notes == 300
    assert 30 <= upload.seconds < 33
    assert str(upload.remark).endswith("left out: all before 1,200 s, all from 1,230 s on.")
    [first, *_] = notes_of(upload)
    assert first[0] < 2.0  # the bar of the first note is whole
    assert first[2] == 48  # it is number 12,000


def test_as_much_is_kept_as_there_is_room_for(reader: Reader):
    """Before the second from which one goes on; or, where all that is asked for is how much, before the end."""
    request = ComposeRequest(Seed(), take=7, length=150)
    upload = reader.read(SONATA, Excerpt(until=1230.0, most=570.0))
    assert upload.continued(request).primer == upload.midi
    assert str(upload.remark).endswith("left out: all before 665 s, all from 1,230 s on.")
    assert upload.seconds > 560
    assert reader.read(SONATA, Excerpt(keep=30.0)).notes == 300


def test_what_is_held_down_is_no_part_of_a_later_passage(reader: Reader):
    """Only what begins in it; but the pedal is as it is there."""
    data = smf(track(pedal(100), note(lasts=16 * BEAT), note(62), note(64)))
    upload = reader.read(data, Excerpt(keep=1.0))
    assert notes_of(upload) == [(0.0, 0.5, 62, 80), (0.5, 1.0, 64, 80)]
    assert pedal_of(upload) == [(0.0, 100)]
    with pytest.raises(BadRequest, match=r"no notes that a piano could play between 6 and 7 s"):
        reader.read(data, Excerpt(until=7.0, keep=1.0))


@pytest.mark.parametrize("excerpt", [{"until": -1.0}, {"until": float("nan")}, {"keep": 0.0}, {"keep": float("nan")}])
def test_an_excerpt_that_cannot_be_gets_a_sentence(excerpt: dict[str, float]):
    """The sentence names the option."""
    [name] = excerpt
    with pytest.raises(BadRequest, match="^from " if name == "until" else "^keep "):
        Excerpt(**excerpt)


@pytest.mark.parametrize("released", [True, False])
def test_a_note_without_end_does_not_forbid_to_go_on(reader: Reader, released: bool):
    """One that would last longer than any piece ends where one goes on from; the whole file is refused."""
    endless = note(62, lasts=1400 * BEAT) if released else event(0, b"\x90\x3e\x50") + note(64, at=1400 * BEAT)
    data = smf(track(note()), track(endless))
    assert notes_of(reader.read(data, Excerpt(1.0))) == [(0.0, 0.5, 60, 80), (0.0, 1.0, 62, 80)]
    for until, said in ((None, "lasts"), (1e9, "ends at"), (float("inf"), "ends at")):
        with pytest.raises(BadRequest, match=rf"{said} 70[01]"):
            reader.read(data, Excerpt(until))


def test_only_what_was_used_is_named(reader: Reader):
    """Neither tracks nor drums that begin after the moment from which one goes on."""
    late = [track(note(62, at=8 * BEAT)), track(note(36, at=8 * BEAT, channel=9))]
    data = smf(track(note()), *late)
    assert str(reader.read(data, Excerpt(1.0)).remark) == "Read as one piano: track 1; left out: all from 1 s on."
    assert str(reader.read(data).remark) == "Read as one piano: track 1, track 2; left out: the drums."
    with pytest.raises(BadRequest, match=r"no notes but drums that a piano could play before 1 s"):
        reader.read(smf(track(note(channel=9)), late[0]), Excerpt(1.0))


def test_what_begins_later_is_left_out(reader: Reader):
    """A note that sounds on at that moment stays as it is; a file that is too long is read up to there."""
    data = smf(track(note(lasts=4 * BEAT), note(62, at=3000 * BEAT)), track(note(64, at=2 * BEAT)))
    assert notes_of(reader.read(data, Excerpt(1.0))) == [(0.0, 2.0, 60, 80)]
    assert [pitch for _, _, pitch, _ in notes_of(reader.read(data, Excerpt(1.001)))] == [60, 64]
    with pytest.raises(BadRequest, match=r"no notes that a piano could play before 0\.2 s"):
        reader.read(smf(track(note(at=BEAT))), Excerpt(0.2))
