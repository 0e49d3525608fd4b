"""Random states of many slots, in which the two decode loops are compared."""

import numpy as np

from core.performance.events import END, KEYS, PEDAL_DOWN, PEDAL_UP, PITCHES, START
from core.performance.sampling import DecodeState

SLOTS = 300


def random_state(generator: np.random.Generator, slots: int = SLOTS) -> DecodeState:
    """Any last key, its edges often; playing of any pace; and a pedal that has been down for up to 20 s."""
    edges = [0, PITCHES - 1, PEDAL_UP, PEDAL_DOWN, END, START]
    key = np.where(generator.random(slots) < 0.5, generator.choice(edges, slots), generator.integers(0, KEYS, slots))
    time = generator.integers(2000, 20000, slots)
    return DecodeState(
        key=key.astype(np.int32),
        time=time.astype(np.int32),
        first_onset=generator.integers(0, 2000, slots, dtype=np.int32),
        sounded=generator.random(slots) < 0.7,
        pedal_down=generator.random(slots) < 0.5,
        pedal_moved=(time - generator.integers(0, 2000, slots)).astype(np.int32),
        events_read=generator.integers(0, 4000, slots, dtype=np.int32),
        mean_shift=generator.uniform(0, 12, slots).astype(np.float32),
    )
