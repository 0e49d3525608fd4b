"""core/performance/native/sampling.py: the same choices, masks and biases as in XLA's decode loop."""

import numpy as np
import pytest

from core.performance.events import KEYS, NO_DURATION, NO_VELOCITY, SIZES, TIME_BINS
from core.performance.native import sampling as native
from core.performance.sampling import FORBIDDEN, SAMPLING
from core.performance.xla import sampling as xla
from core.performance.xla.engine import remaining
from tests.core.performance.native.cases import SLOTS, copied, random_state

ALL = range(SLOTS)


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def random_logits(generator, choices):
    """Scores as peaked as a network's, some of them forbidden, and some equal."""
    logits = np.round(generator.normal(scale=3, size=(SLOTS, choices)), 2).astype(np.float32)
    return np.where(generator.random(logits.shape) < 0.2, np.float32(FORBIDDEN), logits)


def forbidden(forbid, choices):
    """(slots, choices): which logits a function forbids that is called with a row of them and its slot."""
    logits = np.zeros((SLOTS, choices), dtype=np.float32)
    for slot in ALL:
        forbid(logits[slot], slot)
    assert set(np.unique(logits)) <= {0, np.float32(FORBIDDEN)}
    return logits < 0


@pytest.mark.parametrize("choices", sorted(set(SIZES)))
@pytest.mark.parametrize("top_p", [1.0, 0.98, 0.5, 0.01])
def test_draws_are_the_same(generator, choices, top_p):
    """The same choice from the same logits and uniform draw, at any temperature and with any nucleus."""
    logits, uniform = random_logits(generator, choices), generator.random(SLOTS, dtype=np.float32)
    temperature, weights = generator.uniform(0.5, 1.5, SLOTS).astype(np.float32), np.empty(TIME_BINS, np.float32)
    drawn = [native.draw(logits[slot], uniform[slot], temperature[slot], top_p, weights) for slot in ALL]
    np.testing.assert_array_equal(
        drawn, xla.sample(logits, uniform, temperature, np.full(SLOTS, top_p, dtype=np.float32))
    )


@pytest.mark.parametrize("top_p, kept", [(0.8, [1, 2, 3]), (0.69, [1, 3]), (0.5, [1, 3]), (0.4, [1]), (0.01, [1])])
def test_the_nucleus_keeps_the_likeliest(top_p, kept):
    """The fewest weights that together reach top_p stay, the likeliest always."""
    weights = np.array([0.25, 1.0, 0.5, 0.75], dtype=np.float32)
    total = native.nucleus(weights, top_p, 2.5)
    assert np.flatnonzero(weights).tolist() == kept
    assert total == weights.sum()


@pytest.mark.parametrize("uniform", [0.0, 1 - 1e-6])
def test_a_forbidden_choice_is_never_drawn(uniform):
    """Not even by the outermost draws, and where the likeliest are equal."""
    logits = np.array([FORBIDDEN, 0.0, 0.0, FORBIDDEN], dtype=np.float32)
    assert native.draw(logits, uniform, 1.0, 0.98, np.empty(4, dtype=np.float32)) in (1, 2)


def test_the_probability_of_a_choice_is_its_share(generator):
    """Softmax of the logits."""
    logits = generator.normal(scale=3, size=KEYS).astype(np.float32)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert [native.probability(logits, key) for key in range(KEYS)] == pytest.approx(expected.tolist(), rel=1e-4)


def test_the_same_shifts_are_forbidden(generator):
    """After any key."""
    state = random_state(generator)
    legal = ~forbidden(lambda row, slot: native.forbid_shifts(row, state, slot), TIME_BINS)
    np.testing.assert_array_equal(legal, xla.legal_shifts(state))


@pytest.mark.parametrize("shift", [0, 5])
def test_the_same_keys_are_forbidden(generator, shift):
    """After any key, with any pedal, whether the piece may end or not."""
    state, may_end = random_state(generator), generator.random(SLOTS) < 0.5
    legal = ~forbidden(lambda row, slot: native.forbid_keys(row, state, slot, shift, may_end[slot]), KEYS)
    np.testing.assert_array_equal(legal, xla.legal_keys(state, np.full(SLOTS, shift), may_end))


def test_the_same_durations_are_forbidden():
    """None at all, and the one without end."""
    legal = ~forbidden(lambda row, slot: native.forbid_durations(row), TIME_BINS)
    np.testing.assert_array_equal(legal, np.repeat(xla.legal_durations(), SLOTS, axis=0))


def test_the_same_is_added_for_haste(generator):
    """Whatever the pace."""
    state, logits = random_state(generator), np.zeros((SLOTS, TIME_BINS), dtype=np.float32)
    for slot in ALL:
        native.add_tempo_bias(logits[slot], state, slot, SAMPLING)
    np.testing.assert_allclose(logits, xla.tempo_bias(state, SAMPLING), atol=1e-5)


def test_the_pedal_gains_the_same(generator):
    """However long it has been down."""
    state = random_state(generator)
    times = state.time + 50
    gains = [native.pedal_gain(state, slot, times[slot], SAMPLING) for slot in ALL]
    np.testing.assert_allclose(gains, xla.pedal_gain(state, times[:, None], SAMPLING)[:, 0], atol=1e-5)


def test_the_state_is_the_same_after_events(generator):
    """After each of ten events that may be notes or moves of the pedal; the time of the next one is foretold."""
    native_state = random_state(generator)
    xla_state = copied(native_state)
    for _ in range(10):
        shifts, keys = generator.integers(0, TIME_BINS, SLOTS), generator.integers(0, KEYS, SLOTS)
        events = np.stack([shifts, keys, np.full(SLOTS, NO_VELOCITY), np.full(SLOTS, NO_DURATION)], axis=-1)
        for slot in ALL:
            foretold = native.time_after(native_state, slot, shifts[slot])
            native.after_event(native_state, slot, shifts[slot], keys[slot])
            assert foretold == native_state.time[slot]
        xla_state = xla.after_event(xla_state, events)
        for ours, theirs in zip(native_state, xla_state, strict=True):
            np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5)


def test_the_remaining_time_has_the_same_bucket(generator):
    """Also where no length is asked for, and before the first note."""
    state = random_state(generator)
    length = (generator.integers(-1, 40, SLOTS) * 500).clip(0).astype(np.int32)
    buckets = [native.remaining(state, slot, length[slot]) for slot in ALL]
    np.testing.assert_array_equal(buckets, remaining(state, length))
    assert len(set(buckets)) > 10


def test_a_slot_is_left_alone_by_its_neighbours(generator):
    """An event of one slot changes nothing of the others."""
    state = random_state(generator)
    before = [np.delete(part, 5) for part in state]
    native.after_event(state, 5, 30, 40)
    for old, new in zip(before, state, strict=True):
        np.testing.assert_array_equal(old, np.delete(new, 5))
    assert state.key[5] == 40
