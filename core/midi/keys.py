"""The key of a piece, by the profiles of Krumhansl and Kessler (1982), which tell how well listeners found that each
pitch class fits a key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_LEAST_FIT, _LEAST_LEAD = 0.7, 0.05
"""The correlation that a clear key has at least, and its lead over that of any other signature. Of 55 performances of
the Well-Tempered Clavier in ASAP, 49 are clear, and 48 of these are right."""
_MAJOR_NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_MINOR_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B")


class Key(NamedTuple):
    """`tonic` is a pitch class, 0 for C."""

    tonic: int
    minor: bool

    @property
    def sharps(self) -> int:
        """Of its signature; flats are negative."""
        relative = (self.tonic + 3) % 12 if self.minor else self.tonic
        sharps = 7 * relative % 12
        most = 5 if self.minor and self.tonic == 3 else 6  # E flat minor has six flats, F sharp major six sharps
        return sharps if sharps <= most else sharps - 12

    def __str__(self) -> str:
        """`E♭ minor`."""
        return f"{_MINOR_NAMES[self.tonic]} minor" if self.minor else f"{_MAJOR_NAMES[self.tonic]} major"

    @property
    def short(self) -> str:
        """`Ebm`, as the tags of a recording have it."""
        name = (_MINOR_NAMES if self.minor else _MAJOR_NAMES)[self.tonic]
        return name.replace("♭", "b").replace("♯", "#") + ("m" if self.minor else "")


def key_of(notes: Iterable[tuple[int, float]]) -> Key | None:
    """The key in which the notes, pitches and how long each lasts, are; None where it is not clear. Keys that share a
    signature do not make each other unclear."""
    weights = np.zeros(12)
    for pitch, lasts in notes:
        weights[pitch % 12] += lasts
    if not weights.any() or np.ptp(weights) == 0:
        return None
    fits = {
        Key(tonic, minor): float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1])
        for minor, profile in ((False, _MAJOR), (True, _MINOR))
        for tonic in range(12)
    }
    best = max(fits, key=lambda key: fits[key])
    others = max(fit for key, fit in fits.items() if (key.sharps - best.sharps) % 12)
    return best if fits[best] >= _LEAST_FIT and fits[best] - others >= _LEAST_LEAD else None
