"""The critic: tells how much a stretch of music is like human playing, by which keys are struck when.

It learnt that from stretches of human and of generated pieces (`training.critic`), in two ways whose verdicts are
added: logistic regression, and boosted trees. Both are a few arrays, so that composing needs no scikit-learn."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.performance.arrays import arrays_in
from core.performance.events import CELL
from core.performance.features import FRAME, piano_roll, pitch_features
from core.performance.regression import Regression

FILE = Path(__file__).with_suffix(".npz")
"""The critic that learnt from pieces of the networks that ship."""
STRETCH_SECONDS = 20.0
"""Seconds of music that are judged at once. Over less, little returns that could be judged."""
FEWEST_NOTES = 10
"""Notes below which a stretch is not judged."""
UNJUDGED = -9.0
"""The score of such a stretch: below nearly all others."""


class Trees(NamedTuple):
    """Boosted trees, each a whole binary tree whose node n has the children 2n + 1 and 2n + 2. `feature` and
    `threshold` are (trees, inner nodes): a value above the threshold goes to the second child; `leaves` are what the
    trees add to `first`, (trees, leaves)."""

    first: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    leaves: np.ndarray

    def score(self, values: np.ndarray) -> float:
        trees, inner = self.feature.shape
        every, nodes = np.arange(trees), np.zeros(trees, dtype=int)
        for _ in range((inner + 1).bit_length() - 1):
            above = values[self.feature[every, nodes]] > self.threshold[every, nodes]
            nodes = 2 * nodes + 1 + above
        return float(self.first + self.leaves[every, nodes - inner].sum())


class Critic(NamedTuple):
    """Both judges, and the names of the features that they look at, in order."""

    features: tuple[str, ...]
    regression: Regression
    trees: Trees

    @classmethod
    def load(cls, path: Path) -> Critic:
        """Raises BadCheckpoint for a file that is missing or no critic."""
        with arrays_in(path, "is no critic") as arrays:
            trees = Trees(*(arrays[f"trees_{name}"] for name in Trees._fields))
            return cls(tuple(arrays["features"].tolist()), Regression.from_arrays(arrays, "regression"), trees)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        regression = self.regression.to_arrays("regression")
        trees = {f"trees_{name}": values for name, values in self.trees._asdict().items()}
        np.savez_compressed(path, features=np.array(self.features), **regression, **trees)

    def score(self, onsets: np.ndarray, pitches: np.ndarray) -> float:
        """The sum of two logarithms of odds that a pianist played the last `STRETCH_SECONDS` of these notes. `onsets`
        are in cells, in order, `pitches` indices of keys."""
        last = onsets > onsets[-1] - STRETCH_SECONDS / CELL if len(onsets) else np.zeros(0, dtype=bool)
        if last.sum() < FEWEST_NOTES:
            return UNJUDGED
        values = self.values(onsets[last], pitches[last])
        return float(self.regression.predict(values)) + self.trees.score(values)

    def values(self, onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        """The features of a stretch of notes, (features,)."""
        found = stretch_features(onsets, pitches)
        return np.array([found[name] for name in self.features], dtype=np.float32)


def stretch_features(onsets: np.ndarray, pitches: np.ndarray) -> dict[str, float]:
    """`features.pitch_features` of notes whose onsets are in cells."""
    return pitch_features(piano_roll(onsets, pitches, round(FRAME / CELL)))


@cache
def of_shipped_networks() -> Critic:
    """The critic that ships. Raises BadCheckpoint when it is missing."""
    return Critic.load(FILE)
