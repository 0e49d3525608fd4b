"""The engine of this machine: on a GPU that which XLA compiles, else that which Numba compiles. The latter needs no
TensorFlow: it is there in a second, and a third as large."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from core.checkpoint import Checkpoint
from core.performance.architecture import PerformanceConfig
from core.performance.engine import Engine
from core.performance.sampling import SamplingParameters

DEVICES = ("/dev/nvidiactl", "/dev/dxg")
"""Files of a GPU's driver, one on Linux and one in WSL: without them Keras's backend, which knows, is not imported."""
EngineMaker = Callable[[int, int], Engine]
"""(pieces, candidates) -> an engine."""


@cache
def on_gpu() -> bool:
    """Whether Keras's backend can compute on a GPU here."""
    if not any(Path(device).exists() for device in DEVICES):
        return False
    from core.performance.xla.engine import gpus

    return gpus() > 0


def engine_maker(checkpoint: Checkpoint, config: PerformanceConfig, sampling: SamplingParameters) -> EngineMaker:
    """Makes engines of the checkpoint's network, whose weights they share. Raises BadCheckpoint for weights that do not
    fit it."""
    if on_gpu():
        from core.performance.model import network_of
        from core.performance.xla.engine import XlaEngine

        model = network_of(checkpoint)
        return lambda pieces, candidates: XlaEngine(model, pieces, candidates, sampling)

    from core.performance.native.engine import NativeEngine
    from core.performance.native.network import NativeNetwork
    from core.performance.native.weights import weights_of

    network = NativeNetwork(weights_of(checkpoint, config, sampling.recall_bias), config)
    return lambda pieces, candidates: NativeEngine(network, pieces, candidates, sampling)
