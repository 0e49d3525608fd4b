"""core/performance/native/rubato.py: a score is timed and shaded as in XLA's decode loop."""

import numpy as np
import pytest

from core.performance.events import KEYS, PEDAL_DOWN, PEDAL_UP, TIME_BINS, VELOCITIES
from core.performance.given import FREELY, MELODY, SCORE
from core.performance.native import rubato as native
from core.performance.native.given import moment
from core.performance.rubato import SHIFTS
from core.performance.sampling import FORBIDDEN, SAMPLING
from core.performance.xla import given as xla_given
from core.performance.xla import rubato as xla
from tests.core.performance.native.cases import SLOTS, copied, random_performance

ALL = range(SLOTS)
TASKS = [FREELY, SCORE, MELODY]


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def logits_of(generator, *shape):
    return generator.normal(scale=2, size=(SLOTS, *shape)).astype(np.float32)


def struck_by(generator, notes):
    """In each slot the number of a note that is due, or -1."""
    due = np.asarray(xla_given.moment(notes).due)
    return np.where(due.any(axis=1) & (generator.random(SLOTS) < 0.7), due.argmax(axis=1), -1)


def test_a_chord_is_expected_at_the_same_time(generator):
    """As the tempo of late leads there, whatever the freedom."""
    notes, _ = random_performance(generator, SCORE)
    expected = [native.expected(notes, slot, moment(notes, slot)) for slot in ALL]
    np.testing.assert_allclose(expected, xla.expected(notes, xla_given.moment(notes)), rtol=1e-5, atol=1e-3)


def test_a_performance_is_timed_in_the_same_way(generator):
    """The onset shift, whether the pedal moves, the keys that may come then, and the draw that is left for them."""
    notes, state = random_performance(generator, SCORE)
    shift_logits, key_logits = logits_of(generator, TIME_BINS), logits_of(generator, len(SHIFTS), KEYS)
    shift_logits[:, : TIME_BINS // 4] += 6  # times at which both notes and pedals come
    key_logits[..., [PEDAL_UP, PEDAL_DOWN]] += 6
    uniforms, temperature = generator.random((SLOTS, 4), dtype=np.float32), np.linspace(0.7, 1.3, SLOTS)
    temperature = temperature.astype(np.float32)
    expected = xla.timing(
        np.zeros((SLOTS, 1)), shift_logits, lambda *_: key_logits.copy(), state, notes, uniforms, temperature, SAMPLING
    )
    work, keys, timed = native.work(), np.zeros((SLOTS, KEYS), dtype=np.float32), []
    for slot in ALL:
        row, key_row = shift_logits[slot], key_logits[slot]
        timed.append(native.timing(row, key_row, state, notes, slot, uniforms[slot], temperature[slot], SAMPLING, work))
        native.forbid_untimely_keys(keys[slot], timed[-1], state.key[slot], work)
    np.testing.assert_array_equal([time.shift for time in timed], expected.shift)
    np.testing.assert_array_equal(keys == 0, expected.keys)
    np.testing.assert_allclose([time.uniform for time in timed], expected.uniform, atol=1e-3)
    assert 0.1 < np.mean([time.pedal >= 0 for time in timed]) < 0.9


@pytest.mark.parametrize("task", TASKS)
def test_durations_have_the_same_prior(generator, task):
    """Where a note is struck that is written, a note of a melody, or none."""
    notes, _ = random_performance(generator, task)
    struck, logits = struck_by(generator, notes), logits_of(generator, TIME_BINS)
    expected = logits + np.asarray(xla.given_durations(notes, struck))
    for slot in ALL:
        native.add_duration_prior(logits[slot], notes, slot, struck[slot])
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-4)
    assert (logits == np.float32(FORBIDDEN)).any() == (task != FREELY)


@pytest.mark.parametrize("task", TASKS)
def test_velocities_have_the_same_prior(generator, task):
    """Where a note is struck that is written, and nowhere else."""
    notes, _ = random_performance(generator, task)
    struck, logits = struck_by(generator, notes), logits_of(generator, VELOCITIES)
    expected = logits + np.asarray(xla.velocity_prior(notes, struck))
    for slot in ALL:
        native.add_velocity_prior(logits[slot], notes, slot, struck[slot])
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_the_notes_are_the_same_after_some_were_struck(generator, task):
    """Which are left, and the tempo and the loudness that follow, note after note."""
    expected, state = random_performance(generator, task)
    notes, time = copied(expected), state.time
    for _ in range(10):
        struck, velocity = struck_by(generator, notes), generator.integers(0, VELOCITIES, SLOTS)
        time = time + generator.integers(0, 60, SLOTS)
        expected = xla.after_note(expected, struck, time, velocity)
        for slot in ALL:
            native.after_note(notes, slot, struck[slot], time[slot], velocity[slot])
        np.testing.assert_array_equal(notes.open, expected.open)
        np.testing.assert_allclose(notes.tempo, np.stack(expected.tempo), rtol=1e-4, atol=1e-4)
