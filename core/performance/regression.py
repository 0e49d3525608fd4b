"""Linear regressions that were learnt elsewhere, as a few arrays: nothing here needs scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

MOST_DEVIATIONS = 3.0
"""Standard deviations that a feature counts at the most: the further away from all music, the less a line says."""


class Regression(NamedTuple):
    """A regression on standardised features, each (features,) but the intercept."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: np.ndarray

    def predict(self, features: np.ndarray, gain: float = 1.0) -> np.ndarray:
        """(..., features) -> (...). A `gain` above 1 makes more of what differs."""
        standard = np.clip((features - self.mean) / self.scale, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        return self.intercept + gain * (standard @ self.weights)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], name: str) -> Regression:
        """The regression of this name in a file of arrays. Raises KeyError."""
        return cls(*(arrays[f"{name}_{part}"] for part in cls._fields))

    def to_arrays(self, name: str) -> dict[str, Any]:
        return {f"{name}_{part}": values for part, values in self._asdict().items()}
