"""core/performance/sampling.py: uniform draws."""

import numpy as np

from core.performance.sampling import uniforms


def test_uniform_draws_belong_to_the_event():
    """An event's draws are the same in whatever chunk it falls; another take or sub-take has others."""
    whole = uniforms(7, 0, 0, 128)
    np.testing.assert_array_equal(whole[64:], uniforms(7, 0, 64, 64))
    assert not np.array_equal(whole, uniforms(8, 0, 0, 128))
    assert not np.array_equal(whole, uniforms(7, 1, 0, 128))
    assert whole.shape == (128, 4)
    assert whole.min() >= 0
    assert whole.max() < 1
