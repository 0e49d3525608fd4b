"""core/article/sampling.py: words are drawn with the probabilities that the network gives them."""

import numpy as np
import pytest

from core.article.sampling import drawn

SILENCE = 90


@pytest.mark.parametrize("temperature", [0.1, 1.0, 2.0])
def test_what_is_drawn_follows_the_logits(temperature):
    """The summed probabilities pass the chance at the word that is drawn. The temperature divides the logits of the
    words that sound; silence keeps its share."""
    generator = np.random.default_rng(3)
    for _ in range(25):
        logits, chance = generator.normal(size=91).astype(np.float32), generator.random()
        odds = np.exp(logits.astype(np.float64))
        silence = odds[SILENCE] / odds.sum()
        sounding = odds[:SILENCE] ** (1 / temperature)
        passed = np.cumsum([*sounding * (1 - silence) / sounding.sum(), silence])
        word = drawn(logits, SILENCE, temperature, chance)
        assert passed[word] >= chance - 1e-5
        assert word == 0 or passed[word - 1] <= chance + 1e-5


def test_a_chance_near_one_draws_the_last_word():
    """Also where the probabilities, rounded, add up to less."""
    assert drawn(np.zeros(91, dtype=np.float32), SILENCE, 1.0, 1.0) == SILENCE
