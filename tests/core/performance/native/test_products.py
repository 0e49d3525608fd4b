"""core/performance/native/products.py: products with matrices in 8 bits, beside NumPy."""

import numpy as np
import pytest

from core.performance.native.products import COLUMNS, ROWS, FeedForward, Matrix, feed_forward, norm, normed, product


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def matrix(generator, inputs, columns):
    """Numbers and scales, of columns of very different size."""
    numbers = generator.integers(-127, 128, (columns, inputs)).astype(np.int8)
    return Matrix(numbers, np.logspace(-4, -1, columns).astype(np.float32))


def normal(generator, *shape):
    return generator.normal(size=shape).astype(np.float32)


def normed_by_numpy(rows, gain):
    return rows / np.sqrt(np.mean(np.square(rows), axis=-1, keepdims=True) + 1e-6) * gain


@pytest.mark.parametrize("rows", [ROWS, 3 * ROWS])
@pytest.mark.parametrize("inputs, columns", [(1, COLUMNS), (37, 3 * COLUMNS), (256, 212)])
def test_a_product_is_that_of_numpy(generator, rows, inputs, columns):
    """Whatever the number of inputs, one included."""
    left, right = normal(generator, rows, inputs), matrix(generator, inputs, columns)
    expected = left.astype(np.float64) @ (right.numbers * right.scales[:, None]).T
    np.testing.assert_allclose(product(left, right), expected, rtol=1e-4, atol=1e-4)


def test_a_row_is_the_same_in_company(generator):
    """Beside zeros, or at any place among other rows, to the last bit."""
    rows, right = normal(generator, 2 * ROWS, 101), matrix(generator, 101, 5 * COLUMNS)
    together = product(rows, right)
    for number, row in enumerate(rows):
        alone = np.zeros((ROWS, 101), dtype=np.float32)
        alone[0] = row
        np.testing.assert_array_equal(product(alone, right)[0], together[number])


def test_a_norm_is_that_of_numpy(generator):
    """Of each row for itself; where the result takes the row's place, too."""
    rows, gain = 3 * normal(generator, 4, 29), normal(generator, 29)
    expected = normed_by_numpy(rows, gain)
    np.testing.assert_allclose(normed(rows, gain), expected, rtol=1e-5, atol=1e-6)
    norm(rows[2], gain, rows[2])
    np.testing.assert_allclose(rows[2], expected[2], rtol=1e-5, atol=1e-6)


def test_a_feed_forward_layer_is_added(generator):
    """Norm, up-projection, squared ReLU and down-projection."""
    hidden, gain = normal(generator, ROWS, 20), normal(generator, 20)
    up, down = matrix(generator, 20, 80), matrix(generator, 80, 20)
    inner = np.maximum(normed_by_numpy(hidden, gain) @ (up[0] * up[1][:, None]).T, 0) ** 2
    expected = hidden + inner @ (down[0] * down[1][:, None]).T
    feed_forward(hidden, FeedForward(gain, up, down))
    np.testing.assert_allclose(hidden, expected, rtol=1e-4, atol=1e-4)
