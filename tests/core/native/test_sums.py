"""core/native/sums.py: long sums in a fixed order."""

import numpy as np
import pytest

from core.native import compiled, sums
from core.native.sums import LANES


@compiled
def total(row):
    return sums.total(row)


@compiled
def dot(one, other):
    return sums.dot(one, other)


@compiled
def total_above(row, threshold):
    return sums.total_above(row, threshold)


def by_lanes(terms):
    """Their sum as the module says: by lanes, which are added up in halves, and then what does not fill them."""
    whole = len(terms) - len(terms) % LANES
    lanes = np.zeros(LANES, dtype=np.float32)
    for vector in terms[:whole].reshape(-1, LANES):
        lanes += vector
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    summed = lanes[0]
    for term in terms[whole:]:
        summed += term
    return summed


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES, LANES + 1, 211, 256])
def test_the_order_of_sums_is_that_of_the_lanes(count):
    """To the last bit, of counts that fill vectors and that do not."""
    one, other = np.random.default_rng(7).normal(size=(2, count)).astype(np.float32)
    assert total(one) == by_lanes(one)
    assert dot(one, other) == by_lanes(one * other)
    assert total_above(one, np.float32(0.3)) == by_lanes(np.where(one > np.float32(0.3), one, np.float32(0)))
