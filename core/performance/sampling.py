"""Sampling parameters, the state that sampling goes by and its uniform draws: what the decode loops have in common, see
`xla.sampling` and `native.sampling`. Named tuples throughout, which both can be handed."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from core.performance.events import BIN_CELLS

Tensor: TypeAlias = Any

FORBIDDEN = -1e9
USUAL_SHIFT = 8.4
"""Cells from one event to the next, the median in human playing."""
SHIFT_MEMORY = 64
"""Events over which the mean onset shift is averaged."""
LOG_CELLS = np.log1p(BIN_CELLS).astype(np.float32)
"""The logarithm of a cell more than each bin of time has."""
DRAWS_BELOW = 1 - 1e-6
"""The greatest draw: in float32 it times a total is still less than that."""


class SamplingParameters(NamedTuple):
    """How a network is drawn from, found by comparing pieces with human ones (docs/exploration.md); an engine is
    compiled with them. A request's own temperature and top_p count on top."""

    temperatures: tuple[float, float, float, float] = (1.0, 0.82, 1.0, 1.0)
    """The temperature of each attribute where a request's is 1. A calibrated network is as unsure as it ought to be
    before music that it has not read; its keys, sampled as they are, wander through more harmonies than pianists' do.
    Candidates that differ leave the critic something to choose from, so they are warmer than one alone would have to be
    (0.80). Times, velocities and durations are human as they are: colder, notes get denser and shorter
    (docs/exploration.md)."""
    tail_shares: tuple[float, float, float, float] = (0.0, 1.0, 1.0, 1.0)
    """For each attribute how much of the tail beyond a request's top_p is cut off: 0 keeps all. The onset shift's tail
    stays: it has the pauses, without which the playing gets faster and faster."""
    recall_bias: float = 0.09
    """How much lower the score of recalling nothing is than in training, as a share of what it is at first: a network
    that predicts a pianist who comes back to something follows, but of itself it would not come back."""
    tempo_bias: float = 1.5
    """The most that is added to the logit of an onset shift, for each nat of its cells."""
    fast_shift: float = 6.0
    """Cells from one event to the next, on average, below which the tempo bias begins, and ..."""
    fastest_shift: float = 2.0
    """... at which it is whole: a quarter of human pieces is faster than 4.0 somewhere, a hundredth faster than 2.0. A
    model that reads its own playing gets faster and faster once it is as fast as that."""
    pedal_bias: float = 0.01
    """The gain of the logit of lifting the pedal for each cell beyond `long_pedal`. Of the time that people have
    it down, they have it for more than 10 s in 0 to 5 %; left alone the model does in 10 %, and once forgot it for
    48 s."""
    long_pedal: int = 400
    """Cells for which the pedal may stay down unhindered."""
    most_pedal_bias: float = 5.0


SAMPLING = SamplingParameters()


class DecodeState(NamedTuple):
    """Where the sequences in the slots are, each (slots,): the last `key`, the `time` of the last event and that of the
    first note, `first_onset`, in cells, whether a note has `sounded`, whether the pedal is down and when it last moved
    (cells), how many events were read, and the running mean of the onset shifts (cells)."""

    key: Tensor
    time: Tensor
    first_onset: Tensor
    sounded: Tensor
    pedal_down: Tensor
    pedal_moved: Tensor
    events_read: Tensor
    mean_shift: Tensor


def uniforms(take: int, sub_take: int, first: int, count: int) -> np.ndarray:
    """(count, 4) float32 draws from [0, 1) for the attributes of the events from `first` on. They depend on nothing but
    these numbers: the generator is NumPy's Philox, keyed by take and sub-take, its counter the event's number."""
    philox = np.random.Philox(key=np.array([take, sub_take], dtype=np.uint64), counter=first)
    draws = np.random.Generator(philox).random((count, 4))  # four numbers are one step of the counter
    return np.minimum(draws, DRAWS_BELOW).astype(np.float32)
