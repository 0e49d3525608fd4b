"""The key of a piece, by the profiles of Krumhansl and Kessler (1982), which tell how well listeners found that each
pitch class fits a key."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core.tonality import ALL_KEYS, Key

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_LEAST_FIT, _LEAST_LEAD = 0.7, 0.05
"""The correlation that a clear key has at least, and its lead over that of any other signature. Of 55 performances of
the Well-Tempered Clavier in ASAP, 49 are clear, and 48 of these are right."""


def profile(key: Key) -> np.ndarray:
    """How well each pitch class fits the key, (12,), C first."""
    return np.roll(_MINOR if key.minor else _MAJOR, key.tonic)


def fits(weights: np.ndarray) -> dict[Key, float]:
    """The correlation of each key's profile with how much of each pitch class is heard, (12,); 0 for all alike."""
    if np.ptp(weights) == 0:
        return dict.fromkeys(ALL_KEYS, 0.0)
    return {key: float(np.corrcoef(weights, profile(key))[0, 1]) for key in ALL_KEYS}


def lead(found: dict[Key, float], key: Key) -> float:
    """How much better the key's signature fits than any other: keys that share one do not make each other unclear."""
    own = max(fit for other, fit in found.items() if other.signature == key.signature)
    return own - max(fit for other, fit in found.items() if other.signature != key.signature)


def key_of(notes: Iterable[tuple[int, float]]) -> Key | None:
    """The key in which the notes, pitches and how long each lasts, are; None where it is not clear."""
    weights = np.zeros(12)
    for pitch, lasts in notes:
        weights[pitch % 12] += lasts
    found = fits(weights)
    best = max(found, key=lambda key: found[key])
    return best if found[best] >= _LEAST_FIT and lead(found, best) >= _LEAST_LEAD else None
