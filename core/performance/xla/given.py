"""Given notes in the decode loop of XLA: which of them are due, which is struck, and how the accompaniment of a melody
makes way for it. `xla.rubato` has how a score's notes are timed and shaded."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from keras import ops

from core.performance.events import BIN_CELLS, END, KEYS, PITCHES
from core.performance.given import COARSE, GIVEN_NOTES, MELODY, MELODY_BIAS, NEVER, SCORE, GivenNotes, MelodyBias
from core.performance.sampling import FORBIDDEN, DecodeState

Tensor: TypeAlias = Any


class Moment(NamedTuple):
    """A chord that is due: (slots, GIVEN_NOTES) which notes are still to be struck of it, and (slots,) when it is
    written, whether it is begun, when the chord after it is written, and how many notes were struck of all."""

    due: Tensor
    written: Tensor
    begun: Tensor
    following: Tensor
    struck: Tensor


def moment(notes: GivenNotes) -> Moment:
    """The chord that is due: what is to be struck next."""
    onsets = ops.where(notes.open, notes.onset, NEVER)
    written = ops.min(onsets, axis=-1)
    due = ops.logical_and(notes.open, notes.onset <= written[:, None])
    following = ops.min(ops.where(due, NEVER, onsets), axis=-1)
    struck = ops.sum(ops.cast(ops.logical_and(~notes.open, notes.onset < NEVER), "int32"), axis=-1)
    return Moment(due, written, written == notes.tempo.written, following, struck)


def lowest_due(notes: GivenNotes, now: Moment) -> Tensor:
    """(slots, 1): the lowest key of the chord that is due; KEYS where none is."""
    return ops.min(ops.where(now.due, notes.key, KEYS), axis=-1, keepdims=True)


def melody_bias(notes: GivenNotes, now: Tensor, melody: MelodyBias = MELODY_BIAS) -> Tensor:
    """(slots, KEYS): what is added to the logits of keys struck at `now`, (slots,) in cells, beside a melody: nothing
    is struck on its key or a semitone from it while it sounds, or where it comes soon, and little above it."""
    time = ops.cast(now, "float32")[:, None]
    sounds = ops.logical_and(notes.onset <= time + melody.soon, notes.release > time)
    sounds = ops.logical_or(sounds, ops.logical_and(notes.open, notes.onset <= time + melody.soon))
    distance = notes.key[:, :, None] - ops.arange(KEYS)[None, None]
    pitch = ops.arange(KEYS)[None] < PITCHES
    clashes = ops.any(ops.logical_and(sounds[:, :, None], ops.abs(distance) <= 1), axis=1)
    above = ops.any(ops.logical_and(sounds[:, :, None], distance < 0), axis=1)
    bias = ops.where(clashes, FORBIDDEN, ops.where(above, -melody.above, 0.0))
    return ops.where(pitch, bias, 0.0)


def giving_way(notes: GivenNotes, state: DecodeState, shift: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """The onset shift and key that were drawn, (slots,), or those of the melody's next note where it comes first. In
    its cell the pedal and lower keys come before it."""
    now = moment(notes)
    cells = ops.convert_to_tensor(BIN_CELLS, "int32")
    left = ops.cast(ops.minimum(now.written, 1e8), "int32") - state.time
    drawn = ops.take(cells, shift)
    melody = ops.cast(ops.squeeze(lowest_due(notes, now), axis=-1), "int32")
    comes_first = ops.logical_or(key < melody, ops.logical_and(key >= PITCHES, key != END))
    stays = ops.logical_or(drawn < left, ops.logical_and(drawn == left, comes_first))
    latest = ops.sum(ops.cast(cells[None] <= ops.maximum(left, 0)[:, None], "int32"), axis=-1) - 1
    return ops.where(stays, shift, latest), ops.where(stays, key, melody)


def struck_note(notes: GivenNotes, state: DecodeState, shift: Tensor, key: Tensor) -> Tensor:
    """(slots,): which of the given notes is struck with this onset shift and key, each (slots,); -1 for none. An
    accompaniment may have a melody's key to itself until the melody comes to it."""
    now = moment(notes)
    cells = ops.convert_to_tensor(BIN_CELLS, "float32")
    time = ops.cast(state.time, "float32") + ops.take(cells, shift)
    early = ops.logical_and(notes.task == MELODY, time + COARSE < now.written)
    hit = ops.logical_and(now.due, notes.key == key[:, None])
    hit = ops.logical_and(hit, ~early[:, None])
    return ops.where(ops.any(hit, axis=-1), ops.cast(ops.argmax(ops.cast(hit, "int32"), axis=-1), "int32"), -1)


def own_draw(notes: GivenNotes, struck: Tensor, attribute: int, otherwise: Tensor) -> Tensor:
    """(slots,): the uniform draw for an attribute of the written note that is struck, (slots,); `otherwise` where none
    is, -1."""
    number = ops.arange(GIVEN_NOTES)[None] == struck[:, None]
    draws = ops.sum(ops.where(number, notes.draws[:, :, attribute], 0.0), axis=-1)
    return ops.where(ops.logical_and(notes.task == SCORE, struck >= 0), draws, otherwise)
