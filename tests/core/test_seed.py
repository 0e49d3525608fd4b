"""core/seed.py: what listeners type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.i18n import language
from core import tonality
from core.errors import BadRequest
from core.seed import Seed, note_name, said_note
from core.text import ENGLISH

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
        *[
            (typed, ((60, 64, 67),))
            for typed in ("C4+E4+G4", "60-64-67", "[60, 64, 67]", "60、64，67", "60,64,67,", "C,E,G")
        ],
        *[(typed, ((72,),)) for typed in ("７２", "Ｃ５", "\u200b72\ufeff", "72,", "[C5]", "C5 (72)")],
        *[
            (typed, ((60, 64, 67),))
            for typed in ("C", "C major", "c dur", "C-Dur", "Cmaj", "C MAJOR", "C major (60,64,67)")
        ],
        *[(typed, ((69, 72, 76),)) for typed in ("Am", "am", "A minor", "a-moll", "Amin", "Ａｍ")],
        ("Cmaj7", ((60, 64, 67, 71),)),
        ("C major 7", ((60, 64, 67, 71),)),
        ("C 7", ((60, 64, 67, 70),)),
        ("Cm7", ((60, 63, 67, 70),)),
        ("CM7", ((60, 64, 67, 71),)),
        ("F#m", ((66, 69, 73),)),
        ("F sharp minor", ((66, 69, 73),)),
        ("E flat B-flat minor", ((63, 67, 70), (70, 73, 77))),
        ("A flat 4 C sharp 5 72", ((68,), (73,), (72,))),
        ("B♭7", ((70, 74, 77, 80),)),
        ("C7", ((96,),)),
        ("Dm G7 C", ((62, 65, 69), (67, 71, 74, 77), (60, 64, 67))),
        *[(typed, ((69, 72, 76), (65, 69, 72), (60, 64, 67), (67, 71, 74))) for typed in ("Am F C G", "Am, F, C, G")],
        ("Am C5", ((69, 72, 76), (72,))),
        ("H4", ((71,),)),
        ("H4 B4", ((71,), (70,))),
        ("B dur", ((70, 74, 77),)),
        ("Cis4", ((61,),)),
        ("Es4", ((63,),)),
        ("As3 Des4 Fis4", ((56,), (61,), (66,))),
        ("middle C", ((60,),)),
        ("C4+E4 (60,64) C5", ((60, 64), (72,))),
        ("C4+E4 G4 (60,64 67)", ((60, 64), (67,))),
        ("(60,64,67) (62,65)", ((60, 64, 67), (62, 65))),
        ("Asus4", ((69, 74, 76),)),
    ],
)
def test_what_is_typed_is_understood(typed, meant):
    """Pitches and names, chords and melodies, spaces around commas, capital letters or not; names of chords, German
    names, letters of any width, and what the bot writes itself."""
    assert Seed.parse(typed).chords == meant


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "the seed is empty"),
        ("X4", "understand the seed 'X4'"),
        ("Cfoo", "understand the seed 'Cfoo'"),
        ("Am X", "understand the seed 'Am X'"),
        ("60,,64", "understand the seed"),
        ("72.5", "understand the seed"),
        ("²", "understand the seed"),
        ("109", "there is no pitch 109 on a piano"),
        ("C9", "there is no pitch 120 on a piano"),
        ("C-1", "there is no pitch 0 on a piano"),
        ("x" * 1000, r"seed 'x+\.\.\.'\. Try"),
        ("x" * 5000, "a seed can have up to 2000 characters; this one has 5000"),
        ("C4\nX4\u2028", "understand the seed 'C4 X4'"),
        (" ".join(["60"] * 26), "this one has 26"),
        (",".join(map(str, range(60, 71))), "this one has 11"),
    ],
)
def test_what_is_not_understood_is_answered_with_a_sentence(typed, complaint):
    """The sentence says what came and what is accepted, and does not repeat an essay."""
    with pytest.raises(BadRequest, match=complaint) as refused:
        Seed.parse(typed)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "the melody is empty. Try notes one at a time"),
        ("C4 X4", "understand the melody 'C4 X4'. Try notes one at a time"),
        ("C4 " * 26, "a typed melody can have up to 25 notes; this one has 26"),
        ("C4 " * 1000, "a typed melody can have up to 2000 characters; this one has 3000"),
    ],
)
def test_a_melody_is_not_called_a_seed(typed, complaint):
    """Notes that are typed to be harmonized are refused as a melody; those that are understood are read as ever."""
    with pytest.raises(BadRequest, match=complaint) as refused:
        Seed.melody(typed)
    assert "seed" not in str(refused.value)
    assert Seed.melody("C4 Eb4") == Seed.parse("C4 Eb4")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("c d e f g", "C4 D4 E4 F4 G4"),
        ("C5 b a", "C5 B4 A4"),
        ("fis g a b h", "F#4 G4 A4 A#4 B4"),
        ("Eb F# As", "E♭4 F#4 A♭4"),
    ],
)
def test_a_bare_letter_of_a_melody_is_a_note(typed, meant):
    """In the octave of middle C, where a seed would have a chord: a melody has none."""
    assert Seed.melody(typed) == Seed.melody(meant)


@given(chords)
def test_a_seed_can_be_typed_again(chords):
    """Both ways of writing a seed mean the same seed."""
    seed = Seed(chords)
    assert Seed.parse(str(seed)) == seed
    assert Seed.parse(seed.names.replace("+", ",")) == seed


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Bb4", "B♭4"),
        ("b♭4", "B♭4"),
        ("A#4", "A#4"),
        ("70", "A#4"),
        ("C4,Eb4,F#4", "C4+E♭4+F#4"),
        ("Cm", "C4+E♭4+G4"),
        ("E", "E4+G#4+B4"),
        ("H4 B4", "B4 B♭4"),
        ("Es4", "E♭4"),
    ],
)
def test_a_seed_keeps_its_spelling(typed, shown):
    """A flat stays a flat, also when the seed is stored as text."""
    seed = Seed.parse(typed)
    assert seed.names == shown
    assert Seed.parse(seed.spelled).names == shown
    assert Seed.parse(seed.names) == seed


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Am F C G", "Am F C G"),
        ("Bb Eb7", "B♭ E♭7"),
        ("60,64,67 65,69,72", "C F"),
        ("C5", "C5"),
        ("Am C5", "A4+C5+E5 C5"),
        ("C G7", "C4+E4+G4 G7"),
        ("A3,C4,E4 F", "A3+C4+E4 F4+A4+C5"),
        ("Cm", "C4+E♭4+G4"),
    ],
)
def test_chords_one_after_another_are_shown_by_their_names(typed, shown):
    """Where that means the very notes: a chord in root position around middle C; `C G7`, typed, ends with a note."""
    assert Seed.parse(typed).said() == shown


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        ("C major", "C D♭ D E♭ E F F♯ G A♭ A B♭ B"),
        ("A minor", "C C♯ D D♯ E F F♯ G G♯ A B♭ B"),
        ("D minor", "C C♯ D E♭ E F F♯ G G♯ A B♭ B"),
        ("B♭ major", "C D♭ D E♭ E F G♭ G A♭ A B♭ B"),
        ("E major", "C C♯ D D♯ E F F♯ G G♯ A A♯ B"),
        ("F♯ major", "C C♯ D D♯ E F F♯ G G♯ A A♯ B"),
        ("D♭ major", "C D♭ D E♭ E F G♭ G A♭ A B♭ B"),
        ("E♭ minor", "C D♭ D E♭ E F G♭ G A♭ A B♭ B"),
    ],
)
def test_black_keys_are_spelled_as_a_key_has_them(key, scale):
    """By its harmonic chromatic scale; white keys have one name each."""
    said = [said_note(pitch, ENGLISH, tonality.read(key)) for pitch in range(60, 72)]
    assert said == [f"{name}4" for name in scale.split()]


def test_notes_have_german_names():
    """B flat is B, and B is H; of chords too."""
    german, flat = language("de"), tonality.read("B♭ major")
    said = [said_note(pitch, german, flat) for pitch in range(60, 72)]
    assert said == [f"{name}4" for name in ["C", "Des", "D", "Es", "E", "F", "Ges", "G", "As", "A", "B", "H"]]
    assert Seed.parse("F#4,C#5 70 71").said(german) == "Fis4+Cis5 Ais4 H4"
    assert Seed.parse("F#m Bb Ebmaj7 B").said(german) == "Fism B Esmaj7 H"


def test_middle_c_is_c4():
    """MIDI pitch 60."""
    assert (note_name(60), note_name(21), note_name(108), note_name(61)) == ("C4", "A0", "C8", "C#4")
