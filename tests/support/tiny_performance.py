"""A small performance checkpoint with random weights: everything about it is real but the music."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core import checkpoint

if TYPE_CHECKING:
    from core.performance.model import PerformanceModel

STYLES = ("any", "Bach", "pop")


def make_performance_checkpoint(folder: Path, width: int = 16, window: int = 192) -> Path:
    """Write a checkpoint of a network of this width. Its notes are short and follow one another quickly, as they do in
    music: the bins of long times are unlikely."""
    import keras
    import numpy as np

    from core.performance.architecture import PerformanceConfig
    from core.performance.events import TIME_EDGES
    from core.performance.model import built

    keras.utils.set_random_seed(0)
    sizes = {
        "width": width,
        "num_blocks": 2,
        "num_query_heads": 2,
        "num_kv_heads": 2,
        "window": window,
        "num_recall_layers": 1,
        "recall_length": 256,
    }
    network = built(PerformanceConfig(styles=STYLES, **sizes))
    recall = network.recall_layers[-1]
    recall.sink.assign([0.2, 0.2])  # so that it reads what is a little alike
    recall.out.kernel.assign(np.random.default_rng(0).normal(size=recall.out.kernel.shape))
    for head in (network.output_heads[0], network.output_heads[3]):
        head.output_dense.bias.assign(-TIME_EDGES / np.float32(20))
    return save_network(folder, network)


def save_network(folder: Path, network: PerformanceModel) -> Path:
    """Write a checkpoint of a network, its matrices in 8 bits."""
    from core.performance.composer import MODEL

    checkpoint.save(
        folder,
        network,
        model=MODEL,
        architecture=asdict(network.config),
        scale_axes=network.scale_axes,
        card={"name": "tiny", "data": "none: random weights for tests", "licence": "MIT"},
    )
    return folder
