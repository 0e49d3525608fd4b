"""Random states of many slots, in which the two decode loops are compared."""

import numpy as np

from core.performance.events import ATTRIBUTES, END, KEYS, PEDAL_DOWN, PEDAL_UP, PITCHES, START, VELOCITIES
from core.performance.given import FREELY, GIVEN_NOTES, MELODY, GivenNotes, Tempo
from core.performance.sampling import DecodeState

SLOTS = 300


def random_state(generator: np.random.Generator) -> DecodeState:
    """Any last key, its edges often; playing of any pace; and a pedal that has been down for up to 20 s."""
    edges = [0, PITCHES - 1, PEDAL_UP, PEDAL_DOWN, END, START]
    key = np.where(generator.random(SLOTS) < 0.5, generator.choice(edges, SLOTS), generator.integers(0, KEYS, SLOTS))
    time = generator.integers(2000, 20000, SLOTS)
    return DecodeState(
        key=key.astype(np.int32),
        time=time.astype(np.int32),
        first_onset=generator.integers(0, 2000, SLOTS, dtype=np.int32),
        sounded=generator.random(SLOTS) < 0.7,
        pedal_down=generator.random(SLOTS) < 0.5,
        pedal_moved=(time - generator.integers(0, 2000, SLOTS)).astype(np.int32),
        events_read=generator.integers(0, 4000, SLOTS, dtype=np.int32),
        mean_shift=generator.uniform(0, 12, SLOTS).astype(np.float32),
    )


def random_performance(generator: np.random.Generator, task: int) -> tuple[GivenNotes, DecodeState]:
    """Sequences that are anywhere in given notes of this kind: at the beginning, within a chord or between two. A chord
    has a few notes, a melody one at a time."""
    shape = SLOTS, GIVEN_NOTES
    begins = generator.random(shape) < (1.0 if task == MELODY else 0.4)
    onset = np.cumsum(begins * generator.integers(1, 100, shape), axis=1)
    struck = generator.integers(0, GIVEN_NOTES // 2, SLOTS) * (generator.random(SLOTS) < 0.9)
    written = np.where(struck > 0, onset[np.arange(SLOTS), struck - 1], -1)
    played = np.where(struck > 0, np.maximum(written + generator.integers(-9, 10, SLOTS), 0), -1)
    shortest = generator.integers(1, 100, shape)
    notes = GivenNotes(
        task=np.full(SLOTS, task, dtype=np.int32),
        freedom=generator.choice([0, 0.5, 1], SLOTS).astype(np.float32),
        tempo=Tempo(
            written.astype(np.float32),
            played.astype(np.float32),
            stretch=generator.uniform(-0.2, 0.2, SLOTS).astype(np.float32),
            louder=generator.uniform(-4, 4, SLOTS).astype(np.float32),
        ),
        key=generator.integers(0, PITCHES, shape, dtype=np.int32),
        onset=onset.astype(np.float32),
        release=(onset + generator.integers(1, 100, shape)).astype(np.float32),
        shortest=shortest.astype(np.int32),
        longest=(shortest + generator.integers(0, 100, shape)).astype(np.int32),
        loudness=generator.uniform(0, VELOCITIES, shape).astype(np.float32),
        held=generator.uniform(0, 6, shape).astype(np.float32),
        open=np.logical_and(np.arange(GIVEN_NOTES) >= struck[:, None], task != FREELY),
        draws=generator.random((*shape, len(ATTRIBUTES)), dtype=np.float32),
    )
    time = np.maximum(played + generator.integers(0, 12, SLOTS), 0)
    pedal_moved = time - generator.integers(0, 2000, SLOTS)
    state = random_state(generator)
    return notes, state._replace(time=time.astype(np.int32), pedal_moved=pedal_moved.astype(np.int32))


def copied(parts):
    """A named tuple with copies of the arrays of another, as functions of native code change them in place."""
    return type(parts)(*(copied(part) if isinstance(part, tuple) else part.copy() for part in parts))
