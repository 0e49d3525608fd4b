"""core/tonality.py: keys, as people type them."""

import pytest

from core.tonality import ALL_KEYS, Key, read


@pytest.mark.parametrize("key", ALL_KEYS, ids=str)
def test_a_key_is_read_as_it_is_written(key: Key):
    """By its name, and by its short one."""
    assert read(str(key)) == key
    assert read(key.short) == key


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("c-moll", "C minor"),
        ("Es-Dur", "E♭ major"),
        ("B-Dur", "B♭ major"),
        ("h-moll", "B minor"),
        ("b minor", "B minor"),
        ("C sharp minor", "C♯ minor"),
        ("D flat major", "D♭ major"),
        ("F#_minor", "F♯ minor"),
        ("降E大调", "E♭ major"),
        ("升c小调", "C♯ minor"),
    ],
)
def test_a_key_is_read_in_the_words_of_three_languages(typed: str, name: str):
    """B is B flat in German, and H is B."""
    assert str(read(typed)) == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("fis", "F♯ minor"),
        ("Fis", "F♯ major"),
        ("es", "E♭ minor"),
        ("Es", "E♭ major"),
        ("h", "B minor"),
        ("H", "B major"),
    ]
    + [(letter, "C major") for letter in "cC"]
    + [(flat, "E♭ major") for flat in ("eb", "Eb")],
)
def test_a_key_without_its_mode(typed: str, name: str):
    """It is major, but for German names in small letters, which are those of minor keys."""
    assert str(read(typed)) == name


@pytest.mark.parametrize("typed", ["", "C5", "60", "C7", "Csus4", "C G", "random", "x" * 10_000])
def test_a_note_or_any_other_chord_is_no_key(typed: str):
    """Only the names of major and minor triads are those of keys."""
    assert read(typed) is None
