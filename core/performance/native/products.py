"""Products and norms of a few rows at once. Matrices are in 8 bits and stay so: what bounds a step of one piece is
reading the weights. Rows are rounded to 16 bits for a product, which is then exact."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.native import compiled
from core.native.sums import dot
from core.performance.native.vectors import BLOCK, ROWS, blocks, sum_products

EPSILON = np.float32(1e-6)
"""What Keras adds to a mean square."""
_MOST = np.int64(np.iinfo(np.int16).max)
_MOST_SUM = np.int64(np.iinfo(np.int32).max // 128)
"""Bound of a sum of rounded inputs, within which 32 bits hold their products with numbers of 8 bits."""
_LEAST = np.float32(1e-30)
_WITHOUT_SIGN = np.int32(2**31 - 1)


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


class Rounded(NamedTuple):
    """Rows as whole multiples, (rows, inputs) of int16, of a step for each, (rows,). Inputs are an even number."""

    numbers: np.ndarray
    steps: np.ndarray


@compiled
def rounded(rows: np.ndarray, inputs: int) -> Rounded:
    """(rows, inputs or fewer) as multiples of about a 30,000th of each row's largest number, or of what products can
    hold with so many inputs. Rows of zeros fill up a last group of ROWS wherever it begins."""
    most = np.float32(min(_MOST, _MOST_SUM // inputs))
    numbers = np.zeros((rows.shape[0] + ROWS - 1, inputs), dtype=np.int16)
    steps = np.zeros(numbers.shape[0], dtype=np.float32)
    for row in range(rows.shape[0]):
        steps[row] = round_row(rows[row], most, numbers[row])
    return Rounded(numbers, steps)


@compiled
def round_row(row: np.ndarray, most: np.float32, numbers: np.ndarray) -> np.float32:
    """Write a row as whole multiples, up to `most` either way, of the step that is returned."""
    bits, most_bits = row.view(np.int32), np.int32(0)
    for place in range(row.shape[0]):  # as whole numbers, in whose order they are too: LLVM does several at once
        most_bits = max(most_bits, bits[place] & _WITHOUT_SIGN)
    peak = max(np.int32(most_bits).view(np.float32), _LEAST)
    factor = most / peak
    for place in range(row.shape[0]):
        numbers[place] = np.int32(np.floor(row[place] * factor + np.float32(0.5)))
    return peak / most


@compiled
def product(rows: np.ndarray, matrix: Matrix) -> np.ndarray:
    """(rows, inputs) times a matrix: (rows, columns)."""
    count, columns = rows.shape[0], matrix.scales.shape[0]
    numbers, steps = rounded(rows, 2 * matrix.numbers.shape[1])
    out = np.empty((count, columns), dtype=np.float32)
    sums = np.empty((ROWS, BLOCK), dtype=np.int32)
    for block in range(matrix.numbers.shape[0]):
        start = block * BLOCK
        for first in range(0, count, ROWS):
            sum_products(numbers, first, matrix.numbers, block, np.int64(0), sums)
            for row in range(min(ROWS, count - first)):
                for column in range(start, min(start + BLOCK, columns)):
                    scale = matrix.scales[column] * steps[first + row]
                    out[first + row, column] = np.float32(sums[row, column - start]) * scale
    return out


@compiled
def norm(row: np.ndarray, gain: np.ndarray, out: np.ndarray) -> None:
    """A row divided by its root mean square, times a gain, both (width,). `out` may be the row."""
    factor = np.float32(1) / np.sqrt(dot(row, row) / np.float32(row.shape[0]) + EPSILON)
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
def multiply(row: np.ndarray, factors: np.ndarray) -> None:
    """Multiply a row by (width or more,) in place."""
    for place in range(row.shape[0]):
        row[place] *= factors[place]


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
