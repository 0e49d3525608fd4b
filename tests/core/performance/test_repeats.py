"""core/performance/repeats.py: what a score repeats is found, and has draws like those of the first time."""

import numpy as np
import pytest

from core.performance.events import VELOCITY
from core.performance.repeats import DRIFTS, FEWEST_CELLS, FEWEST_NOTES, earlier_notes, note_draws

NONE = [-1]


def passage(chords: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The cells and the keys of chords of two notes, a beat or half one apart."""
    random = np.random.default_rng(seed)
    cells = np.cumsum(random.choice([25, 50], chords))
    keys = random.integers(20, 40, chords)
    return np.repeat(cells, 2), np.stack([keys, keys + random.integers(3, 12, chords)], axis=1).ravel()


def after_one_another(*parts: tuple[np.ndarray, np.ndarray], rest: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """All these parts in one score, with a rest between any two."""
    cells, keys = [np.zeros(1, dtype=int)], []
    for part, part_keys in parts:
        cells.append(cells[-1][-1] + rest + part - part[0])
        keys.append(part_keys)
    return np.concatenate(cells[1:]), np.concatenate(keys)


def test_a_passage_that_comes_again_is_found():
    """Note by note, whatever is between; and nothing else is a repeat."""
    score = after_one_another(passage(20), passage(30, seed=1), passage(20))
    assert earlier_notes(*score).tolist() == NONE * 100 + list(range(40))


def test_a_repeat_may_be_rounded_otherwise():
    """A cell more or less from one chord to the next, as another place in a file has it."""
    cells, keys = after_one_another(passage(20), passage(30, seed=1), passage(20))
    cells[100:] += np.repeat(np.arange(20) % 2, 2)
    assert earlier_notes(cells, keys)[100:].tolist() == list(range(40))


def test_the_longest_passage_is_repeated():
    """Where a beginning came twice before, once with all that follows, that is the first playing."""
    whole, beginning = passage(30), tuple(values[:24] for values in passage(30))
    score = after_one_another(whole, passage(20, seed=1), beginning, passage(20, seed=2), whole)
    assert earlier_notes(*score)[-60:].tolist() == list(range(60))


@pytest.mark.parametrize(
    ("again", "rest"),
    [
        (lambda cells, keys: (cells, keys + 1), 100),
        (lambda cells, keys: (2 * cells, keys), 100),
        (lambda cells, keys: (cells[: FEWEST_NOTES - 2], keys[: FEWEST_NOTES - 2]), 100),
    ],
    ids=["transposed", "half as fast", "too short"],
)
def test_other_passages_are_no_repeats(again, rest):
    """What is moved to other keys or times, or is too short to be remembered."""
    cells, keys = passage(20)
    score = after_one_another((cells, keys), passage(20, seed=1), again(cells, keys), rest=rest)
    assert (earlier_notes(*score) < 0).all()


def test_a_figure_is_no_repeat():
    """A trill repeats what it was some seconds ago, and not its last notes."""
    cells = 12 * np.arange(200)
    earlier = earlier_notes(cells, 40 + np.arange(200) % 2)
    again = np.flatnonzero(earlier >= 0)
    assert len(again) > 100
    assert (cells[again] - cells[earlier[again]] >= FEWEST_CELLS).all()


@pytest.mark.parametrize("notes", [0, 1])
def test_a_score_of_hardly_a_note_has_draws(notes):
    """As many as it has notes."""
    assert note_draws(np.zeros(notes, dtype=int), np.zeros(notes, dtype=int), take=1).shape == (notes, 4)


def test_draws_of_a_repeat_are_near_those_of_the_first_time():
    """No further than a draw moves, but not the same; those of another take are others."""
    score = after_one_another(passage(200), passage(200))
    draws, others = note_draws(*score, take=1), note_draws(*score, take=2)
    moved = abs(draws[400:] - draws[:400])
    assert (moved <= np.float32(DRIFTS) + 1e-6).all()
    assert moved[:, VELOCITY].mean() > 0.1
    assert abs(draws - others).mean() == pytest.approx(1 / 3, abs=0.03)


def test_draws_are_as_likely_anywhere():
    """Of what was repeated many times too: a tenth of them in every tenth from 0 to 1, and none is 1."""
    score = after_one_another(*[passage(500)] * 20)
    draws = note_draws(*score, take=3)[-1000 * 10 :]
    shares = np.array([np.histogram(draws[:, attribute], 10, (0, 1))[0] for attribute in range(4)]) / len(draws)
    np.testing.assert_allclose(shares, 0.1, atol=0.02)
    assert draws.max() < 1
