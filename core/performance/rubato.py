"""Rubato: when the chords of a given score are struck, how hard, and for how long. These are its parameters; the decode
loops' own modules, `xla.rubato` and `native.rubato`, apply them.

Before each chord the network chooses when its first note is struck, in a window about the moment that the tempo of the
last seconds leads to, and whether the pedal moves before; then in which order, and how quickly, the chord's other notes
follow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.performance.events import BIN_CELLS, TIME_BINS

SHIFTS = np.array([0, 1, 3, 7, 14, 27, 50, 90, 140, 200])
"""Bins of the onset shift at which the likelihood of the keys is looked up; between them it is interpolated."""
BETWEEN = np.stack([np.interp(np.arange(TIME_BINS), SHIFTS, row) for row in np.eye(len(SHIFTS))]).astype(np.float32)
"""(SHIFTS, TIME_BINS): the weight of each of them at each bin."""
CELLS = BIN_CELLS.astype(np.float32)
LOG_DURATIONS = np.log(np.maximum(CELLS, 0.5))
"""The logarithm of the cells of each bin of time."""
LEAST_LOG_LIKELIHOOD = -30.0
"""The least logarithm of the probability of the keys that are due."""
LEAST_LOG_PRIOR = -50.0
"""The least logarithm of the prior of an onset shift that is allowed, so that one is always possible."""
MOST_HAZARD = 0.99
"""The greatest probability that the pedal moves at a moment before which nothing came."""


class Rubato(NamedTuple):
    """How freely a score is timed at a `freedom` of 1; times are in cells."""

    window: tuple[float, float] = (3.0, 0.2)
    """How far a chord may be from its moment: so many cells, and that share of the time since the chord before."""
    deviation: tuple[float, float] = (0.8, 0.05)
    """The standard deviation, likewise, of the prior that the network's own timing is weighed with."""
    spread: float = 10.0
    """The most between the first note of a chord and its last, ..."""
    spread_share: float = 0.4
    """... and the most as a share of the time to the next chord."""
    tempo_memory: float = 200.0
    """The time in which the tempo follows what was played."""
    tempo_return: float = 800.0
    """The time in which the tempo returns to the written one."""
    most_tempo: float = 0.25
    """The greatest deviation of the tempo, as a logarithm."""
    catch_up: float = 1000.0
    """The time in which the playing makes up for where it is ahead or late."""
    most_ahead: tuple[float, float] = (50.0, 0.02)
    """How far it may be ahead or late: so many cells, and that share of the time since the beginning."""
    loudness_deviation: float = 4.5
    """The standard deviation, in bins, of the velocity about the one that is foreseen."""
    loudness_memory: float = 40.0
    """The notes in which what is foreseen follows how loud it was of late, ..."""
    loudness_return: float = 0.6
    """... and the share of that which stays: a swell ends."""
    held_deviation: float = 0.6
    """The standard deviation of the logarithm of the duration about the one that is foreseen."""


RUBATO = Rubato()
