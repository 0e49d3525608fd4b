"""core/midi/hands: each note has a hand that can play it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from core.midi.hands import hands
from core.midi.writer import Strike, playable


def chord(start: int, *pitches: int, lasts: int = 480) -> list[Strike]:
    return [Strike(start, start + lasts, pitch, 80) for pitch in pitches]


def pitches(strikes: list[Strike]) -> list[int]:
    return [strike.pitch for strike in strikes]


def test_a_melody_and_its_accompaniment_are_apart():
    """Also where both are above middle C."""
    piece = [*chord(0, 48, 52, 55, 72), *chord(500, 64, 67, 71, 88), *chord(1000, 62, 65, 69, 86)]
    right, left = hands(piece)
    assert pitches(right) == [72, 88, 86]
    assert pitches(left) == [48, 52, 55, 64, 67, 71, 62, 65, 69]


def test_a_wide_chord_is_shared():
    """By hands of which neither spans more than a ninth."""
    right, left = hands(chord(0, 36, 43, 48, 64, 67, 72))
    assert pitches(left) == [36, 43, 48]
    assert pitches(right) == [64, 67, 72]


def test_a_key_is_repeated_by_the_same_hand():
    """Two tracks of one channel could not tell the end of one note from the beginning of the next."""
    piece = [*chord(0, 60, lasts=500), *chord(500, 60, 76, 79, lasts=500), *chord(1000, 45, 60, lasts=500)]
    right, left = hands(piece)
    assert 60 not in pitches(left) or 60 not in pitches(right)


STRIKES = st.lists(
    st.builds(
        lambda start, lasts, pitch: Strike(start, start + lasts, pitch, 80),
        st.integers(0, 4000),
        st.integers(1, 2000),
        st.integers(21, 108),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(STRIKES)
def test_every_note_has_one_hand(strikes: list[Strike]):
    """None is lost, and none is played twice."""
    piece = playable(sorted(strikes))
    right, left = hands(piece)
    assert sorted(right + left) == sorted(piece)
