"""core/midi/given.py: notes that are performed or harmonized."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadRequest
from core.midi.excerpt import GIVEN
from core.midi.given import MOST_AT_ONCE, is_performance, melody_of
from core.midi.piano import MOST_NOTES, Upload, reduced
from core.midi.smf import parse
from core.request import ComposeRequest
from core.seed import Seed
from core.text import Text
from tests.support.midi_corpus import BEAT, note, smf, track

PIECES = Path(__file__).parents[3] / "docs" / "pieces"
WISH = ComposeRequest(Seed(), take=7)


def upload(*events: bytes) -> Upload:
    return reduced(parse(smf(track(*events))), GIVEN)


def test_a_score_becomes_a_request_to_perform_it():
    """As long as the score, and no shorter than any piece."""
    long, short = upload(*[note(60 + number % 12) for number in range(40)]), upload(note(60))
    assert (long.performed(WISH).task, long.performed(WISH).score) == ("perform", long.midi)
    assert [each.performed(WISH).seconds for each in (long, short)] == [20, 5]


def test_a_melody_becomes_a_request_to_harmonize_it():
    """As long as the melody."""
    request = upload(*[note(60 + number) for number in range(20)]).harmonized(WISH)
    assert (request.task, request.seconds) == ("harmonize", 10)


def test_more_notes_at_once_than_can_be_played_are_refused():
    """A chord of all keys; as many as are allowed pass."""
    with pytest.raises(BadRequest, match=r"strikes 65 keys at once at 0\.0 s; I can perform at most 64"):
        chord(MOST_AT_ONCE + 1).performed(WISH)
    assert chord(MOST_AT_ONCE).performed(WISH).score


def chord(keys: int) -> Upload:
    """So many keys from the lowest on, struck together."""
    return reduced(parse(smf(*[track(note(21 + key)) for key in range(keys)])), GIVEN)


def test_several_voices_are_no_melody():
    """Two notes at once are refused; notes that overlap as in a legato are one voice, each released where the next is
    struck."""
    with pytest.raises(BadRequest, match="has several notes at once; a melody that I can harmonize is one voice"):
        chord(2).harmonized(WISH)
    legato = smf(track(note(60, lasts=BEAT + BEAT // 10)), track(note(62, at=BEAT)))
    assert [(note.pitch, note.start, note.end) for note in melody_of(legato)] == [(60, 0, 0.5), (62, 0.5, 1)]


def test_a_performance_is_told_from_a_score():
    """Triplets and chords are written; onsets that keep to no beat are played, and the remark says so."""
    written = upload(*[note(60 + number % 5, at=number % 2 * BEAT // 3) for number in range(60)])
    gaps = np.random.default_rng(1).integers(20, BEAT, 60)
    played = upload(*[note(60 + number % 5, at=int(gap)) for number, gap in enumerate(gaps)])
    assert [is_performance(each.midi) for each in (written, played)] == [False, True]
    assert str(played.score_remark).startswith("The file is a performance already")
    named = replace(played, remark=Text("Read as one piano: both hands."))
    assert str(named.score_remark).startswith(f"{named.remark} The file is a performance already")
    assert written.score_remark == written.remark


def test_the_readme_shows_a_score_and_its_performance():
    """The score is on its beats, and what came of it is not."""
    files = ("prelude-score.mid", "prelude-performed.mid")
    assert [is_performance((PIECES / name).read_bytes()) for name in files] == [False, True]


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        (
            [note(60 + number % 12, lasts=1) for number in range(MOST_NOTES + 1)],
            "has 20,001 notes, at most 20,000 are read",
        ),
        ([note(60)] * 1300, "lasts 650 s, at most 600 s are read"),
    ],
)
def test_a_score_that_is_too_long_is_refused(events: list[bytes], sentence: str):
    """Without naming options that it does not have."""
    with pytest.raises(BadRequest, match=f"{sentence}$"):
        upload(*events)
