"""core/seed.py: what listeners type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from core.seed import Seed, note_name

chords = st.lists(
    st.sets(st.integers(21, 108), min_size=1, max_size=10).map(lambda pitches: tuple(sorted(pitches))), max_size=25
).map(tuple)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("72", ((72,),)),
        ("C5", ((72,),)),
        ("F#3", ((54,),)),
        ("Bb4", ((70,),)),
        ("bb4", ((70,),)),
        ("b4", ((71,),)),
        ("E♭4", ((63,),)),
        ("60,64,67", ((60, 64, 67),)),
        ("67, 60 ,64", ((60, 64, 67),)),
        ("C4 E4 G4", ((60,), (64,), (67,))),
        ("60,64 67", ((60, 64), (67,))),
        ("A0 C8", ((21,), (108,))),
        ("Random ", ()),
    ],
)
def test_what_is_typed_is_understood(typed, meant):
    """Pitches and names, chords and melodies, spaces around commas, capital letters or not."""
    assert Seed.parse(typed).chords == meant


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "the seed is empty"),
        ("H4", "'H4' is not understood"),
        ("60,,64", "not understood"),
        ("72.5", "not understood"),
        ("²", "not understood"),
        ("109", "pitch 109 is not on a piano"),
        ("C9", "pitch 120 is not on a piano"),
        ("C-1", "pitch 0 is not on a piano"),
        ("x" * 1000, r"xxx\.\.\.' is not understood"),
        ("x" * 5000, "the seed has 5000 characters, at most 2000 are read"),
        ("C4\nH4\u2028", "'C4 H4' is not understood"),
        (" ".join(["60"] * 26), "26 chords"),
        (",".join(map(str, range(60, 71))), "11 notes"),
    ],
)
def test_what_is_not_understood_is_answered_with_a_sentence(typed, complaint):
    """It says what came and what is accepted, and does not repeat an essay."""
    with pytest.raises(BadRequest, match=complaint) as refused:
        Seed.parse(typed)
    assert len(str(refused.value)) < 250


@given(chords)
def test_a_seed_can_be_typed_again(chords):
    """Both ways of writing a seed mean the same seed."""
    seed = Seed(chords)
    assert Seed.parse(str(seed)) == seed
    assert Seed.parse(seed.names.replace("+", ",")) == seed


def test_middle_c_is_c4():
    """MIDI pitch 60."""
    assert (note_name(60), note_name(21), note_name(108), note_name(61)) == ("C4", "A0", "C8", "C#4")
