"""Choosing the next event of each slot, an attribute at a time, from what the network predicts, by the rules of
`sampling`, `given` and `rubato`. Logits are (rows, choices); those of a slot are changed in place."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from core.native import compiled
from core.performance.engine import FREE, ChunkInputs
from core.performance.events import (
    DURATION,
    END,
    KEY,
    NO_DURATION,
    NO_VELOCITY,
    PEDAL_UP,
    PITCHES,
    SHIFT,
    TIME_BINS,
    VELOCITY,
)
from core.performance.given import FREELY, MELODY, SCORE, GivenNotes
from core.performance.native.given import add_melody_bias, giving_way, is_over, own_draw, struck_note
from core.performance.native.rubato import (
    Timing,
    Work,
    add_duration_prior,
    add_velocity_prior,
    after_note,
    forbid_untimely_keys,
)
from core.performance.native.sampling import (
    add_tempo_bias,
    after_event,
    draw,
    forbid_durations,
    forbid_keys,
    forbid_shifts,
    pedal_gain,
    probability,
    time_after,
)
from core.performance.sampling import DecodeState, SamplingParameters


class Draws(NamedTuple):
    """How one attribute of a chunk's events is drawn: the values that are `forced`, or FREE, and the uniform draws,
    both (CHUNK, slots); the temperature and nucleus of each slot; and scratch memory for one draw."""

    forced: np.ndarray
    uniforms: np.ndarray
    temperature: np.ndarray
    top_p: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, inputs: ChunkInputs, sampling: SamplingParameters, attribute: int) -> Draws:
        return cls(
            np.ascontiguousarray(inputs.forced[:, :, attribute]),
            np.ascontiguousarray(inputs.uniforms[:, :, attribute]),
            inputs.temperature * np.float32(sampling.temperatures[attribute]),
            1 - (1 - inputs.top_p) * np.float32(sampling.tail_shares[attribute]),
            np.zeros(TIME_BINS, dtype=np.float32),
        )


@compiled
def chosen(logits: Any, draws: Draws, place: int, slot: int, uniform: float) -> int:
    """A value for the `place`-th event of the chunk: the one that is forced, or that of the uniform draw."""
    forced = draws.forced[place, slot]
    if forced != FREE:
        return forced
    return draw(logits, uniform, draws.temperature[slot], draws.top_p[slot], draws.weights)


@compiled
def choose_shifts(
    logits: Any, bias: Any, decode: DecodeState, sampling: SamplingParameters, draws: Draws, place: int, event: Any
) -> None:
    """The onset shifts. `bias` is (slots, TIME_BINS), and `event`, (slots, 4), takes the choices, as further on."""
    for slot in range(event.shape[0]):
        mine = logits[slot]
        mine += bias[slot]
        add_tempo_bias(mine, decode, slot, sampling)
        forbid_shifts(mine, decode, slot)
        event[slot, SHIFT] = chosen(mine, draws, place, slot, draws.uniforms[place, slot])


@compiled
def choose_keys(
    logits: Any,
    bias: Any,
    earliest_end: Any,
    decode: DecodeState,
    notes: GivenNotes,
    sampling: SamplingParameters,
    draws: Draws,
    place: int,
    event: Any,
    ends: Any,
) -> None:
    """The keys, but those of slots that perform a score. `ends`, (slots,), takes the probabilities of the end; beside a
    melody the onset shift may change."""
    for slot in range(event.shape[0]):
        mine, shift = logits[slot], event[slot, SHIFT]
        ends[slot] = probability(mine, END)
        now = time_after(decode, slot, shift)
        mine[PEDAL_UP] += pedal_gain(decode, slot, now, sampling)
        mine += bias[slot]
        if notes.task[slot] == SCORE:
            continue
        may_end = now - decode.first_onset[slot] >= earliest_end[slot] and is_over(notes, slot)
        if notes.task[slot] == MELODY:
            add_melody_bias(mine, notes, slot, now)
        forbid_keys(mine, decode, slot, shift, may_end)
        key = chosen(mine, draws, place, slot, draws.uniforms[place, slot])
        if notes.task[slot] == MELODY:
            shift, key = giving_way(notes, decode, slot, shift, key)
        event[slot, SHIFT], event[slot, KEY] = shift, key


@compiled
def choose_timed_key(
    logits: Any, decode: DecodeState, timed: Timing, work: Work, draws: Draws, slot: int, event: Any
) -> None:
    """The key of a slot that performs a score, with the logits that `choose_keys` left."""
    forbid_untimely_keys(logits[slot], timed, decode.key[slot], work)
    event[slot, KEY] = draw(logits[slot], timed.uniform, draws.temperature[slot], draws.top_p[slot], draws.weights)


@compiled
def choose_velocities(
    logits: Any, bias: Any, decode: DecodeState, notes: GivenNotes, draws: Draws, place: int, event: Any, struck: Any
) -> None:
    """The velocities. `struck`, (slots,), takes which of the given notes are struck, or -1."""
    for slot in range(event.shape[0]):
        shift, key = event[slot, SHIFT], event[slot, KEY]
        struck[slot] = -1 if notes.task[slot] == FREELY else struck_note(notes, decode, slot, shift, key)
        if key >= PITCHES:
            event[slot, VELOCITY] = NO_VELOCITY
            continue
        mine = logits[slot]
        mine += bias[slot]
        add_velocity_prior(mine, notes, slot, struck[slot])
        uniform = own_draw(notes, slot, struck[slot], VELOCITY, draws.uniforms[place, slot])
        event[slot, VELOCITY] = chosen(mine, draws, place, slot, uniform)


@compiled
def choose_durations(logits: Any, notes: GivenNotes, draws: Draws, place: int, event: Any, struck: Any) -> None:
    for slot in range(event.shape[0]):
        if event[slot, KEY] >= PITCHES:
            event[slot, DURATION] = NO_DURATION
            continue
        mine = logits[slot]
        add_duration_prior(mine, notes, slot, struck[slot])
        forbid_durations(mine)
        uniform = own_draw(notes, slot, struck[slot], DURATION, draws.uniforms[place, slot])
        event[slot, DURATION] = chosen(mine, draws, place, slot, uniform)


@compiled
def go_on(decode: DecodeState, notes: GivenNotes, event: Any, struck: Any) -> None:
    """Bring the decode state and the given notes to after the events."""
    for slot in range(event.shape[0]):
        after_event(decode, slot, event[slot, SHIFT], event[slot, KEY])
        after_note(notes, slot, struck[slot], decode.time[slot], event[slot, VELOCITY])
