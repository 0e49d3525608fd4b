"""The decode loop for processors: the network and its sampling, compiled by Numba. It imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code that is kept beside its module. It runs without Python's lock, so that every core
    decodes a batch of its own, and sums in the order that is fastest, the same at every call."""
    return njit(cache=True, nogil=True, fastmath=True, error_model="numpy")(function)
