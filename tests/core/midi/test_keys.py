"""core/midi/keys: the key of a piece, where it is clear."""

import pytest
from pretty_midi import note_name_to_number

from core.midi.keys import key_of
from core.tonality import Key

MAJOR, MINOR = (0, 4, 7, 0, 5, 9, 0, 7, 11, 2, 4, 0, 7, 0), (0, 3, 7, 0, 5, 8, 0, 7, 11, 2, 3, 0, 7, 0)


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("minor", [False, True])
def test_a_cadence_is_in_its_key(tonic: int, minor: bool):
    """Tonic, subdominant, dominant, tonic, on each of the twelve keys."""
    notes = [(60 + tonic + step, 1.0) for step in (MINOR if minor else MAJOR)]
    assert key_of(notes) == Key(tonic, minor)


def test_a_tune_that_dwells_on_its_dominant_is_in_its_key():
    """Für Elise is in A minor, though it has more of E."""
    tune = "E5 D#5 E5 D#5 E5 B4 D5 C5 A4 A2 E3 A3 C4 E4 A4 B4 E2 E3 G#3 E4 G#4 B4 C5 A2 E3 A3 E4"
    assert key_of((note_name_to_number(name), 1.0) for name in tune.split()) == Key(9, True)


def test_a_chromatic_scale_is_in_no_key():
    """Nor is silence."""
    assert key_of((pitch, 1.0) for pitch in range(60, 72)) is None
    assert key_of([(60, 1.0), (63, 1.0), (66, 1.0), (69, 1.0)]) is None
    assert key_of([]) is None


@pytest.mark.parametrize(
    ("key", "sharps", "name", "short"),
    [
        (Key(0, False), 0, "C major", "C"),
        (Key(9, True), 0, "A minor", "Am"),
        (Key(3, True), -6, "E♭ minor", "Ebm"),
        (Key(3, False), -3, "E♭ major", "Eb"),
        (Key(6, False), 6, "F♯ major", "F#"),
        (Key(6, True), 3, "F♯ minor", "F#m"),
        (Key(8, True), 5, "G♯ minor", "G#m"),
        (Key(1, False), -5, "D♭ major", "Db"),
    ],
)
def test_keys_have_names_and_signatures(key: Key, sharps: int, name: str, short: str):
    """As musicians write them, with no more than six sharps or flats."""
    assert (key.sharps, str(key), key.short) == (sharps, name, short)


def test_a_signature_of_each_key_is_its_own():
    """24 keys, none with more than six signs."""
    assert all(abs(Key(tonic, minor).sharps) <= 6 for tonic in range(12) for minor in (False, True))
    relatives = [(Key(tonic, False).sharps - Key((tonic - 3) % 12, True).sharps) % 12 for tonic in range(12)]
    assert relatives == [0] * 12
