"""core/midi/pairing: which release belongs to which strike of a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.midi.pairing import RELEASE, SILENCE, paired, silenced

OVERLAP, END = 10, 10_000


@pytest.mark.parametrize(
    ("moves", "notes"),
    [
        pytest.param([(0, 80), (100, 0)], [(0, 100)], id="a pair"),
        pytest.param([(0, 80), (10, 80), (100, 0), (110, 0)], [(0, 100), (10, 110)], id="a pair within a pair"),
        pytest.param([(0, 80), (99, 80), (100, 0), (200, 0)], [(0, 100), (99, 200)], id="an overlap"),
        pytest.param([(0, 0), (0, 80), (100, 0)], [(0, 100)], id="a release too many"),
        pytest.param([(0, 80)], [(0, END)], id="never released"),
        pytest.param([(0, 80), (100, 80), (200, 0)], [(0, 100), (100, 200)], id="a release is missing"),
        pytest.param(
            [(0, 80), (50, 0), (100, 80), (200, 80), (250, 0), (300, 80), (350, 0)],
            [(0, 50), (100, 200), (200, 250), (300, 350)],
            id="a release is missing between others",
        ),
        pytest.param(
            [(0, 80), (99, 80), (100, 0), (199, 80), (200, 0)],
            [(0, 100), (99, 200), (199, END)],
            id="overlaps, and the last is never released",
        ),
        pytest.param([(0, 80), (50, 80), (100, SILENCE), (200, 0)], [(0, 100), (50, 100)], id="all notes off"),
    ],
)
def test_strikes_are_paired(moves, notes):
    """First in, first out; where a strike would be left over, the next strike of the key ends it."""
    assert sorted((start, end) for start, end, _ in paired(moves, END, OVERLAP)) == notes


MOVES = st.lists(st.tuples(st.integers(0, 50), st.sampled_from([SILENCE, RELEASE, RELEASE, 60, 70]))).map(
    lambda steps: [(sum(step for step, _ in steps[: place + 1]), hard) for place, (_, hard) in enumerate(steps)]
)


@given(MOVES)
def test_every_strike_is_one_note(moves):
    """Whatever is missing: a note for each strike, as hard as it, that ends at a strike, a release or the end."""
    notes = paired(moves, END, OVERLAP)
    assert sorted((start, hard) for start, _, hard in notes) == sorted(move for move in moves if move[1] > 0)
    moments = {tick for tick, _ in moves} | {END}
    assert all(start <= end for start, end, _ in notes)
    assert {end for _, end, _ in notes} <= moments


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 500)), max_size=20))
def test_complete_pairs_are_first_in_first_out(pairs):
    """Where each strike has a release, the n-th release ends the n-th strike."""
    strikes = sorted(start for start, _ in pairs)
    releases = sorted(start + lasts for start, lasts in pairs)
    moves = sorted([(tick, RELEASE) for tick in releases] + [(tick, 80) for tick in strikes])
    assert sorted(paired(moves, END, OVERLAP)) == [(*both, 80) for both in zip(strikes, releases, strict=True)]


@given(MOVES, st.lists(st.integers(0, 400), max_size=5, unique=True).map(sorted))
def test_no_note_lasts_beyond_the_end_of_all(moves, silences):
    """However the key is struck and released in its own track."""
    for start, end, _ in paired(silenced(moves, silences), END, OVERLAP):
        assert not any(start < tick < end for tick in silences)
