"""Exponentials in compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.native import compiled

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_BOUND = np.float32(80)
"""Beyond it powers of e come near the largest and the smallest float32. It is that of attention scores too, see
`core.performance.architecture.MOST_SCORE`."""


@compiled
def exponential(value: Any) -> Any:
    """e to the power of a float32, within 2.5 units in the last place, as if it were within _BOUND of 0; unlike the
    library's, for many numbers side by side. After Cephes' `expf`: the power of two is split off, a polynomial does the
    rest."""
    value = min(max(value, -_BOUND), _BOUND)
    power = np.floor(value * _LOG2_E + np.float32(0.5))
    rest = value - power * _LN2_HIGH - power * _LN2_LOW
    series = np.float32(1.9875691500e-4)
    series = series * rest + np.float32(1.3981999507e-3)
    series = series * rest + np.float32(8.3334519073e-3)
    series = series * rest + np.float32(4.1665795894e-2)
    series = series * rest + np.float32(1.6666665459e-1)
    series = series * rest + np.float32(5.0000001201e-1)
    series = series * rest * rest + rest + np.float32(1)
    return series * np.int32((np.int32(power) + np.int32(127)) << np.int32(23)).view(np.float32)
