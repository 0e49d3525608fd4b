"""How sure a trained network is of itself, set right: one that has passed over its data often is surer than it should
be, and predicts music that it has not heard better when each head's logits are divided by a temperature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.checkpoint import rounded
from core.performance.model import PerformanceModel
from training.evaluate import Scorer, score

TEMPERATURES = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12, 1.16, 1.2, 1.24, 1.28)


def calibrate(network: PerformanceModel, pieces: Sequence[np.ndarray]) -> list[float]:
    """Divide the logits of each head by that of `TEMPERATURES` at which these pieces, moments, are likeliest without
    style; the network's outputs are changed for it, and rounded as a checkpoint rounds them. Returns the four
    temperatures."""
    outputs = [head.output_dense for head in network.heads]
    trained = [output.get_weights() for output in outputs]

    def divide(temperatures: Sequence[float]) -> None:
        for output, weights, temperature in zip(outputs, trained, temperatures, strict=True):
            output.set_weights([rounded(array / temperature) for array in weights])

    scorer, nats = Scorer(network), []
    for temperature in TEMPERATURES:
        divide([temperature] * len(outputs))
        scores = score(scorer, pieces, [0] * len(pieces), network.config.window)
        nats.append(np.concatenate(scores).sum(axis=0))
    best = [TEMPERATURES[row] for row in np.argmin(nats, axis=0)]
    divide(best)
    return best
