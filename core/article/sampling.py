"""Drawing the article's next word."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.native import compiled
from core.native.arithmetic import exponential
from core.native.sums import total


@compiled
def drawn(logits: Any, silence: int, temperature: float, chance: float) -> int:
    """The word at which the distribution function of (vocabulary,) logits passes a `chance` from 0 to 1. The
    temperature chooses among the words that sound; silence keeps the share that the network gives it, since it is the
    likeliest word of most frames, and a cool piece would end with its seed. The logits are used up."""
    peak, heat, weights = logits.max(), np.float32(1 / temperature), np.empty_like(logits)
    for word in range(logits.shape[0]):
        weights[word] = exponential(logits[word] - peak)
    share = weights[silence] / total(weights)
    for word in range(logits.shape[0]):
        logits[word] = exponential((logits[word] - peak) * heat)
    sounding = total(logits) - logits[silence]
    logits[silence] = sounding * share / (1 - share)
    left = chance * sounding / (1 - share)
    for word in range(logits.shape[0]):
        left -= logits[word]
        if left < 0:
            return word
    return logits.shape[0] - 1  # sums are rounded, and may not reach a chance near 1
