"""core/performance/steering.py: biases reach the compiled loop, and pieces that nothing steers stay as they are."""

import keras
import numpy as np

from core.performance.engine import CHUNK, FREE, ChunkInputs, Engine
from core.performance.events import KEY, PITCHES, SHIFT, VELOCITY
from core.performance.model import PerformanceConfig, built
from core.performance.steering import NO_BIAS, LogitBias

CONFIG = PerformanceConfig(styles=("any",), width=16, num_blocks=1, num_query_heads=2, num_kv_heads=2, window=CHUNK)


def chunk_with(*biases: LogitBias) -> np.ndarray:
    """The first events of slots with these biases, (CHUNK, slots, 4)."""
    slots = len(biases)
    inputs = ChunkInputs(
        forced=np.full((CHUNK, slots, 4), FREE, dtype=np.int32),
        uniforms=np.full((CHUNK, slots, 4), 0.5, dtype=np.float32),
        temperature=np.ones(slots, dtype=np.float32),
        top_p=np.ones(slots, dtype=np.float32),
        earliest_end=np.full(slots, 10**6, dtype=np.int32),
        length=np.zeros(slots, dtype=np.int32),
        style=np.zeros(slots, dtype=np.int32),
        bias=LogitBias(*map(np.stack, zip(*biases, strict=True))),
    )
    keras.utils.set_random_seed(0)
    engine = Engine(built(CONFIG), slots)
    return np.asarray(engine.advance(engine.start(), inputs)[1].events)


def test_a_slot_has_its_own_bias():
    """A bias that outweighs the network decides the attribute that it is for, in its slot alone."""
    bias = LogitBias(*(np.zeros_like(part) for part in NO_BIAS))
    bias.onset_shift[7], bias.key[40], bias.velocity[20] = 100, 100, 100
    steered, free = chunk_with(bias, NO_BIAS).transpose(1, 0, 2)
    assert set(steered[:, SHIFT]) == {7}
    assert set(steered[:, KEY]) == {40}
    assert set(steered[:, VELOCITY]) == {20}
    assert len(set(free[free[:, KEY] < PITCHES, KEY])) > 1
