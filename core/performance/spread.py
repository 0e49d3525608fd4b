"""Spreading: what was drawn on a grid is put anywhere within its bin, as playing is, so that a file does not show the
grid. The draws belong to the take, and reading the file gives the same events again."""

from __future__ import annotations

import numpy as np

from core.performance.events import (
    BIN_WIDTHS,
    DURATION,
    KEY,
    PITCHES,
    SHIFT,
    TIME_BINS,
    TIME_EDGES,
    VELOCITY,
    VELOCITY_WIDTH,
    bins_of,
    playable,
)

EARLIEST_OFFSET, OFFSETS = -5, 10
"""Milliseconds from the middle of a cell to its first one, and how many there are in it."""
_STREAM = 1  # apart from the draws of the events, which have 0 there


def spread(moments: np.ndarray, take: int, exact: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The moments, `playable`, with velocities and long times anywhere in their bins, and the milliseconds by which
    each onset and release is away from the middle of its cell, (events, 2). The first `exact` events keep their
    times."""
    first, second = _draws(take, len(moments), 0), _draws(take, len(moments), 1)
    moments, free = moments.copy(), np.arange(len(moments)) >= exact
    for column, draws in ((SHIFT, first[:, 0]), (DURATION, first[:, 1])):
        moments[:, column] = np.where(free, _within_bin(moments[:, column], draws), moments[:, column])
    struck = moments[:, KEY] < PITCHES
    louder = moments[:, VELOCITY] // VELOCITY_WIDTH * VELOCITY_WIDTH + (first[:, 2] * VELOCITY_WIDTH).astype(int)
    moments[:, VELOCITY] = np.where(struck, np.maximum(louder, 1), 0)
    moments = playable(moments)
    offsets = (second[: len(moments), :2] * OFFSETS).astype(int) + EARLIEST_OFFSET
    return moments, _in_order(moments, np.where(free[: len(moments), None], offsets, 0))


def _draws(take: int, count: int, number: int) -> np.ndarray:
    philox = np.random.Philox(key=np.array([take, 0], dtype=np.uint64), counter=[0, _STREAM, number, 0])
    return np.random.Generator(philox).random((count, 4))


def _within_bin(cells: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Anywhere in the bin of each time; the last bin, which has no end, stays."""
    bins = bins_of(cells)
    spread = TIME_EDGES[bins] + (draws * BIN_WIDTHS[bins]).astype(int)
    return np.where(bins < TIME_BINS - 1, spread, cells)


def _in_order(moments: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The offsets, with nothing before the piece begins, and with the moves of the pedal in a cell in their order."""
    onsets = np.cumsum(moments[:, SHIFT])
    offsets[:, 0] = np.where(onsets == 0, np.maximum(offsets[:, 0], 0), offsets[:, 0])
    pedal = moments[:, KEY] >= PITCHES
    for number in np.flatnonzero(pedal[1:] & pedal[:-1] & (moments[1:, SHIFT] == 0)):
        offsets[number + 1, 0] = offsets[number, 0]
    return offsets
