"""Sampling events in the decode loop of XLA: temperature and nucleus, one uniform draw an attribute, biases against
what a network that reads its own playing falls into, and masks for what a piano cannot do."""

from __future__ import annotations

from typing import Any, TypeAlias

from keras import ops

from core.performance.events import (
    BIN_CELLS,
    END,
    KEY,
    KEYS,
    PEDAL_DOWN,
    PEDAL_UP,
    PITCHES,
    SHIFT,
    TIME_BINS,
)
from core.performance.sampling import FORBIDDEN, LOG_CELLS, SHIFT_MEMORY, DecodeState, SamplingParameters

Tensor: TypeAlias = Any


def nucleus(logits: Tensor, top_p: Tensor) -> Tensor:
    """Keep the likeliest choices that together reach probability `top_p`; forbid the others.
    Takes and returns logits of shape (slots, choices); `top_p` is (slots,). Call it after the temperature."""
    probabilities = ops.softmax(logits, axis=-1)
    one, other = probabilities[:, None, :], probabilities[:, :, None]
    # all pairs at once: over so few choices quicker than to sort them
    ahead = ops.sum(ops.where(other > one, other, 0.0), axis=1)  # 0 for the likeliest, so it always stays
    return ops.where(ahead < top_p[:, None], logits, FORBIDDEN)


def sample(logits: Tensor, uniform: Tensor, temperature: Tensor, top_p: Tensor) -> Tensor:
    """(slots, choices) logits -> (slots,) choices: the first whose summed probability exceeds the uniform draw."""
    probabilities = ops.softmax(nucleus(logits / temperature[:, None], top_p), axis=-1)
    choices = probabilities.shape[-1]
    summed = ops.matmul(probabilities, ops.triu(ops.ones((choices, choices))))  # a running sum, quicker as a product
    passed = summed <= uniform[:, None] * summed[:, -1:]
    return ops.sum(ops.cast(passed, "int32"), axis=-1)


def legal_shifts(state: DecodeState) -> Tensor:
    """(slots, time bins): any but the last, which has no end; 0 only where a higher key is left to strike with the last
    one."""
    bins = ops.arange(TIME_BINS)[None]
    top = ops.logical_or(state.key == PITCHES - 1, state.key >= END)
    return ops.logical_and(bins < TIME_BINS - 1, ops.logical_or(bins > 0, ~top[:, None]))


def tempo_bias(state: DecodeState, sampling: SamplingParameters) -> Tensor:
    """(slots, time bins): what is added to the logits of the onset shift, nothing at a usual pace. The faster the
    playing, the more the longer shifts gain: `tempo_bias` times the logarithm of their cells at the most."""
    haste = (sampling.fast_shift - state.mean_shift) / (sampling.fast_shift - sampling.fastest_shift)
    return sampling.tempo_bias * ops.clip(haste, 0.0, 1.0)[:, None] * ops.convert_to_tensor(LOG_CELLS)[None]


def pedal_bias(state: DecodeState, now: Tensor, sampling: SamplingParameters) -> Tensor:
    """(slots, keys): what is added to the logits of the key, nothing but for a pedal that has been down for long `now`,
    (slots,) in cells."""
    gain = pedal_gain(state, now[:, None], sampling)
    return gain * ops.cast(ops.arange(KEYS) == PEDAL_UP, "float32")[None]


def pedal_gain(state: DecodeState, times: Tensor, sampling: SamplingParameters) -> Tensor:
    """(slots, times): what is added to the logit of lifting the pedal at these times, in cells."""
    held = ops.cast(times - state.pedal_moved[:, None], "float32")
    gain = ops.clip(sampling.pedal_bias * (held - sampling.long_pedal), 0.0, sampling.most_pedal_bias)
    return ops.where(state.pedal_down[:, None], gain, 0.0)


def legal_keys(state: DecodeState, shift: Tensor, may_end: Tensor) -> Tensor:
    """(slots, keys): within a cell the pedal moves before any key and keys are struck from low to high; the pedal comes
    up only when down and goes down only when up; a piece ends only where it may and after a note."""
    keys = ops.arange(KEYS)[None]
    last, together = state.key[:, None], (shift == 0)[:, None]
    after_a_note = ops.logical_and(together, last < PITCHES)
    pitch = ops.logical_and(keys < PITCHES, ops.logical_or(~after_a_note, keys > last))
    down = state.pedal_down[:, None]
    up_again = ops.logical_and(keys == PEDAL_UP, ops.logical_and(down, ~ops.logical_and(together, last == PEDAL_DOWN)))
    pedal = ops.logical_or(up_again, ops.logical_and(keys == PEDAL_DOWN, ~down))
    ending = ops.logical_and(keys == END, ops.logical_and(may_end, state.sounded)[:, None])
    return ops.logical_or(pitch, ops.logical_or(ops.logical_and(pedal, ~after_a_note), ending))


def legal_durations() -> Tensor:
    """(1, time bins): a cell or more, and no time without end."""
    bins = ops.arange(TIME_BINS)[None]
    return ops.logical_and(bins > 0, bins < TIME_BINS - 1)


def after_event(state: DecodeState, event: Tensor) -> DecodeState:
    """Where the sequences are after these events, (slots, 4)."""
    shift, key = event[:, SHIFT], event[:, KEY]
    cells = ops.take(ops.convert_to_tensor(BIN_CELLS, "int32"), shift)
    time = state.time + cells
    struck = key < PITCHES
    return DecodeState(
        key=key,
        time=time,
        first_onset=ops.where(state.sounded, state.first_onset, time),
        sounded=ops.logical_or(state.sounded, struck),
        pedal_down=ops.where(struck, state.pedal_down, key == PEDAL_DOWN),
        pedal_moved=ops.where(struck, state.pedal_moved, time),
        events_read=state.events_read + 1,
        mean_shift=state.mean_shift + (ops.cast(cells, "float32") - state.mean_shift) / SHIFT_MEMORY,
    )
