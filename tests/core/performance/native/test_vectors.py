"""core/performance/native/vectors.py: sums of whole numbers are exact, by whatever instructions."""

import numpy as np
import pytest
from numba import njit

from core.performance.native import vectors
from core.performance.native.vectors import BLOCK, ROWS, blocks, pairs_summed_anywhere, sum_products


@pytest.mark.parametrize("pairs_summed", [vectors._pairs_summed, pairs_summed_anywhere])
def test_products_are_exact(pairs_summed, monkeypatch):
    """By the instruction that this processor has, and by those that every processor has; from any pair of inputs on."""
    monkeypatch.setattr(vectors, "_pairs_summed", pairs_summed)
    generator = np.random.default_rng(7)
    rows = generator.integers(-(2**15), 2**15, (2 * ROWS, 38)).astype(np.int16)
    matrix = generator.integers(-128, 128, (3 * BLOCK - 5, 37)).astype(np.int8)
    matrix[2 * BLOCK], matrix[2 * BLOCK + 1] = -128, 127
    rows[:2, :-1], rows[:, -1] = -(2**15), 0
    sums = np.empty((ROWS, BLOCK), dtype=np.int32)

    @njit
    def last_block(rows, matrix, pair, sums):
        sum_products(rows, ROWS, matrix, 2, pair, sums)

    last_block(rows[::-1].copy(), blocks(matrix), 0, sums)
    expected = rows[::-1][ROWS:, :-1].astype(np.int64) @ matrix[2 * BLOCK :].T
    np.testing.assert_array_equal(sums[:, : BLOCK - 5], expected)
    assert not sums[:, BLOCK - 5 :].any()
    last_block(rows[::-1, :6].copy(), blocks(matrix), 4, sums)
    expected = rows[::-1][ROWS:, :6].astype(np.int64) @ matrix[2 * BLOCK :, 8:14].T
    np.testing.assert_array_equal(sums[:, : BLOCK - 5], expected)
