"""core/performance/xla/sampling.py: draws follow the probabilities, and nothing is drawn that a piano cannot play."""

import numpy as np
import pytest

from core.performance.events import BIN_CELLS, END, KEYS, PEDAL_DOWN, PEDAL_UP, PITCHES, START, TIME_BINS
from core.performance.sampling import SAMPLING, USUAL_SHIFT, DecodeState
from core.performance.xla.sampling import (
    after_event,
    legal_durations,
    legal_keys,
    legal_shifts,
    nucleus,
    pedal_bias,
    sample,
    tempo_bias,
)

SHARES = np.log(np.array([[0.1, 0.4, 0.2, 0.3]], dtype=np.float32))


def one(value, kind="int32"):
    return np.array([value], dtype=kind)


def state_with(key, pedal=False, sounded=True, pace=USUAL_SHIFT):
    return DecodeState(
        key=one(key),
        time=one(0),
        first_onset=one(0),
        sounded=one(sounded, bool),
        pedal_down=one(pedal, bool),
        pedal_moved=one(0),
        events_read=one(1),
        mean_shift=one(pace, "float32"),
    )


def keys(state, shift, may_end=False):
    return np.flatnonzero(np.asarray(legal_keys(state, one(shift), one(may_end, bool)))[0]).tolist()


@pytest.mark.parametrize("top_p, kept", [(1.0, [0, 1, 2, 3]), (0.8, [1, 2, 3]), (0.5, [1, 3]), (0.4, [1]), (0.01, [1])])
def test_the_nucleus_keeps_the_likeliest(top_p, kept):
    """The fewest choices that together reach top_p stay, the likeliest always."""
    assert np.flatnonzero(np.asarray(nucleus(SHARES, one(top_p, "float32")))[0] > -1e8).tolist() == kept


def test_draws_follow_the_probabilities():
    """Uniform draws spread evenly over [0, 1) choose each value as often as it is likely."""
    uniform = (np.arange(1000, dtype=np.float32) + 0.5) / 1000
    ones = np.ones(1000, dtype=np.float32)
    chosen = np.asarray(sample(np.repeat(SHARES, 1000, axis=0), uniform, ones, ones))
    np.testing.assert_allclose(np.bincount(chosen) / 1000, [0.1, 0.4, 0.2, 0.3], atol=2e-3)


def test_the_temperature_sharpens():
    """At a low temperature every draw chooses the likeliest."""
    uniform = np.linspace(0, 0.999, 100, dtype=np.float32)
    cold = np.full(100, 0.01, dtype=np.float32)
    assert set(np.asarray(sample(np.repeat(SHARES, 100, axis=0), uniform, cold, np.ones(100, np.float32)))) == {1}


@pytest.mark.parametrize("uniform", [0.0, 1 - 1e-6])
def test_a_forbidden_choice_is_never_drawn(uniform):
    """Not even by the outermost draws."""
    logits = np.array([[-1e9, 0.0, 0.0, -1e9]], dtype=np.float32)
    assert int(sample(logits, one(uniform, "float32"), one(1, "float32"), one(1, "float32"))[0]) in (1, 2)


def test_within_a_cell_keys_are_struck_from_low_to_high():
    """With no shift, only higher keys follow a note, and no move of the pedal; with a shift, all keys do."""
    assert keys(state_with(key=85), shift=0) == [86, 87]
    assert keys(state_with(key=85), shift=1) == [*range(PITCHES), PEDAL_DOWN]


def test_the_pedal_moves_by_turns():
    """The pedal comes up only when down and goes down only when up; within a cell it does not go down and up."""
    assert PEDAL_UP not in keys(state_with(key=3), shift=1)
    assert PEDAL_DOWN not in keys(state_with(key=3, pedal=True), shift=1)
    assert PEDAL_DOWN in keys(state_with(key=PEDAL_UP), shift=0)
    assert PEDAL_UP not in keys(state_with(key=PEDAL_DOWN, pedal=True), shift=0)


def test_a_piece_ends_only_where_it_may_and_after_a_note():
    """The end is masked before its time, and before the first note."""
    assert END in keys(state_with(key=3), shift=1, may_end=True)
    assert END not in keys(state_with(key=3), shift=1)
    assert END not in keys(state_with(key=PEDAL_DOWN, pedal=True, sounded=False), shift=1, may_end=True)


@pytest.mark.parametrize("key, zero", [(3, True), (PITCHES - 1, False), (PEDAL_UP, True), (START, False)])
def test_no_shift_only_where_a_key_is_left(key, zero):
    """After the highest key of a cell, and at the start, time goes on; a shift without end is never drawn."""
    legal = np.asarray(legal_shifts(state_with(key=key)))[0]
    assert legal[0] == zero
    assert legal[1:-1].all()
    assert not legal[-1]


def test_a_held_key_has_a_duration():
    """A cell at least, and not the bin without end."""
    legal = np.asarray(legal_durations())[0]
    assert np.flatnonzero(~legal).tolist() == [0, TIME_BINS - 1]


def test_usual_playing_is_left_alone():
    """Up to a pace that is fast for people; beyond it, time is pushed on, the more the faster."""
    usual, fast, faster, fastest = (
        np.asarray(tempo_bias(state_with(key=3, pace=pace), SAMPLING))[0]
        for pace in (USUAL_SHIFT, SAMPLING.fast_shift, 3.0, 0.5)
    )
    assert not usual.any()
    assert not fast.any()
    assert faster[0] == 0
    assert (np.diff(faster) > 0).all()
    assert (fastest[1:] > faster[1:]).all()
    np.testing.assert_allclose(
        fastest, np.asarray(tempo_bias(state_with(key=3, pace=SAMPLING.fastest_shift), SAMPLING))[0]
    )
    assert fastest[1] == pytest.approx(SAMPLING.tempo_bias * np.log(2), rel=1e-6)


def test_the_pace_follows_the_playing():
    """A hundred events without a shift make it fast, and a hundred slow ones slow again."""
    state = state_with(key=3)
    for _ in range(100):
        state = after_event(state, np.array([[0, 40, 20, 20]]))
    assert float(state.mean_shift[0]) < SAMPLING.fastest_shift
    for _ in range(100):
        state = after_event(state, np.array([[10, 40, 20, 20]]))
    assert float(state.mean_shift[0]) > USUAL_SHIFT / 2


def test_a_pedal_that_is_forgotten_is_lifted():
    """Lifting it grows likelier the longer the pedal is down, and nothing else does; nothing when it is up."""
    down = state_with(key=3, pedal=True)
    gains = [
        np.asarray(pedal_bias(down, one(SAMPLING.long_pedal + cells), SAMPLING))[0] for cells in (-100, 0, 100, 10**5)
    ]
    assert [gain[PEDAL_UP] for gain in gains] == pytest.approx(
        [0, 0, 100 * SAMPLING.pedal_bias, SAMPLING.most_pedal_bias]
    )
    assert not any(np.delete(gain, PEDAL_UP).any() for gain in gains)
    assert {gain.shape for gain in gains} == {(KEYS,)}
    assert not np.asarray(pedal_bias(state_with(key=3), one(10**5), SAMPLING)).any()


def test_the_pedal_is_held_from_where_it_moved():
    """Not from the notes that are struck meanwhile."""
    state = after_event(
        after_event(state_with(key=3), np.array([[30, PEDAL_DOWN, 0, 0]])), np.array([[20, 40, 20, 20]])
    )
    assert bool(state.pedal_down[0])
    assert int(state.pedal_moved[0]) == BIN_CELLS[30]
