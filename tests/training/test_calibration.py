"""training/calibration.py: a network that is too sure of itself is made less sure."""

import numpy as np

from core.checkpoint import Checkpoint
from core.performance.composer import MODEL
from core.performance.model import network_of
from tests.support.tiny_performance import make_performance_checkpoint
from tests.support.training_steps import random_piece
from training.calibration import TEMPERATURES, calibrate
from training.evaluate import Scorer, nats_per_note, score


def figure_of(network, pieces):
    return nats_per_note(pieces, score(Scorer(network), pieces, [0], 64))["nats_per_note"]


def test_calibration_finds_how_sure_the_network_may_be(tmp_path):
    """A network that is four times as sure as it was is made as unsure as is tried, and predicts better for it."""
    pieces = [random_piece(200, seed=1)]
    network = network_of(Checkpoint(make_performance_checkpoint(tmp_path / "tiny"), MODEL))
    for head in network.output_heads:
        head.output_dense.set_weights([4 * array for array in head.output_dense.get_weights()])
    before = [head.output_dense.get_weights()[0] for head in network.output_heads]
    figure = figure_of(network, pieces)
    temperatures = calibrate(network, pieces)
    assert figure_of(network, pieces) < figure
    assert max(temperatures) == max(TEMPERATURES)
    for head, array, temperature in zip(network.output_heads, before, temperatures, strict=True):
        np.testing.assert_allclose(head.output_dense.get_weights()[0], array / temperature, rtol=1e-3, atol=1e-6)
