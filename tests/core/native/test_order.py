"""core/native/__init__.py: compiled code computes in the order in which it is written, whatever the processor."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

import core
from core.native import compiled

PRODUCTS = """
import hashlib
import numpy as np
from core.performance.architecture import PerformanceConfig
from core.performance.native import vectors
from core.performance.native.attention import attend, keep, of_head
from core.performance.native.products import Matrix, normed, product, rounded
from core.performance.native.state import Cache

generator = np.random.default_rng(7)
rows = normed(generator.normal(size=(5, 64)).astype(np.float32), np.ones(64, np.float32))
matrix = Matrix.of(generator.integers(-127, 128, (100, 64)).astype(np.int8), np.ones(100, np.float32))
products = product(rows, matrix)
cache = Cache.empty(PerformanceConfig(width=64, num_query_heads=1, num_kv_heads=1), 1, 1, 600)
for event in range(600):
    keep(cache, 0, 0, 0, event, rows[event % 5], event, rows[(event + 1) % 5])
totals, sums = np.zeros(5, np.float32), np.zeros((5, 64), np.float32)
attend(rounded(rows, 64), 0, of_head(cache, 0, 0, 0), 33, 571, totals, sums)
print(vectors.LANES, hashlib.sha256(products.tobytes() + totals.tobytes() + sums.tobytes()).hexdigest())
"""


@compiled
def summed(row):
    total = np.float32(0)
    for place in range(row.shape[0]):
        total += row[place]
    return total


@compiled
def fill_with_rests(row, squares, rests):
    for place in range(row.shape[0]):
        rests[place] = row[place] * row[place] - squares[place]


def test_loops_are_not_put_in_another_order():
    """A sum in which each order gives another result comes out as one by one, and a product is rounded before it is
    subtracted from: an element alone and side by side with others alike."""
    row = np.random.default_rng(7).normal(size=1000).astype(np.float32) * np.float32(1e6)
    expected = np.cumsum(row, dtype=np.float32)[-1]
    assert summed(row) == expected != row.sum()
    rests = np.ones(1000, np.float32)
    fill_with_rests(row, row * row, rests)
    assert not rests.any()


def on_processor(name, *without):
    """What PRODUCTS prints where the processor has the features of this one, but for those that begin so."""
    features = [
        f"{'+' if has and not feature.startswith(without) else '-'}{feature}"
        for feature, has in get_host_cpu_features().items()
    ]
    return printed(os.environ | {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ",".join(features)})


def printed(environment):
    done = subprocess.run(
        [sys.executable, "-c", PRODUCTS],
        cwd=Path(core.__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lanes, digest = done.stdout.split()
    return int(lanes), digest


@pytest.mark.skipif("avx2" not in get_host_cpu_features(), reason="other features are of other kinds of processors")
def test_products_are_the_same_on_other_processors():
    """Of shorter vectors, without AVX2 and without fused multiplication, as on this one: so a take is the same on all
    workers, whatever their machines. (Three processes that compile: 20 s.)"""
    _, here = printed(dict(os.environ))
    for name, without in (("haswell", ("avx512",)), ("nehalem", ("avx", "fma", "f16c"))):
        lanes, there = on_processor(name, *without)
        assert lanes == 8
        assert there == here
