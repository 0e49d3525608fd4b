"""Steering: logit biases that keep a piece near what its listener asked for; the network is not trained for it.

They are computed anew before each chunk, from the target and the notes played so far alone, so that a piece that drifts
away is led back, one that is on target is nearly left to the network, and the same recipe gives the same piece. The
constants were found by trial (docs/exploration.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from core.expression import DYNAMICS, PACES, Expression
from core.midi.keys import fits, profile
from core.performance.events import (
    BIN_CELLS,
    CELL,
    DURATION,
    KEY,
    KEYS,
    PITCHES,
    SHIFT,
    TIME_BINS,
    VELOCITIES,
    VELOCITY,
    VELOCITY_WIDTH,
    decode,
)
from core.seed import LOWEST_PITCH
from core.tonality import ALL_KEYS, Key, read

Array: TypeAlias = Any

STRETCH_EVENTS = 64
"""Events of the stretches whose pace and dynamics are compared with the target."""

_MAJOR = (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400)
_MINOR = (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330)
"""How often each pitch class is heard in a stretch of music, from the tonic up (Temperley, 2007): these tell what is
outside the scale. Krumhansl's profiles tell the tonic from the dominant, but hardly a leading note from a wrong one."""
SCALE_SHARE, TONIC_PULL = 0.33, 0.4
"""The share from which a pitch class is of the scale, and how much the logarithm of Krumhansl's profile counts."""
KEY_GAIN, MOST_KEY_WEIGHT = 8.0, 1.0
"""The factor of the sum of both for each unit of correlation by which a key, or a mode, does not fit, and the greatest.
The harder music is pulled, the fewer pitch classes it has: at a weight of 2 any classifier knows it."""
FIRST_KEY_WEIGHT = 0.8
"""The factor where a seed or a file says the first notes, of which too few were played."""
KEY_NOTES, FEWEST_KEY_NOTES = 96, 12
"""The last notes in which the key is looked for, and how many it takes to look."""
CLEAR_LEAD = 0.03
"""How much better than any other a key fits that is left alone."""

CHORD_CELLS, PAUSE_CELLS, USUAL_CELLS = 5, 100, 10
"""Onset shifts below the first are within a chord and are left as they are; beyond the second all gain alike, so that a
slow piece has no longer pauses; the third neither gains nor loses."""
FIRST_PACE, PACE_SLOPE = 7.0, 0.45
"""Notes a second with which pieces begin of themselves, and the first slope for each nat of difference from it."""
RECENT_PACE_GAIN, WHOLE_PACE_GAIN = 0.5, 3.0
"""The slope for each nat by which the last stretch, and all so far, is too fast."""
PACE_PRIOR_NOTES = 96
"""Notes at the right pace that are added to what was played, so that a beginning does not count for all."""
MOST_ERROR, MOST_PACE_SLOPE = 1.5, 2.0

USUAL_VELOCITY, VELOCITY_SLOPE = 64.0, 0.025
"""The mean velocity of pieces that nothing steers, and the first slope for each bin of difference from it."""
RECENT_VELOCITY_GAIN, VELOCITY_GAIN, VELOCITY_MEMORY = 0.03, 0.015, 0.8
"""The slope for each bin by which the last stretch is too loud, the slope that each stretch adds for the same, and how
much of that is left a stretch later."""
MOST_VELOCITY_SLOPE = 0.8

PACE_MISS, VELOCITY_MISS, MODE_MISS = 4.0, 0.12, 20.0
"""How much worse a candidate is for each nat of pace, unit of velocity and unit of correlation by which the piece would
miss its target, where the critic's scores of candidates differ by 1 or so: a miss that is heard (a quarter of the pace,
8 of velocity, 0.05 in favour of the wrong mode) weighs as much."""

_LOG_CELLS = np.where(BIN_CELLS < CHORD_CELLS, 0.0, np.log(np.clip(BIN_CELLS, 1, PAUSE_CELLS) / USUAL_CELLS))
_PITCH_CLASSES = (np.arange(PITCHES) + LOWEST_PITCH) % 12


class LogitBias(NamedTuple):
    """Biases that are added to the logits of a chunk: (TIME_BINS,) for the onset shift, (KEYS,) and (VELOCITIES,) for
    one sequence; behind (slots,) for those of a batch."""

    onset_shift: Array
    key: Array
    velocity: Array


NO_BIAS = LogitBias(*(np.zeros(size, dtype=np.float32) for size in (TIME_BINS, KEYS, VELOCITIES)))


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a piece: a key, notes a second, and a mean velocity, None where nothing was asked for."""

    key: Key | None = None
    notes_a_second: float | None = None
    velocity: float | None = None
    fixed: bool = False
    """Whether the piece begins with notes that are given, and so cannot be transposed."""


NO_TARGET = Target()


def target_of(expression: Expression, take: int, pitches: np.ndarray) -> Target:
    """The target of a piece that begins with these pitches, (notes,) indices of keys. Where a mode is asked for and no
    key, it is the one of that mode which fits them best, or for none a key that the take chooses."""
    return Target(
        key=read(expression.key) if expression.key else _key_in_mode(expression.minor, take, pitches),
        notes_a_second=PACES[expression.pace] if expression.pace else None,
        velocity=DYNAMICS[expression.dynamics] if expression.dynamics else None,
        fixed=len(pitches) > 0,
    )


def _key_in_mode(minor: bool | None, take: int, pitches: np.ndarray) -> Key | None:
    if minor is None:
        return None
    keys = [key for key in ALL_KEYS if key.minor == minor]
    if not len(pitches):
        return keys[take % len(keys)]
    found = fits(np.bincount(_PITCH_CLASSES[pitches], minlength=12))
    return max(keys, key=lambda key: found[key])


def bias_towards(target: Target, events: np.ndarray) -> LogitBias:
    """The bias of the next chunk of a piece that has played these events of its own, (events, 4)."""
    if target == NO_TARGET:
        return NO_BIAS
    moments = decode(events)
    return LogitBias(
        onset_shift=NO_BIAS.onset_shift if target.notes_a_second is None else _pace(target.notes_a_second, moments),
        key=NO_BIAS.key if target.key is None else _harmony(target, moments),
        velocity=NO_BIAS.velocity if target.velocity is None else _dynamics(target.velocity, moments),
    )


def miss(target: Target, events: np.ndarray) -> float:
    """Distance of a piece that has played these events of its own, (events, 4), from its target; 0 for one that is on
    it, and where nothing was asked for."""
    moments = decode(events)
    struck = moments[:, KEY] < PITCHES
    if target == NO_TARGET or not struck.any():
        return 0.0
    missed = 0.0
    if target.notes_a_second is not None:
        missed += PACE_MISS * abs(_haste(moments, target.notes_a_second))
    if target.velocity is not None:
        missed += VELOCITY_MISS * abs(float(moments[struck, VELOCITY].mean()) - target.velocity)
    if target.key is not None:
        missed += MODE_MISS * _wrong_mode(target, moments)
    return missed


def _wrong_mode(target: Target, moments: np.ndarray) -> float:
    """How much better a key in the other mode fits than any in that of the target; where the target's key is fixed, how
    much better any other fits than it."""
    assert target.key is not None
    found = _fits(moments)
    wanted = {key for key in found if (key == target.key if target.fixed else key.minor == target.key.minor)}
    lead = max(fit for key, fit in found.items() if key not in wanted) - max(found[key] for key in wanted)
    return max(lead + CLEAR_LEAD, 0.0)


def _pace(target: float, moments: np.ndarray) -> np.ndarray:
    """A slope on the logarithm of the onset shift."""
    slope = PACE_SLOPE * np.log(FIRST_PACE / target)
    if len(moments):
        last = moments[(len(moments) - 1) // STRETCH_EVENTS * STRETCH_EVENTS :]
        slope += RECENT_PACE_GAIN * _haste(last, target) + WHOLE_PACE_GAIN * _haste(moments, target, PACE_PRIOR_NOTES)
    return (np.clip(slope, -MOST_PACE_SLOPE, MOST_PACE_SLOPE) * _LOG_CELLS).astype(np.float32)


def _haste(moments: np.ndarray, target: float, prior: float = 0.5) -> float:
    """The logarithm of notes a second by the target; `prior` notes at its pace are added."""
    notes, seconds = (moments[:, KEY] < PITCHES).sum(), moments[:, SHIFT].sum() * CELL
    return float(np.clip(np.log((notes + prior) / (seconds * target + prior)), -MOST_ERROR, MOST_ERROR))


def _harmony(target: Target, moments: np.ndarray) -> np.ndarray:
    """The bias that leads a piece into its key after notes that are given; or else in the mode, in whatever key it is,
    as it is transposed in the end."""
    assert target.key is not None
    notes = moments[moments[:, KEY] < PITCHES][-KEY_NOTES:]
    if len(notes) < FEWEST_KEY_NOTES:
        return FIRST_KEY_WEIGHT * _pull(target.key) if target.fixed else NO_BIAS.key
    found = _fits(notes)
    if target.fixed:
        rivals = [key for key in found if key.signature != target.key.signature]
        return _key_weight(target.key, found, rivals) * _pull(target.key)
    key = max((key for key in found if key.minor == target.key.minor), key=lambda key: found[key])
    rivals = [rival for rival in found if rival.minor != key.minor]
    return _key_weight(key, found, rivals) * _pull(key)


def _pull(key: Key) -> np.ndarray:
    """The bias towards a key, (KEYS,): notes outside its scale lose, and the tonic gains. On average over music in the
    key it is 0, so that the pedal and the end stay about as likely as they are."""
    shares = np.roll(_MINOR if key.minor else _MAJOR, key.tonic)
    fit = np.log(profile(key))
    logs = np.minimum(np.log(shares / SCALE_SHARE), 0.0) + TONIC_PULL * (fit - np.average(fit, weights=shares))
    bias = np.zeros(KEYS, dtype=np.float32)
    bias[:PITCHES] = logs[_PITCH_CLASSES]
    return bias


def _key_weight(target: Key, found: dict[Key, float], rivals: Iterable[Key]) -> float:
    """The more, the better a rival fits what was played than the target does."""
    missing = max(found[key] for key in rivals) - found[target] + CLEAR_LEAD
    return min(KEY_GAIN * max(missing, 0.0), MOST_KEY_WEIGHT)


def _fits(moments: np.ndarray) -> dict[Key, float]:
    notes = moments[moments[:, KEY] < PITCHES]
    return fits(np.bincount(_PITCH_CLASSES[notes[:, KEY]], notes[:, DURATION], minlength=12))


def transposed(moments: np.ndarray, target: Target) -> np.ndarray:
    """Music whose keys nothing has fixed, moved to the key of the target by half an octave at the most. Music in the
    other mode comes to the key with the same signature. A note beyond the piano is an octave nearer."""
    struck = moments[:, KEY] < PITCHES
    if target.key is None or target.fixed or not struck.any():
        return moments
    found = _fits(moments)
    key = max(found, key=lambda key: found[key])
    up = target.key.tonic - key.tonic if key.minor == target.key.minor else target.key.signature - key.signature
    moments = moments.copy()
    moved = moments[struck, KEY] + (up + 6) % 12 - 6
    moments[struck, KEY] = moved + 12 * ((moved < 0).astype(int) - (moved >= PITCHES))
    return moments


def _dynamics(target: float, moments: np.ndarray) -> np.ndarray:
    """A slope on the velocity, 0 at the target."""
    slope, error = VELOCITY_SLOPE * (USUAL_VELOCITY - target) / VELOCITY_WIDTH, 0.0
    for first in range(0, len(moments), STRETCH_EVENTS):
        stretch = moments[first : first + STRETCH_EVENTS]
        velocities = stretch[stretch[:, KEY] < PITCHES, VELOCITY]
        error = (velocities.mean() - target) / VELOCITY_WIDTH if len(velocities) else error
        slope = np.clip(VELOCITY_MEMORY * slope + VELOCITY_GAIN * error, -MOST_VELOCITY_SLOPE, MOST_VELOCITY_SLOPE)
    slope += RECENT_VELOCITY_GAIN * error
    return (-slope * (np.arange(VELOCITIES) - target / VELOCITY_WIDTH)).astype(np.float32)
