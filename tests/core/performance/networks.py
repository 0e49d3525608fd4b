"""Networks whose every weight is drawn, events that they can read, and engines of either kind that play them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from core.checkpoint import Checkpoint
from core.performance import engines
from core.performance.architecture import PerformanceConfig, config_of
from core.performance.composer import MODEL
from core.performance.engine import CHUNK, FREE, ChunkInputs
from core.performance.engines import EngineMaker
from core.performance.events import DURATION, NO_DURATION, NO_VELOCITY, PITCHES, SHIFT, SIZES, START_EVENT, TIME_EDGES
from core.performance.model import PerformanceModel, built
from core.performance.sampling import SAMPLING, SamplingParameters
from core.performance.score import Playing, windows
from core.performance.steering import NO_BIAS, LogitBias
from tests.support.tiny_performance import save_network

KINDS = ("native", "xla")
"""The engine for processors and that for GPUs, which runs on a processor too."""
TINY = PerformanceConfig(
    styles=("any", "Bach"), width=16, num_blocks=2, num_query_heads=4, num_kv_heads=2, window=3 * CHUNK
)


def network(config: PerformanceConfig = TINY) -> PerformanceModel:
    """One whose every weight is drawn, also those that training begins at zero. Its notes are short and follow one
    another quickly."""
    keras.utils.set_random_seed(7)
    model = built(config)
    generator = np.random.default_rng(7)
    for weight in model.trainable_variables:
        weight.assign(np.asarray(weight) + 0.2 * generator.normal(size=weight.shape))
    for recall in filter(None, model.recall_layers):
        recall.sink.assign([0.2] * config.num_kv_heads)  # so that it reads what is a little alike
    for head in (model.output_heads[SHIFT], model.output_heads[DURATION]):
        head.output_dense.bias.assign(-TIME_EDGES / np.float32(20))
    return model


def checkpoint_of(folder: Path, config: PerformanceConfig = TINY) -> Checkpoint:
    """Such a network as a checkpoint keeps it: both engines play the same numbers."""
    return Checkpoint(save_network(folder, network(config)), MODEL)


def maker_of(kind: str, checkpoint: Checkpoint, sampling: SamplingParameters = SAMPLING) -> EngineMaker:
    """Makes engines of this kind, whatever the machine has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "on_gpu", lambda: kind == "xla")
        return engines.engine_maker(checkpoint, config_of(checkpoint), sampling)


def any_events(count: int, seed: int = 0) -> np.ndarray:
    """(1, count, 4) events that the network can read: mostly notes, some moves of the pedal."""
    generator = np.random.default_rng(seed)
    events = np.stack([generator.integers(1, size - 1, count) for size in SIZES], axis=-1).astype(np.int32)
    pedal = events[:, 1] >= PITCHES
    events[pedal, 1] = PITCHES
    events[pedal, 2:] = NO_VELOCITY, NO_DURATION
    return events[None]


def after_the_start(events: np.ndarray) -> np.ndarray:
    """The event before each of (1, count, 4)."""
    return np.concatenate([START_EVENT[None, None], events[:, :-1]], axis=1)


def logits_of(
    model: PerformanceModel, events: np.ndarray, style: int = 0, remaining: np.ndarray | None = None
) -> list[np.ndarray]:
    """The logits of every event after the start, given all before it."""
    inputs = {"events": after_the_start(events), "following": events, "style": np.array([style], dtype=np.int32)}
    if remaining is not None:
        inputs["remaining"] = remaining
    logits = model({name: ops.convert_to_tensor(array) for name, array in inputs.items()})
    return [np.asarray(ops.convert_to_numpy(each)) for each in logits]


def inputs_of(forced: np.ndarray, length: int = 0) -> ChunkInputs:
    """The inputs of a chunk that asks for nothing but the (CHUNK, slots, 4) events that are forced, and maybe a length,
    in cells."""
    slots = forced.shape[1]
    return ChunkInputs(
        forced=forced.astype(np.int32),
        uniforms=np.full(forced.shape, 0.5, dtype=np.float32),
        temperature=np.ones(slots, dtype=np.float32),
        top_p=np.ones(slots, dtype=np.float32),
        earliest_end=np.full(slots, 10**6, dtype=np.int32),
        length=np.full(slots, length, dtype=np.int32),
        style=np.zeros(slots, dtype=np.int32),
        bias=LogitBias(*(np.tile(bias, (slots, 1)) for bias in NO_BIAS)),
        given=windows([Playing()] * slots),
    )


def free(slots: int) -> np.ndarray:
    """A chunk of which nothing is forced."""
    return np.full((CHUNK, slots, 4), FREE, dtype=np.int32)
