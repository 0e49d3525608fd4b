"""Products and norms of a few rows at once. Matrices are in 8 bits and stay so: what bounds a step of one piece is
reading the weights. Rows are rounded to 16 bits for a product, which is then exact."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.performance.native import compiled
from core.performance.native.vectors import BLOCK, ROWS, blocks, sum_products

EPSILON = np.float32(1e-6)
"""What Keras adds to a mean square."""
_MOST = np.int64(np.iinfo(np.int16).max)
_MOST_SUM = np.int64(np.iinfo(np.int32).max // 128)
"""Bound of a sum of rounded inputs, within which 32 bits hold their products with numbers of 8 bits."""
_LEAST = np.float32(1e-30)


class Matrix(NamedTuple):
    """The weights of a product: its numbers of int8 as `vectors.blocks` gives them, and the scale of each column,
    (columns,)."""

    numbers: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, scales: np.ndarray) -> Matrix:
        """From (columns, inputs) of int8."""
        return cls(blocks(numbers), scales)


class FeedForward(NamedTuple):
    """The weights of a feed-forward layer."""

    norm: np.ndarray
    up: Matrix
    down: Matrix


@compiled
def product(rows: np.ndarray, matrix: Matrix) -> np.ndarray:
    """(rows, inputs) times a matrix: (rows, columns)."""
    columns, pairs = matrix.scales.shape[0], matrix.numbers.shape[1]
    numbers, steps = _rounded(rows, 2 * pairs)
    out = np.empty((rows.shape[0], columns), dtype=np.float32)
    sums = np.empty((ROWS, BLOCK), dtype=np.int32)
    for block in range(matrix.numbers.shape[0]):
        start = block * BLOCK
        stop = min(start + BLOCK, columns)
        for first in range(0, rows.shape[0], ROWS):
            sum_products(numbers, first, matrix.numbers, block, sums)
            for row in range(ROWS):
                for column in range(start, stop):
                    scale = matrix.scales[column] * steps[first + row]
                    out[first + row, column] = np.float32(sums[row, column - start]) * scale
    return out


@compiled
def _rounded(rows: np.ndarray, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, inputs or one less) as whole multiples, (rows, inputs) of int16, of a step for each row, (rows,): about a
    30,000th of its largest number, or what products can hold with so many inputs."""
    most = np.float32(min(_MOST, _MOST_SUM // inputs))
    numbers, steps = np.zeros((rows.shape[0], inputs), dtype=np.int16), np.empty(rows.shape[0], dtype=np.float32)
    for row in range(rows.shape[0]):
        peak = _LEAST
        for place in range(rows.shape[1]):
            peak = max(peak, abs(rows[row, place]))
        steps[row] = peak / most
        factor = most / peak
        for place in range(rows.shape[1]):
            numbers[row, place] = np.int32(np.floor(rows[row, place] * factor + np.float32(0.5)))
    return numbers, steps


@compiled
def norm(row: np.ndarray, gain: np.ndarray, out: np.ndarray) -> None:
    """A row divided by its root mean square, times a gain, both (width,). `out` may be the row."""
    total = np.float32(0)
    for place in range(row.shape[0]):
        total += row[place] * row[place]
    factor = np.float32(1) / np.sqrt(total / np.float32(row.shape[0]) + EPSILON)
    for place in range(row.shape[0]):
        out[place] = row[place] * factor * gain[place]


@compiled
def normed(rows: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The norm of each of (rows, width)."""
    out = np.empty_like(rows)
    for row in range(rows.shape[0]):
        norm(rows[row], gain, out[row])
    return out


@compiled
def add(row: np.ndarray, more: np.ndarray) -> None:
    """Add (width,) to a row in place."""
    for place in range(row.shape[0]):
        row[place] += more[place]


@compiled
def add_product(hidden: np.ndarray, rows: np.ndarray, matrix: Matrix) -> None:
    """Add (rows, inputs) times a matrix to (rows, columns) in place."""
    added = product(rows, matrix)
    for row in range(hidden.shape[0]):
        add(hidden[row], added[row])


@compiled
def feed_forward(hidden: np.ndarray, layer: FeedForward) -> None:
    """Add to (rows, width) what a feed-forward layer makes of them: norm, up-projection, squared ReLU,
    down-projection."""
    inner = product(normed(hidden, layer.norm), layer.up)
    for row in range(inner.shape[0]):
        for place in range(inner.shape[1]):
            positive = max(inner[row, place], np.float32(0))
            inner[row, place] = positive * positive
    add_product(hidden, inner, layer.down)
