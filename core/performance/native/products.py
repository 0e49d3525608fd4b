"""Products and norms of a few rows at once. Matrices are in 8 bits and stay so: what bounds a step is reading the
weights, and a processor widens them as quickly as it reads them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.performance.native import compiled

ROWS = 3
"""Rows that share one reading of a matrix. Counts of rows are filled up to a multiple, so that a row comes out the same
alone as beside others, to the last bit."""
COLUMNS = 4
"""Columns that share one reading of the rows: the count of a matrix's columns is a multiple."""
EPSILON = np.float32(1e-6)
"""What Keras adds to a mean square."""


class Matrix(NamedTuple):
    """The weights of a product, (columns, inputs) of int8, and the scale of each column, (columns,)."""

    numbers: np.ndarray
    scales: np.ndarray


class FeedForward(NamedTuple):
    """The weights of a feed-forward layer."""

    norm: np.ndarray
    up: Matrix
    down: Matrix


@compiled
def product(rows: np.ndarray, matrix: Matrix) -> np.ndarray:
    """(rows, inputs) times a matrix: (rows, columns)."""
    out = np.empty((rows.shape[0], matrix.numbers.shape[0]), dtype=np.float32)
    for first in range(0, rows.shape[0], ROWS):
        x, y, z = rows[first], rows[first + 1], rows[first + 2]
        _three_rows(x, y, z, matrix.numbers, matrix.scales, out[first : first + ROWS])
    return out


@compiled
def _three_rows(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, numbers: np.ndarray, scales: np.ndarray, out: np.ndarray
) -> None:
    zero = np.float32(0)
    for column in range(0, numbers.shape[0], COLUMNS):
        a, b, c, d = numbers[column], numbers[column + 1], numbers[column + 2], numbers[column + 3]
        ax = bx = cx = dx = ay = by = cy = dy = az = bz = cz = dz = zero  # LLVM keeps twelve sums in registers
        for place in range(x.shape[0]):
            p, q, r, s = np.float32(a[place]), np.float32(b[place]), np.float32(c[place]), np.float32(d[place])
            u, v, w = x[place], y[place], z[place]
            ax, bx, cx, dx = ax + u * p, bx + u * q, cx + u * r, dx + u * s
            ay, by, cy, dy = ay + v * p, by + v * q, cy + v * r, dy + v * s
            az, bz, cz, dz = az + w * p, bz + w * q, cz + w * r, dz + w * s
        e, f, g, h = scales[column], scales[column + 1], scales[column + 2], scales[column + 3]
        out[0, column], out[0, column + 1], out[0, column + 2], out[0, column + 3] = ax * e, bx * f, cx * g, dx * h
        out[1, column], out[1, column + 1], out[1, column + 2], out[1, column + 3] = ay * e, by * f, cy * g, dy * h
        out[2, column], out[2, column + 1], out[2, column + 2], out[2, column + 3] = az * e, bz * f, cz * g, dz * h


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
