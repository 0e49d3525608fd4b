"""Rubato in the decode loop for processors, one slot at a time: when the chords of a given score are struck, how hard,
and for how long; see `core.performance.rubato`. `xla.rubato` does the same for all slots at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from core.native import compiled
from core.performance.events import BIN_CELLS, END, KEYS, PEDAL_DOWN, PEDAL_UP, PITCHES, SHIFT, TIME_BINS, VELOCITIES
from core.performance.given import GIVEN_NOTES, NEVER, SCORE, GivenNotes
from core.performance.native.given import Moment, moment, own_draw
from core.performance.native.sampling import draw, pedal_gain, softmax_weights
from core.performance.rubato import (
    BETWEEN,
    CELLS,
    LEAST_LOG_LIKELIHOOD,
    LEAST_LOG_PRIOR,
    LOG_DURATIONS,
    MOST_HAZARD,
    RUBATO,
    SHIFTS,
)
from core.performance.sampling import FORBIDDEN, DecodeState, SamplingParameters

_LEAST_LIKELIHOOD = math.exp(LEAST_LOG_LIKELIHOOD)
_NO_PEDAL = -1


class Work(NamedTuple):
    """Scratch memory of `timing`: which keys are `due`, (KEYS,); the logarithms of the probabilities that one of them,
    and that the pedal, comes at each of the SHIFTS; and, (TIME_BINS,), the scores of the onset shifts, their weights,
    and weights for a draw or for keys."""

    due: np.ndarray
    due_logs: np.ndarray
    pedal_logs: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    shifts: np.ndarray


def work() -> Work:
    """Memory for one slot at a time."""
    logs, bins = (np.zeros(size, dtype=np.float32) for size in (len(SHIFTS), TIME_BINS))
    return Work(np.zeros(KEYS, dtype=bool), logs, logs.copy(), bins, bins.copy(), bins.copy())


class Timing(NamedTuple):
    """The onset shift of the next event of a performance, the key of the pedal if that moves, or -1, and a uniform draw
    that is left for the choice of the key."""

    shift: int
    pedal: int
    uniform: float


class Window(NamedTuple):
    """When the next note of a chord may be struck, in cells from the last event: up to `reach` away from the `middle`,
    with a normal prior of this deviation; where the chord is begun, at any time up to the middle."""

    begun: bool
    middle: float
    reach: float
    deviation: float


@compiled
def timing(
    shift_logits: np.ndarray,
    key_logits: np.ndarray,
    state: DecodeState,
    notes: GivenNotes,
    slot: int,
    uniforms: np.ndarray,
    temperature: float,
    sampling: SamplingParameters,
    work: Work,
) -> Timing:
    """When the next event of a performance is. The network's onset shift, (TIME_BINS,) logits, and key, (SHIFTS, KEYS)
    logits that are changed in place, are weighed together, for it expects a chord's next note at another time than a
    new chord, and neither at the time of a pedal. `uniforms` are the (4,) draws of the event; a note has its own.

    The note's moment is given from outside, and the pedal may move before it, as two clocks of which the first to ring
    counts: at each moment the pedal moves as likely as the network holds, given that nothing has come until then."""
    now, last, began = moment(notes, slot), state.key[slot], state.time[slot]
    pedal = PEDAL_UP if state.pedal_down[slot] else PEDAL_DOWN
    _mark_due_keys(notes, slot, now, work.due)
    for place in range(len(SHIFTS)):
        key_logits[place, PEDAL_UP] += pedal_gain(state, slot, began + BIN_CELLS[SHIFTS[place]], sampling)
        key_logits[place, END] = FORBIDDEN
        _look_up_keys(key_logits[place], pedal, place, work)
    window = _window(notes, slot, now, began)
    for shift in range(TIME_BINS):
        work.scores[shift] = (shift_logits[shift] + _interpolated(work.due_logs, shift)) / temperature
    _add_timing_prior(work.scores, window, _may_be_at_once(now, last, began > notes.tempo.played[slot]))
    uniform = own_draw(notes, slot, min(now.struck, GIVEN_NOTES - 1), SHIFT, uniforms[0])
    note_shift = draw(work.scores, uniform, 1.0, 1.0, work.weights)
    stuck = last < PITCHES or last == PEDAL_DOWN
    return _first_to_ring(note_shift, shift_logits, pedal, stuck, uniforms[1], work)


@compiled
def _mark_due_keys(notes: GivenNotes, slot: int, now: Moment, due: np.ndarray) -> None:
    """Mark of (KEYS,) keys those of the chord that is due. Without any freedom they come from low to high."""
    due[:] = False
    for number in range(GIVEN_NOTES):
        is_due = notes.open[slot, number] and notes.onset[slot, number] == now.written
        if is_due and (notes.key[slot, number] == now.lowest or notes.freedom[slot] > 0):
            due[notes.key[slot, number]] = True


@compiled
def _look_up_keys(logits: np.ndarray, pedal: int, place: int, work: Work) -> None:
    """Note the logarithms of the probabilities of the keys that are due, and of the pedal's, by the (KEYS,) logits at
    one of the SHIFTS."""
    total, due = softmax_weights(logits, 1.0, work.weights), 0.0
    for key in range(KEYS):
        if work.due[key]:
            due += work.weights[key]
    work.due_logs[place] = math.log(max(due / total, _LEAST_LIKELIHOOD))
    work.pedal_logs[place] = math.log(max(work.weights[pedal] / total, _LEAST_LIKELIHOOD))


@compiled
def _interpolated(logs: np.ndarray, shift: int) -> np.float32:
    """The value at a bin of the onset shift of what is known at the SHIFTS."""
    value = np.float32(0)
    for place in range(len(SHIFTS)):
        value += logs[place] * BETWEEN[place, shift]
    return value


@compiled
def expected(notes: GivenNotes, slot: int, now: Moment) -> float:
    """The cell at which the chord that is due would be struck where the tempo of late leads to it."""
    written, played = notes.tempo.written[slot], notes.tempo.played[slot]
    freedom, between = notes.freedom[slot], now.written - written
    made_up = 1 - math.exp(-between / max(freedom * RUBATO.catch_up, 1e-3))
    led_to = played + between * math.exp(freedom * notes.tempo.stretch[slot]) + (written - played) * made_up
    most = freedom * (RUBATO.most_ahead[0] + RUBATO.most_ahead[1] * now.written)
    return min(max(led_to, now.written - most), now.written + most)


@compiled
def _window(notes: GivenNotes, slot: int, now: Moment, time: int) -> Window:
    """When the next note of the chord that is due may be struck."""
    freedom, between = notes.freedom[slot], now.written - notes.tempo.written[slot]
    if now.begun:
        spread = min(RUBATO.spread, RUBATO.spread_share * (now.following - now.written))
        return Window(True, notes.tempo.played[slot] + freedom * spread - time, 0.0, 1.0)
    reach = freedom * (RUBATO.window[0] + RUBATO.window[1] * between)
    deviation = max(freedom * (RUBATO.deviation[0] + RUBATO.deviation[1] * between), 1e-3)
    return Window(False, expected(notes, slot, now) - time, reach, deviation)


@compiled
def _add_timing_prior(scores: np.ndarray, window: Window, at_once: bool) -> None:
    """Add to (TIME_BINS,) scores of the onset shift the logarithm of the prior that a due note is struck then, and
    forbid those outside its window. One at least is allowed: that nearest to the moment."""
    nearest, least = 0, NEVER
    for shift in range(0 if at_once else 1, TIME_BINS - 1):
        distance = _distance(window, CELLS[shift])
        if distance < least:
            nearest, least = shift, distance
    for shift in range(TIME_BINS):
        legal = (at_once or shift > 0) and shift < TIME_BINS - 1
        if shift == nearest or (legal and _beyond(window, CELLS[shift]) <= 0):
            scores[shift] += _log_prior(window, CELLS[shift])
        else:
            scores[shift] = FORBIDDEN


@compiled
def _beyond(window: Window, cells: float) -> float:
    """Cells by which this onset shift is outside the window; 0 or less within it."""
    return cells - window.middle if window.begun else abs(cells - window.middle) - window.reach


@compiled
def _distance(window: Window, cells: float) -> float:
    """How far this onset shift is from the best one, which is the first for a chord that is begun."""
    return max(_beyond(window, cells), 0.0) + 1e-3 * cells if window.begun else abs(cells - window.middle)


@compiled
def _log_prior(window: Window, cells: float) -> float:
    """The logarithm of the prior of this onset shift; it does not matter when within its rest a chord goes on."""
    off = 0.0 if window.begun else (cells - window.middle) / window.deviation
    return max(-0.5 * off * off, LEAST_LOG_PRIOR)


@compiled
def _may_be_at_once(now: Moment, last: int, is_later: bool) -> bool:
    """Whether an onset shift of 0 is possible after the `last` key, which `is_later` than the beginning of the last
    chord or not: a chord is a cell or more after the one before, and within a cell keys are struck from low to high."""
    return (now.begun and now.highest > last) or (last >= PITCHES and is_later)


@compiled
def _first_to_ring(
    note_shift: int, shift_logits: np.ndarray, pedal: int, stuck: bool, uniform: float, work: Work
) -> Timing:
    """The move of the pedal, if that comes before the note or with it, or else the note. The probability of a move at
    an onset shift is that of the shift, among those that are left, times that of the pedal among the keys; a pedal that
    is `stuck` does not move at once."""
    total = softmax_weights(shift_logits, 1.0, work.shifts)
    later, still = total, 1.0
    for shift in range(note_shift + 1):
        if shift > 0 or not stuck:
            hazard = work.shifts[shift] / max(later, 1e-6 * total) * math.exp(_interpolated(work.pedal_logs, shift))
            still *= 1 - min(hazard, MOST_HAZARD)
        if uniform < 1 - still:
            return Timing(shift, pedal, 0.0)
        later -= work.shifts[shift]
    left = (uniform - (1 - still)) / max(still, 1e-6)
    return Timing(note_shift, _NO_PEDAL, min(left, 1 - 1e-6))


@compiled
def forbid_untimely_keys(logits: np.ndarray, timed: Timing, last: int, work: Work) -> None:
    """Forbid all of the (KEYS,) keys but those that come with this timing after the `last` key: the pedal's, or those
    of the chord that is due and above what is struck in the same cell. `work` is as `timing` left it."""
    struck = last if timed.shift == 0 and last < PITCHES else -1
    for key in range(KEYS):
        comes = key == timed.pedal if timed.pedal != _NO_PEDAL else work.due[key] and key > struck
        if not comes:
            logits[key] = FORBIDDEN


@compiled
def add_duration_prior(logits: np.ndarray, notes: GivenNotes, slot: int, struck: int) -> None:
    """Add to (TIME_BINS,) durations the logarithm of their prior for the given note that is struck, and forbid those
    that it may not have; nothing where none is, -1."""
    if struck < 0:
        return
    for duration in range(TIME_BINS):
        if not notes.shortest[slot, struck] <= duration <= notes.longest[slot, struck]:
            logits[duration] = FORBIDDEN
        elif notes.task[slot] == SCORE:
            off = (LOG_DURATIONS[duration] - notes.held[slot, struck]) / RUBATO.held_deviation
            logits[duration] -= 0.5 * off * off


@compiled
def add_velocity_prior(logits: np.ndarray, notes: GivenNotes, slot: int, struck: int) -> None:
    """Add to (VELOCITIES,) velocities the logarithm of their prior for the written note that is struck, or nothing."""
    if struck < 0 or notes.task[slot] != SCORE:
        return
    foreseen = notes.loudness[slot, struck] + RUBATO.loudness_return * notes.tempo.louder[slot]
    for velocity in range(VELOCITIES):
        off = (velocity - foreseen) / RUBATO.loudness_deviation
        logits[velocity] -= 0.5 * off * off


@compiled
def after_note(notes: GivenNotes, slot: int, struck: int, time: int, velocity: int) -> None:
    """Bring the notes to where they are after one was struck, or none, -1, at this time, in cells, with this bin of
    velocity. The tempo and the loudness follow what was played."""
    if struck < 0:
        return
    tempo, written = notes.tempo, notes.onset[slot, struck]
    notes.open[slot, struck] = False
    off = velocity - notes.loudness[slot, struck] - tempo.louder[slot]
    tempo.louder[slot] += off / RUBATO.loudness_memory
    if written != tempo.written[slot]:
        tempo.stretch[slot] = _stretch_after(notes, slot, written, time)
        tempo.written[slot], tempo.played[slot] = written, time


@compiled
def _stretch_after(notes: GivenNotes, slot: int, written: float, time: int) -> float:
    """The logarithm of played by written time after a chord was struck that is written for this cell."""
    tempo = notes.tempo
    if tempo.written[slot] < 0:  # it is the first
        return 0.0
    between = max(written - tempo.written[slot], 1.0)
    heard = math.log(max(time - tempo.played[slot], 0.5) / between)
    heard = min(max(heard, -2 * RUBATO.most_tempo), 2 * RUBATO.most_tempo)
    stretch = tempo.stretch[slot] * math.exp(-between / RUBATO.tempo_return)
    stretch += (1 - math.exp(-between / RUBATO.tempo_memory)) * (heard - stretch)
    return min(max(stretch, -RUBATO.most_tempo), RUBATO.most_tempo)
