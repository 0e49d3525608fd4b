"""core/performance/native/attention.py: what queries get from events, beside NumPy."""

import numpy as np
import pytest

from core.performance.architecture import MOST_SCORE, PerformanceConfig
from core.performance.native.attention import TILE, attend, exponential, keep, of_head
from core.performance.native.products import rounded
from core.performance.native.state import Cache
from core.performance.native.vectors import BLOCK

HEAD_DIM, EVENTS = 8, 3 * TILE
ROW, LAYER, HEAD = 1, 1, 1
"""Keys and values are those of one of several rows, layers and heads."""


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def filled(keys, values):
    """A cache of (events, head_dim) keys and values."""
    config = PerformanceConfig(width=2 * HEAD_DIM, num_query_heads=2, num_kv_heads=2)
    cache = Cache.empty(config, 2, 2, len(keys))
    for event, (key, value) in enumerate(zip(keys.astype(np.float32), values.astype(np.float32), strict=True)):
        keep(cache, ROW, LAYER, HEAD, event, key, event, value)
    return cache


def whole(generator):
    """Keys and values, (EVENTS, HEAD_DIM), that lose nothing in 8 bits, and a cache of them."""
    keys, values = generator.integers(-127, 128, (2, EVENTS, HEAD_DIM))
    keys[:, 0] = values[:, -1] = 127
    keys, values = keys / 127, values / 127
    return keys, values, filled(keys, values)


def attended(queries, cache, first, last):
    """Sums of the weights, and of the values times these."""
    totals = np.zeros(len(queries), dtype=np.float32)
    sums = np.zeros(queries.shape, dtype=np.float32)
    attend(rounded(queries, HEAD_DIM), 0, of_head(cache, ROW, LAYER, HEAD), first, last, totals, sums)
    return totals, sums


@pytest.mark.parametrize("parts", [1, 2, 7, 64, 65])
def test_keys_and_values_are_kept_in_8_bits(generator, parts):
    """To a 127th of their peak, whatever their size, each for itself."""
    config = PerformanceConfig(width=parts, num_query_heads=1, num_kv_heads=1)
    cache = Cache.empty(config, 1, 1, TILE)
    key, value = np.float32(1e-3) * generator.normal(size=parts).astype(np.float32), np.zeros(parts, np.float32)
    keep(cache, 0, 0, 0, 5, key, 4, value)
    place, block = 5 % BLOCK, 5 // BLOCK
    kept = cache.keys[0, 0, 0, block, :, place].reshape(-1)[:parts] * cache.key_steps[0, 0, 0, 5]
    np.testing.assert_allclose(kept, key, atol=np.abs(key).max() / 250)
    assert not cache.values.any()
    assert np.isfinite(cache.value_steps).all()


@pytest.mark.parametrize("queries", [1, 2, 5])
@pytest.mark.parametrize(
    "first, last", [(0, EVENTS), (3, 3), (5, 6), (1, TILE + 4), (TILE - 3, TILE), (7, 2 * TILE + 6), (2, TILE + 3)]
)
def test_queries_get_what_numpy_gives_them(generator, queries, first, last):
    """Odd or even counts of queries, any number of events from none on, more and less than a tile of them."""
    keys, values, cache = whole(generator)
    rows = generator.normal(size=(queries, HEAD_DIM)).astype(np.float32)
    totals, sums = attended(rows, cache, first, last)
    weights = np.exp(rows.astype(np.float64) @ keys[first:last].T)
    np.testing.assert_allclose(totals, weights.sum(axis=1), rtol=2e-4)
    np.testing.assert_allclose(sums, weights @ values[first:last], rtol=1e-3, atol=1e-4 * totals.max())


def test_what_was_there_stays(generator):
    """Sums over several caches add up, for a softmax over all of them."""
    _, _, cache = whole(generator)
    queries = generator.normal(size=(2, HEAD_DIM)).astype(np.float32)
    all_totals, all_sums = attended(queries, cache, 0, 90)
    totals, sums = attended(queries, cache, 0, 33)
    attend(rounded(queries, HEAD_DIM), 0, of_head(cache, ROW, LAYER, HEAD), 33, 90, totals, sums)
    np.testing.assert_allclose(totals, all_totals, rtol=1e-5)
    np.testing.assert_allclose(sums, all_sums, rtol=1e-3, atol=1e-4 * totals.max())


def test_a_query_is_the_same_in_company(generator):
    """Alone, or at any place among others, to the last bit."""
    _, _, cache = whole(generator)
    queries = generator.normal(size=(5, HEAD_DIM)).astype(np.float32)
    totals, sums = attended(queries, cache, 1, TILE + 7)
    for number in range(5):
        total, alone = attended(queries[number : number + 1], cache, 1, TILE + 7)
        assert total[0] == totals[number]
        np.testing.assert_array_equal(alone[0], sums[number])


@pytest.mark.parametrize("sign", [-1, 1])
def test_scores_are_bounded(generator, sign):
    """One beyond the bound counts as the bound: its exponential, and the sum of thousands, are numbers."""
    cache = filled(np.full((8, HEAD_DIM), 50 * sign), np.ones((8, HEAD_DIM)))
    totals, sums = attended(np.full((1, HEAD_DIM), 50, np.float32), cache, 0, 8)
    expected = 8 * np.exp(sign * np.float64(MOST_SCORE))
    assert totals[0] == pytest.approx(expected, rel=1e-5)
    assert sums[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("bound, units", [(MOST_SCORE, 3), (MOST_SCORE / 2, 2)])
def test_the_exponential_is_exact_to_its_last_bits(bound, units):
    """Between the bounds of scores it is no further from the true one than so many units in the last place."""
    values = np.linspace(-bound, bound, 20_001).astype(np.float32)
    found, true = np.array([exponential(value) for value in values]), np.exp(values.astype(np.float64))
    assert np.abs((found - true) / true).max() <= units * np.finfo(np.float32).eps
