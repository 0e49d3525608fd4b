"""How sure a trained network is of itself, set right: one that has passed over its data often is surer than it should
be, and predicts music that it has not heard better when each head's logits are divided by a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from core.performance.events import ATTRIBUTES
from core.performance.model import PerformanceModel
from training.evaluate import Scorer, score
from training.loss import negative_log_likelihood
from training.networks import round_as_saved

TEMPERATURES = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12, 1.16, 1.2, 1.24, 1.28)


class Tempering(Scorer):
    """-ln p of each attribute with the logits divided by each of `TEMPERATURES`: (batch, events, 4 temperatures)."""

    columns = len(TEMPERATURES) * len(ATTRIBUTES)

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        logits = self.network(inputs, training=False)
        tempered = ([scores / temperature for scores in logits] for temperature in TEMPERATURES)
        return ops.concatenate([negative_log_likelihood(scores, inputs["following"]) for scores in tempered], axis=-1)


def calibrate(network: PerformanceModel, pieces: Sequence[np.ndarray]) -> list[float]:
    """Divide the logits of each head by that of `TEMPERATURES` at which these pieces, moments, are likeliest without
    style; the network's outputs are changed for it, and rounded as a checkpoint rounds them. Returns the four
    temperatures."""
    scores = score(Tempering(network), pieces, [0] * len(pieces), network.config.context_length)
    nats = np.concatenate(scores).sum(axis=0).reshape(len(TEMPERATURES), len(ATTRIBUTES))
    best = [TEMPERATURES[row] for row in np.argmin(nats, axis=0)]
    for head, temperature in zip(network.output_heads, best, strict=True):
        weights = head.output_dense.get_weights()
        head.output_dense.set_weights([array / temperature for array in weights])
    round_as_saved(network)
    return best
