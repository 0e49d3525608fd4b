"""Choosing events: the temperature, the nucleus, one uniform draw an attribute, and what a piano cannot do left out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
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

FORBIDDEN = -1e9
USUAL_PACE = 8.4
"""Cells from one event to the next, the median in human playing."""
FAST_PACE, FASTEST_PACE = 6.0, 2.0
"""Where it is held back, and where the most: a quarter of human pieces is faster than 4.0 somewhere, a hundredth faster
than 2.0. A model that reads its own playing gets faster and faster once it is as fast as that."""
RESTRAINT = 1.5
LONG_PEDAL, LIFT, MOST_LIFT = 400, 0.01, 5.0
"""Cells for which the pedal may stay down unhindered, and what each further one adds to the logit of lifting it, up to
a most. Of the time that people have it down, they have it for more than 10 s in 0 to 5 %; left alone the model does in
10 %, and once forgot it for 48 s."""
_MEMORY = 64
"""Events over which the pace is averaged."""
_LOG_CELLS = np.log1p(BIN_CELLS).astype(np.float32)
_DRAWS_BELOW = 1 - 1e-6  # so that a draw times the total never reaches the total in float32


class Playing(NamedTuple):
    """Where the pieces in the slots are, each (slots,): the last `key`, the time in cells of the last event and of the
    first note, whether a note has sounded, whether the pedal is down and since when (cells), how many events were read,
    and the `pace`: the running mean of the cells from one event to the next."""

    key: Any
    time: Any
    origin: Any
    sounded: Any
    pedal: Any
    moved: Any
    seen: Any
    pace: Any


def uniforms(take: int, sub_take: int, first: int, count: int) -> np.ndarray:
    """(count, 4) float32 draws from [0, 1) for the attributes of the events from `first` on. They depend on nothing but
    these numbers: the generator is NumPy's Philox, keyed by take and sub-take, its counter the event's number."""
    philox = np.random.Philox(key=np.array([take, sub_take], dtype=np.uint64), counter=first)
    draws = np.random.Generator(philox).random((count, 4))  # four numbers are one step of the counter
    return np.minimum(draws, _DRAWS_BELOW).astype(np.float32)


def nucleus(logits: Any, top_p: Any) -> Any:
    """Keep the likeliest choices that together reach probability `top_p`; forbid the others.
    Takes and returns logits of shape (slots, choices); `top_p` is (slots,). Call it after the temperature."""
    probabilities = ops.softmax(logits, axis=-1)
    one, other = probabilities[:, None, :], probabilities[:, :, None]
    # all pairs at once: over so few choices quicker than to sort them
    ahead = ops.sum(ops.where(other > one, other, 0.0), axis=1)  # 0 for the likeliest, so it always stays
    return ops.where(ahead < top_p[:, None], logits, FORBIDDEN)


def draw(logits: Any, uniform: Any, temperature: Any, top_p: Any) -> Any:
    """(slots, choices) logits -> (slots,) choices: the first whose summed probability exceeds the uniform draw."""
    probabilities = ops.softmax(nucleus(logits / temperature[:, None], top_p), axis=-1)
    choices = probabilities.shape[-1]
    summed = ops.matmul(probabilities, ops.triu(ops.ones((choices, choices))))  # a running sum, quicker as a product
    passed = summed <= uniform[:, None] * summed[:, -1:]
    return ops.sum(ops.cast(passed, "int32"), axis=-1)


def legal_shifts(playing: Playing) -> Any:
    """(slots, time bins): any but the last, which has no end; 0 only where a higher key is left to strike with the last
    one."""
    bins = ops.arange(TIME_BINS)[None]
    top = ops.logical_or(playing.key == PITCHES - 1, playing.key >= END)
    return ops.logical_and(bins < TIME_BINS - 1, ops.logical_or(bins > 0, ~top[:, None]))


def restraint(playing: Playing) -> Any:
    """(slots, time bins): what is added to the logits of the onset shift, nothing as long as the pace is a usual one.
    The faster it is, the more the longer shifts gain: `RESTRAINT` times the logarithm of their cells at the most."""
    haste = ops.clip((FAST_PACE - playing.pace) / (FAST_PACE - FASTEST_PACE), 0.0, 1.0)
    return RESTRAINT * haste[:, None] * ops.convert_to_tensor(_LOG_CELLS)[None]


def lift(playing: Playing, now: Any) -> Any:
    """(slots, keys): what is added to the logits of the key, nothing but for a pedal that has been down for long `now`,
    (slots,) in cells."""
    since = ops.cast(now - playing.moved, "float32")
    more = ops.where(playing.pedal, ops.clip(LIFT * (since - LONG_PEDAL), 0.0, MOST_LIFT), 0.0)
    return more[:, None] * ops.cast(ops.arange(KEYS) == PEDAL_UP, "float32")[None]


def legal_keys(playing: Playing, shift: Any, may_end: Any) -> Any:
    """(slots, keys): within a cell the pedal moves before any key and keys are struck from low to high; the pedal comes
    up only when down and goes down only when up; a piece ends only where it may and after a note."""
    keys = ops.arange(KEYS)[None]
    last, together = playing.key[:, None], (shift == 0)[:, None]
    after_a_note = ops.logical_and(together, last < PITCHES)
    pitch = ops.logical_and(keys < PITCHES, ops.logical_or(~after_a_note, keys > last))
    down = playing.pedal[:, None]
    up_again = ops.logical_and(keys == PEDAL_UP, ops.logical_and(down, ~ops.logical_and(together, last == PEDAL_DOWN)))
    pedal = ops.logical_or(up_again, ops.logical_and(keys == PEDAL_DOWN, ~down))
    ending = ops.logical_and(keys == END, ops.logical_and(may_end, playing.sounded)[:, None])
    return ops.logical_or(pitch, ops.logical_or(ops.logical_and(pedal, ~after_a_note), ending))


def legal_durations() -> Any:
    """(1, time bins): a cell or more, and no time without end."""
    bins = ops.arange(TIME_BINS)[None]
    return ops.logical_and(bins > 0, bins < TIME_BINS - 1)


def played(playing: Playing, event: Any) -> Playing:
    """Where the pieces are after these events, (slots, 4)."""
    shift, key = event[:, SHIFT], event[:, KEY]
    cells = ops.take(ops.convert_to_tensor(BIN_CELLS, "int32"), shift)
    time = playing.time + cells
    struck = key < PITCHES
    return Playing(
        key=key,
        time=time,
        origin=ops.where(playing.sounded, playing.origin, time),
        sounded=ops.logical_or(playing.sounded, struck),
        pedal=ops.where(struck, playing.pedal, key == PEDAL_DOWN),
        moved=ops.where(struck, playing.moved, time),
        seen=playing.seen + 1,
        pace=playing.pace + (ops.cast(cells, "float32") - playing.pace) / _MEMORY,
    )
