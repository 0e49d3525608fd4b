"""core/performance/critic.py and training/critic.py: what scikit-learn learnt is told by NumPy alone."""

import numpy as np
import pytest

from core.errors import BadCheckpoint
from core.performance.critic import UNJUDGED, Critic, of_shipped_networks
from training import critic as training


@pytest.fixture(scope="module")
def stretches():
    """Features of 120 stretches, of which the first half is human and has more of two of them."""
    values = np.random.default_rng(0).uniform(-1, 1, size=(120, 6)).astype(np.float32)
    values[:60, :2] += 1.0
    return values, np.repeat([1, 0], 60)


def test_the_arrays_say_what_the_classifiers_say(stretches):
    """The score of each judge is scikit-learn's, for every stretch."""
    values, human = stretches
    critic = training.trained("abcdef", values, human)
    logistic, trees = (make().fit(values, human) for make in (training.regression, training.boosted_trees))
    np.testing.assert_allclose(
        [critic.regression.predict(row) for row in values], logistic.decision_function(values), atol=1e-5
    )
    np.testing.assert_allclose([critic.trees.score(row) for row in values], trees.decision_function(values), atol=1e-5)


def test_a_critic_is_read_as_it_was_written(stretches, tmp_path):
    """File and back: the same features, the same scores."""
    critic = training.trained("abcdef", *stretches)
    critic.save(tmp_path / "critic.npz")
    again = Critic.load(tmp_path / "critic.npz")
    assert again.features == critic.features
    assert [again.trees.score(row) for row in stretches[0]] == [critic.trees.score(row) for row in stretches[0]]


def test_a_file_that_is_no_critic_is_refused(tmp_path):
    """One sentence, which names the file: one that is empty, and one that is missing."""
    (tmp_path / "empty.npz").touch()
    for name in ("empty", "missing"):
        with pytest.raises(BadCheckpoint, match=rf"{name}\.npz is no critic"):
            Critic.load(tmp_path / f"{name}.npz")


def test_a_feature_that_is_far_from_all_music_does_not_outweigh_the_others(stretches):
    """A line would go on for ever; the regression counts three standard deviations of a feature at the most."""
    critic = training.trained("abcdef", *stretches)
    usual, strange, stranger = np.zeros((3, 6))
    strange[0], stranger[0] = 10.0, 100.0
    assert critic.regression.predict(usual) < critic.regression.predict(strange) == critic.regression.predict(stranger)


def test_next_to_no_notes_are_not_judged():
    """They are placed behind nearly everything."""
    assert of_shipped_networks().score(np.arange(3), np.array([40, 44, 47])) == UNJUDGED
    assert of_shipped_networks().score(np.zeros(0, dtype=int), np.zeros(0, dtype=int)) == UNJUDGED
