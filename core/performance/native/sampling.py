"""Sampling events in the decode loop for processors, one slot at a time: temperature and nucleus, one uniform draw an
attribute, biases against what a network that reads its own playing falls into, and what a piano cannot do. Logits are
changed in place. `xla.sampling` does the same for all slots at once."""

from __future__ import annotations

import math

import numpy as np

from core.native import compiled
from core.native.sums import total_above
from core.performance.events import (
    BIN_CELLS,
    CELL,
    END,
    PEDAL_DOWN,
    PEDAL_UP,
    PITCHES,
    REMAINING_EDGES,
    REMAINING_UNSAID,
    TIME_BINS,
)
from core.performance.sampling import FORBIDDEN, LOG_CELLS, SHIFT_MEMORY, DecodeState, SamplingParameters

_HALVINGS = 24
"""Steps of the bisection that finds where the nucleus ends: to a ratio of 1 + 1e-6, about what float32 tells apart."""


@compiled
def draw(logits: np.ndarray, uniform: float, temperature: float, top_p: float, weights: np.ndarray) -> int:
    """A choice from (choices,) logits: the first of the nucleus whose summed probability exceeds the uniform draw.
    `weights` is scratch memory, as long as the logits at least."""
    choices = logits.shape[0]
    total = softmax_weights(logits, temperature, weights)
    if top_p < 1:
        total = nucleus(weights[:choices], top_p, total)
    return choice_at(weights[:choices], uniform * total)


@compiled
def choice_at(weights: np.ndarray, passed: float) -> int:
    """The first of (choices,) weights with which their running sum exceeds `passed`."""
    summed = 0.0  # in 64 bits, so that whatever order a total was summed in, a draw below 1 stays below it
    for choice in range(weights.shape[0]):
        summed += weights[choice]
        if summed > passed:
            return choice
    return weights.shape[0] - 1


@compiled
def softmax_weights(logits: np.ndarray, temperature: float, weights: np.ndarray) -> float:
    """Fill in the probabilities of (choices,) logits before they are divided by their sum, the likeliest being 1, and
    return the sum."""
    peak, scale, total = logits.max(), np.float32(1 / temperature), 0.0
    for choice in range(logits.shape[0]):
        weights[choice] = math.exp((logits[choice] - peak) * scale)
        total += weights[choice]
    return total


@compiled
def nucleus(weights: np.ndarray, top_p: float, total: float) -> float:
    """Keep the likeliest of (choices,) weights, of this total, that together reach the share `top_p` of it; make the
    others 0. Returns the total of those that are kept.

    The least weight that is kept is looked for by bisection. A processor does each of these sums in wide registers, and
    a sort would have a branch at every step that it cannot foresee."""
    low = np.float32((1 - top_p) * total / weights.shape[0])  # all up to here are too little to matter
    high = np.float32(1)  # the likeliest, before which there is none
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        if total_above(weights, middle) < top_p * total:
            high = middle
        else:
            low = middle
    kept = 0.0
    for choice in range(weights.shape[0]):
        if weights[choice] <= low:
            weights[choice] = 0
        kept += weights[choice]
    return kept


@compiled
def probability(logits: np.ndarray, choice: int) -> float:
    """The probability of one of (choices,) logits at a temperature of 1."""
    peak, total = logits.max(), 0.0
    for other in range(logits.shape[0]):
        total += math.exp(logits[other] - peak)
    return math.exp(logits[choice] - peak) / total


@compiled
def forbid_shifts(logits: np.ndarray, state: DecodeState, slot: int) -> None:
    """Forbid of the (TIME_BINS,) onset shifts the last, which has no end, and 0 where no higher key is left to strike
    with the last one."""
    key = state.key[slot]
    if key == PITCHES - 1 or key >= END:
        logits[0] = FORBIDDEN
    logits[TIME_BINS - 1] = FORBIDDEN


@compiled
def forbid_keys(logits: np.ndarray, state: DecodeState, slot: int, shift: int, may_end: bool) -> None:
    """Forbid of the (KEYS,) keys those that cannot follow: within a cell the pedal moves before any key and keys are
    struck from low to high; the pedal comes up only when down and goes down only when up; a piece ends only where it
    may and after a note."""
    last, down, together = state.key[slot], state.pedal_down[slot], shift == 0
    after_a_note = together and last < PITCHES
    if after_a_note:
        logits[: last + 1] = FORBIDDEN
    if after_a_note or not down or (together and last == PEDAL_DOWN):
        logits[PEDAL_UP] = FORBIDDEN
    if after_a_note or down:
        logits[PEDAL_DOWN] = FORBIDDEN
    if not (may_end and state.sounded[slot]):
        logits[END] = FORBIDDEN


@compiled
def forbid_durations(logits: np.ndarray) -> None:
    """Forbid of the (TIME_BINS,) durations none at all, and the time without end."""
    logits[0] = FORBIDDEN
    logits[TIME_BINS - 1] = FORBIDDEN


@compiled
def add_tempo_bias(logits: np.ndarray, state: DecodeState, slot: int, sampling: SamplingParameters) -> None:
    """Add to the (TIME_BINS,) onset shifts nothing at a usual pace; the faster the playing, the more the longer ones
    gain: `tempo_bias` times the logarithm of their cells at the most."""
    haste = (sampling.fast_shift - state.mean_shift[slot]) / (sampling.fast_shift - sampling.fastest_shift)
    if haste <= 0:
        return
    slope = np.float32(sampling.tempo_bias * min(haste, 1.0))
    for shift in range(TIME_BINS):
        logits[shift] += slope * LOG_CELLS[shift]


@compiled
def pedal_gain(state: DecodeState, slot: int, time: int, sampling: SamplingParameters) -> float:
    """How much is added to the logit of lifting the pedal at a time, in cells: nothing but where it has been down for
    long."""
    if not state.pedal_down[slot]:
        return 0.0
    held = time - state.pedal_moved[slot]
    return min(max(sampling.pedal_bias * (held - sampling.long_pedal), 0.0), sampling.most_pedal_bias)


@compiled
def time_after(state: DecodeState, slot: int, shift: int) -> int:
    """The time, in cells, of the next event where it has this onset shift."""
    return state.time[slot] + BIN_CELLS[shift]


@compiled
def after_event(state: DecodeState, slot: int, shift: int, key: int) -> None:
    """Bring the state of a slot to where its sequence is after an event of this onset shift and key."""
    cells = BIN_CELLS[shift]
    state.key[slot] = key
    state.time[slot] += cells
    if not state.sounded[slot]:
        state.first_onset[slot] = state.time[slot]
    if key < PITCHES:
        state.sounded[slot] = True
    else:
        state.pedal_down[slot] = key == PEDAL_DOWN
        state.pedal_moved[slot] = state.time[slot]
    state.events_read[slot] += 1
    state.mean_shift[slot] += (cells - state.mean_shift[slot]) / SHIFT_MEMORY


@compiled
def remaining(state: DecodeState, slot: int, length: int) -> int:
    """The bucket of the time from the last event to the end of the length, in cells, both counted from the first note;
    unsaid where there is no length, 0. It is `events.remaining_bucket` in the loop."""
    if length <= 0:
        return REMAINING_UNSAID
    played = state.time[slot] - state.first_onset[slot] if state.sounded[slot] else 0
    seconds = np.float32(length - played) * np.float32(CELL)
    bucket = 1
    for edge in REMAINING_EDGES:
        bucket += 1 if seconds > edge else 0
    return bucket
