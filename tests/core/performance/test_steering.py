"""core/performance/steering.py: what is played is led to what was asked for, and left alone where nothing was."""

import numpy as np
import pytest

from core.expression import Expression
from core.performance.events import BIN_CELLS, KEY, PITCHES, decode
from core.performance.steering import NO_BIAS, NO_TARGET, Target, bias_towards, target_of, transposed
from core.tonality import Key


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


def key_bias(key: Key, events: np.ndarray, fixed: bool) -> np.ndarray:
    return bias_towards(Target(key=key, fixed=fixed), events).key


def test_a_key_is_taken_up_after_notes_that_are_given():
    """Music in C major is nearly left alone where that is the key, and led to F sharp where that is."""
    at_home, away = (np.ptp(key_bias(Key(tonic, False), scale(3), fixed=True)) for tonic in (0, 6))
    assert at_home < away
    assert np.ptp(key_bias(Key(0, False), scale(3)[:0], fixed=True)) > 0


def test_notes_of_the_key_gain():
    """In A minor the tonic gains, and B flat, which is outside the scale, loses; the pedal does neither."""
    bias = key_bias(Key(9, True), scale(3)[:0], fixed=True)
    assert bias[0] > 0 > bias[1]
    assert not bias[PITCHES:].any()


def test_music_that_is_free_is_led_to_the_mode_alone():
    """Whatever key it is in, for it can be transposed: C major music is no farther from F sharp major than from C."""
    assert not key_bias(Key(6, False), scale(3), fixed=False).any()
    assert key_bias(Key(6, True), scale(3), fixed=False).any()


@pytest.mark.parametrize("key", [Key(0, False), Key(6, False), Key(6, True), Key(11, True)], ids=str)
def test_music_that_is_free_is_transposed(key: Key):
    """To the key, or, in the other mode, to that with the same signature; what is given stays as it is."""
    music = decode(scale(3))
    moved = transposed(music, Target(key=key))
    steps = moved[:, KEY] - music[:, KEY]
    assert set(np.unique(steps)) == {(key.signature + 6) % 12 - 6}
    assert transposed(music, Target(key=key, fixed=True)) is music


def test_nothing_is_transposed_beyond_the_piano():
    """A note that would be is an octave nearer."""
    music = decode(scale(3))
    music[0, KEY] = 0
    assert transposed(music, Target(key=Key(7, False)))[:, KEY].min() >= 0


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
    assert target_of(Expression("D major", None, None, None), 5, notes) == Target(Key(2, False), fixed=True)
