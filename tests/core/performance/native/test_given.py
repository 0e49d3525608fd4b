"""core/performance/native/given.py: the same notes are due and struck, and the accompaniment makes way for a
melody in the same way, as in XLA's decode loop."""

import numpy as np
import pytest

from core.performance.events import KEYS, VELOCITY
from core.performance.given import FREELY, GIVEN_NOTES, MELODY, SCORE
from core.performance.native import given as native
from core.performance.xla import given as xla
from tests.core.performance.native.cases import SLOTS, random_performance

ALL = range(SLOTS)
TASKS = [FREELY, SCORE, MELODY]


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def drawn_events(generator, notes):
    """Onset shifts and keys; every other key is that of a note which may be due."""
    shifts = generator.integers(0, 60, SLOTS)
    open_first = notes.open.argmax(axis=1) + generator.integers(0, 2, SLOTS)
    keys = np.where(generator.random(SLOTS) < 0.5, notes.key[np.arange(SLOTS), open_first], 0)
    return shifts, np.where(keys > 0, keys, generator.integers(0, KEYS, SLOTS))


@pytest.mark.parametrize("task", TASKS)
def test_the_same_chord_is_due(generator, task):
    """The cells of that chord and of the next, whether it is begun, its outermost keys, how
    many notes were struck, and whether any is left at all."""
    notes, _ = random_performance(generator, task)
    moments, expected = [native.moment(notes, slot) for slot in ALL], xla.moment(notes)
    due = np.asarray(expected.due)
    for part in ("written", "begun", "following", "struck"):
        np.testing.assert_array_equal([getattr(now, part) for now in moments], getattr(expected, part))
    np.testing.assert_array_equal([now.lowest for now in moments], np.where(due, notes.key, KEYS).min(axis=1))
    np.testing.assert_array_equal([now.highest for now in moments], np.where(due, notes.key, -1).max(axis=1))
    np.testing.assert_array_equal([native.is_over(notes, slot) for slot in ALL], ~due.any(axis=1))


def test_the_same_keys_keep_out_of_a_melodys_way(generator):
    """A melody's key and those beside it, where it sounds or comes soon, and those above it."""
    notes, state = random_performance(generator, MELODY)
    logits, time = generator.normal(size=(SLOTS, KEYS)).astype(np.float32), state.time + 10
    expected = logits + np.asarray(xla.melody_bias(notes, time))
    for slot in ALL:
        native.add_melody_bias(logits[slot], notes, slot, time[slot])
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_the_same_events_give_way_to_a_melody(generator):
    """Whatever was drawn that would come after the melody's next note."""
    notes, state = random_performance(generator, MELODY)
    shifts, keys = drawn_events(generator, notes)
    given_way = [native.giving_way(notes, state, slot, shifts[slot], keys[slot]) for slot in ALL]
    np.testing.assert_array_equal(np.transpose(given_way), xla.giving_way(notes, state, shifts, keys))
    assert 0.1 < np.mean(np.array(given_way)[:, 1] == keys) < 0.9


@pytest.mark.parametrize("task", TASKS)
def test_the_same_note_is_struck(generator, task):
    """With a key that is due, or is not, or is due later."""
    notes, state = random_performance(generator, task)
    shifts, keys = drawn_events(generator, notes)
    struck = [native.struck_note(notes, state, slot, shifts[slot], keys[slot]) for slot in ALL]
    np.testing.assert_array_equal(struck, xla.struck_note(notes, state, shifts, keys))
    assert (max(struck) >= 0) == (task != FREELY)


@pytest.mark.parametrize("task", TASKS)
def test_a_note_has_the_same_draw(generator, task):
    """A note of a score its own; others, and what is no note of one, that of the event."""
    notes, _ = random_performance(generator, task)
    struck, uniforms = generator.integers(-1, GIVEN_NOTES, SLOTS), generator.random(SLOTS, dtype=np.float32)
    drawn = [native.own_draw(notes, slot, struck[slot], VELOCITY, uniforms[slot]) for slot in ALL]
    np.testing.assert_array_equal(drawn, xla.own_draw(notes, struck, VELOCITY, uniforms))
    assert (np.array(drawn) == uniforms)[struck >= 0].all() == (task != SCORE)
