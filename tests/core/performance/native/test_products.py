"""core/performance/native/products.py: products with matrices in 8 bits, beside NumPy."""

import numpy as np
import pytest

from core.performance.native.products import FeedForward, Matrix, feed_forward, norm, normed, product
from core.performance.native.vectors import BLOCK, ROWS


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def numbers(generator, inputs, columns):
    """Numbers in 8 bits, (columns, inputs), and scales, (columns,), of very different size."""
    return (
        generator.integers(-127, 128, (columns, inputs)).astype(np.int8),
        np.logspace(-4, -1, columns).astype(np.float32),
    )


def normal(generator, *shape):
    return generator.normal(size=shape).astype(np.float32)


def normed_by_numpy(rows, gain):
    return rows / np.sqrt(np.mean(np.square(rows), axis=-1, keepdims=True) + 1e-6) * gain


@pytest.mark.parametrize("rows", [ROWS, 3 * ROWS])
@pytest.mark.parametrize("inputs, columns", [(1, 1), (37, BLOCK + 1), (256, 212), (1280, BLOCK)])
def test_a_product_is_that_of_numpy(generator, rows, inputs, columns):
    """Whatever the numbers of inputs and columns, one included; a row is rounded by a 13,000th of its peak at most."""
    left, (right, scales) = normal(generator, rows, inputs), numbers(generator, inputs, columns)
    got = product(left, Matrix.of(right, scales)).astype(np.float64)
    bound = np.abs(left).max(axis=1, keepdims=True) / 13_000 / 2 * (np.abs(right).sum(axis=1) * scales) + 1e-6
    assert (np.abs(got - left.astype(np.float64) @ (right * scales[:, None]).T) <= bound).all()


@pytest.mark.parametrize("inputs", [256, 1024, 4096])
def test_products_of_whole_numbers_are_exact(generator, inputs):
    """Also the largest possible with so many inputs: sums of 32 bits hold them."""
    left = np.full((ROWS, inputs), 3, dtype=np.float32)
    left[1] = generator.integers(-3, 4, inputs)
    right = np.full((BLOCK, inputs), -127, dtype=np.int8)
    right[::2] = 127
    got = product(left, Matrix.of(right, np.ones(BLOCK, dtype=np.float32)))
    np.testing.assert_allclose(got, left @ right.T.astype(np.float32), rtol=1e-5, atol=0.2)


def test_a_row_is_the_same_in_company(generator):
    """Beside zeros, or at any place among other rows, to the last bit."""
    rows, right = normal(generator, 2 * ROWS, 101), Matrix.of(*numbers(generator, 101, 5 * BLOCK))
    together = product(rows, right)
    for number, row in enumerate(rows):
        alone = np.zeros((ROWS, 101), dtype=np.float32)
        alone[0] = row
        np.testing.assert_array_equal(product(alone, right)[0], together[number])


def test_a_row_of_zeros_gives_zeros(generator):
    """As those do that fill up a count of rows."""
    assert not product(np.zeros((ROWS, 20), dtype=np.float32), Matrix.of(*numbers(generator, 20, 30))).any()


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
    up, down = numbers(generator, 20, 80), numbers(generator, 80, 20)
    inner = np.maximum(normed_by_numpy(hidden, gain) @ (up[0] * up[1][:, None]).T, 0) ** 2
    expected = hidden + inner @ (down[0] * down[1][:, None]).T
    feed_forward(hidden, FeedForward(gain, Matrix.of(*up), Matrix.of(*down)))
    np.testing.assert_allclose(hidden, expected, rtol=1e-4, atol=np.abs(expected).max() / 1000)
