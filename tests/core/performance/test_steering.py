"""core/performance/steering.py: biases reach the compiled loop, and pieces that nothing steers stay as they are."""

import keras
import numpy as np

from core.expression import Expression
from core.performance.engine import CHUNK, FREE, ChunkInputs, Engine
from core.performance.events import BIN_CELLS, KEY, PITCHES, SHIFT, VELOCITY
from core.performance.model import PerformanceConfig, built
from core.performance.steering import NO_BIAS, NO_TARGET, LogitBias, Target, bias_towards, target_of
from core.tonality import Key

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


def scale(tonic: int, count: int = 128, shift: int = 10, velocity: int = 16) -> np.ndarray:
    """Events of a major scale that goes up again and again; the tonic is an index of a key, 3 for C."""
    steps = np.array([0, 2, 4, 5, 7, 9, 11])[np.arange(count) % 7]
    return np.stack([np.full(count, shift), 24 + tonic + steps, np.full(count, velocity), np.full(count, 10)], axis=1)


def test_nothing_is_added_where_nothing_is_asked_for():
    """The biases are zeros, whatever is played, and so are those of what alone is not asked for."""
    assert bias_towards(NO_TARGET, scale(3)) is NO_BIAS
    bias = bias_towards(Target(velocity=50.0), scale(3))
    assert not bias.onset_shift.any()
    assert not bias.key.any()
    assert bias.velocity.any()


def test_a_key_is_pulled_at_the_harder_the_farther_the_music_is():
    """Music in C major is nearly left alone where that is the key, less so before it began, and least for F sharp."""

    def strength(key, events):
        return np.ptp(bias_towards(Target(key=key), events).key[:PITCHES])

    at_home, at_first = strength(Key(0, False), scale(3)), strength(Key(0, False), scale(3)[:0])
    assert at_home < at_first
    assert at_first < strength(Key(6, False), scale(3))


def test_notes_of_the_key_gain():
    """In A minor its tonic gains most, and B flat loses."""
    bias = bias_towards(Target(key=Key(9, True)), scale(3)[:0]).key
    assert bias[:PITCHES].argmax() % 12 == 0
    assert bias[1] < 0


def test_pace_and_dynamics_are_led_back():
    """Music that is too fast and too loud gains long shifts and soft velocities; too slow and too soft, the others."""
    target = Target(notes_a_second=10.0, velocity=66.0)
    fast = bias_towards(target, scale(3, shift=4, velocity=24))
    slow = bias_towards(target, scale(3, shift=30, velocity=8))
    long = int(np.searchsorted(BIN_CELLS, 60))
    assert fast.onset_shift[long] > 0 > slow.onset_shift[long]
    assert fast.velocity[-1] < 0 < slow.velocity[-1]


def test_chords_stay_together():
    """Whatever the pace, notes within 50 ms are neither helped nor hindered."""
    assert not bias_towards(Target(notes_a_second=3.0), scale(3)).onset_shift[BIN_CELLS < 5].any()


def test_a_mode_becomes_a_key():
    """The one that fits what the piece begins with, or else any of the twelve, by the take."""
    sad = Expression(None, True, "slow", "soft")
    notes = scale(3)[:, KEY]
    assert target_of(sad, 5, notes).key == Key(9, True)
    assert {target_of(sad, take, notes[:0]).key for take in range(12)} == {Key(tonic, True) for tonic in range(12)}
    assert target_of(Expression("D major", None, None, None), 5, notes) == Target(Key(2, False))
