"""core/performance/native/attention.py: what queries get from events, beside NumPy."""

import numpy as np
import pytest

from core.performance.architecture import MOST_SCORE
from core.performance.native.attention import TILE, attend, exponential

HEAD_DIM, EVENTS = 8, 3 * TILE


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def cache(generator):
    """Keys, (events, head_dim), and values, (head_dim, events)."""
    keys, values = generator.normal(size=(EVENTS, HEAD_DIM)), generator.normal(size=(HEAD_DIM, EVENTS))
    return keys.astype(np.float16), values.astype(np.float16)


def attended(queries, keys, values, first, last):
    """Sums of the weights, and of the values times these."""
    totals = np.zeros(len(queries), dtype=np.float32)
    sums = np.zeros(queries.shape, dtype=np.float32)
    attend(queries, keys.view(np.uint16), values.view(np.uint16), first, last, totals, sums)
    return totals, sums


@pytest.mark.parametrize("queries", [1, 2, 5])
@pytest.mark.parametrize(
    "first, last", [(0, EVENTS), (3, 3), (5, 6), (1, TILE + 4), (TILE - 3, TILE), (7, 2 * TILE + 6), (2, TILE + 3)]
)
def test_queries_get_what_numpy_gives_them(generator, queries, first, last):
    """Odd or even counts of queries, any number of events from none on, more and less than a tile of them."""
    keys, values = cache(generator)
    rows = generator.normal(size=(queries, HEAD_DIM)).astype(np.float32)
    totals, sums = attended(rows, keys, values, first, last)
    weights = np.exp(rows.astype(np.float64) @ keys[first:last].T)
    np.testing.assert_allclose(totals, weights.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(sums, weights @ values[:, first:last].T, rtol=1e-4, atol=1e-4)


def test_what_was_there_stays(generator):
    """Sums over several caches add up, for a softmax over all of them."""
    keys, values = cache(generator)
    queries = generator.normal(size=(2, HEAD_DIM)).astype(np.float32)
    whole_totals, whole = attended(queries, keys, values, 0, 90)
    totals, sums = attended(queries, keys, values, 0, 33)
    attend(queries, keys.view(np.uint16), values.view(np.uint16), 33, 90, totals, sums)
    np.testing.assert_allclose(totals, whole_totals, rtol=1e-5)
    np.testing.assert_allclose(sums, whole, rtol=1e-4, atol=1e-4)


def test_a_query_is_the_same_in_company(generator):
    """Alone, or at any place among others, to the last bit."""
    keys, values = cache(generator)
    queries = generator.normal(size=(5, HEAD_DIM)).astype(np.float32)
    totals, sums = attended(queries, keys, values, 1, TILE + 7)
    for number in range(5):
        total, alone = attended(queries[number : number + 1], keys, values, 1, TILE + 7)
        assert total[0] == totals[number]
        np.testing.assert_array_equal(alone[0], sums[number])


@pytest.mark.parametrize("sign", [-1, 1])
def test_scores_are_bounded(generator, sign):
    """One beyond the bound counts as the bound: its exponential, and the sum of thousands, are numbers."""
    keys, values = np.full((8, HEAD_DIM), 50 * sign, np.float16), np.ones((HEAD_DIM, 8), np.float16)
    totals, sums = attended(np.full((1, HEAD_DIM), 50, np.float32), keys, values, 0, 8)
    expected = 8 * np.exp(sign * np.float64(MOST_SCORE))
    assert totals[0] == pytest.approx(expected, rel=1e-5)
    assert sums[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("bound, units", [(MOST_SCORE, 3), (MOST_SCORE / 2, 2)])
def test_the_exponential_is_exact_to_its_last_bits(bound, units):
    """Between the bounds of scores it is no further from the true one than so many units in the last place."""
    values = np.linspace(-bound, bound, 20_001).astype(np.float32)
    found, true = np.array([exponential(value) for value in values]), np.exp(values.astype(np.float64))
    assert np.abs((found - true) / true).max() <= units * np.finfo(np.float32).eps
