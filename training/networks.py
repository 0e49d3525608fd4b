"""Networks before and after training: begun anew or from a checkpoint, frozen, rounded as they will be loaded."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import ops

from core.checkpoint import Checkpoint, Weight
from core.errors import BadData
from core.performance.composer import MODEL
from core.performance.model import PerformanceModel, built, network_of


def warm_start(model: PerformanceModel, source: Checkpoint) -> None:
    """Give the network the checkpoint's weights. It may know more styles; those begin as the checkpoint's `any`. Layers
    that the checkpoint does not have, such as those that recall, stay as they begin."""
    trained = {weight.path: ops.convert_to_numpy(weight) for weight in network_of(source).trainable_variables}
    for weight in model.trainable_variables:
        values = trained.get(weight.path)
        if values is None:
            continue
        more = weight.shape[0] - values.shape[0]
        weight.assign(np.concatenate([values, np.repeat(values[:1], more, axis=0)]) if more else values)


def freeze_all_but_recalls(model: PerformanceModel) -> None:
    """Train nothing but what reads the memory: a network that plays well learns no piece by heart meanwhile. Raises
    BadData for one that has no such layers."""
    if not any(model.recall_layers):
        raise BadData("the network has no layers that recall; give it some (--recalls, in a plan num_recall_layers)")

    for layer in model.layers:
        layer.trainable = layer in model.recall_layers


def checkpoint_copy(model: PerformanceModel) -> PerformanceModel:
    """The network as its checkpoint will be loaded: weights rounded as they are kept, all arithmetic in float32."""
    keras.mixed_precision.set_global_policy("float32")
    copy = built(model.config)
    for weight, trained in zip(copy.weights, model.weights, strict=True):
        weight.assign(ops.convert_to_numpy(trained))
    round_as_saved(copy)
    return copy


def round_as_saved(model: PerformanceModel) -> None:
    """Make each weight what comes out of a checkpoint that it is saved in."""
    for weight in model.weights:
        weight.assign(Weight.of(ops.convert_to_numpy(weight), model.scale_axes.get(weight.path)).array)


def open_checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint(folder, MODEL)
