"""Rubato in the decode loop of XLA: when the chords of a given score are struck, how hard, and for how long; see
`core.performance.rubato`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from core.performance.events import (
    BIN_CELLS,
    END,
    KEYS,
    PEDAL_DOWN,
    PEDAL_UP,
    PITCHES,
    SHIFT,
    TIME_BINS,
    VELOCITIES,
)
from core.performance.given import GIVEN_NOTES, NEVER, SCORE, GivenNotes, Tempo
from core.performance.rubato import (
    BETWEEN,
    CELLS,
    LEAST_LOG_LIKELIHOOD,
    LEAST_LOG_PRIOR,
    LOG_DURATIONS,
    MOST_HAZARD,
    RUBATO,
    SHIFTS,
    Rubato,
)
from core.performance.sampling import FORBIDDEN, DecodeState, SamplingParameters
from core.performance.xla.given import Moment, Tensor, lowest_due, moment, own_draw
from core.performance.xla.sampling import pedal_gain


class Timing(NamedTuple):
    """The onset shift of the next event of a performance, (slots,), the keys that it may have then, (slots, KEYS), and
    a uniform draw that is left for their choice, (slots,)."""

    shift: Tensor
    keys: Tensor
    uniform: Tensor


def untimed(slots: int) -> Timing:
    """The timing of slots in which nothing is performed."""
    return Timing(ops.zeros((slots,), "int32"), ops.zeros((slots, KEYS), "bool"), ops.zeros((slots,)))


def due_keys(notes: GivenNotes, now: Moment) -> Tensor:
    """(slots, KEYS): the keys of the chord that is due. Without any freedom they come from low to high."""
    due = ops.logical_and(now.due, ops.logical_or(notes.freedom[:, None] > 0, notes.key == lowest_due(notes, now)))
    is_key = notes.key[:, :, None] == ops.arange(KEYS)[None, None]
    return ops.any(ops.logical_and(due[:, :, None], is_key), axis=1)


def pedal_keys(state: DecodeState) -> Tensor:
    """(slots, KEYS): the way in which the pedal can move."""
    move = ops.where(state.pedal_down, PEDAL_UP, PEDAL_DOWN)
    return move[:, None] == ops.arange(KEYS)[None]


def expected(notes: GivenNotes, now: Moment, rubato: Rubato = RUBATO) -> Tensor:
    """(slots,): the cell at which the chord that is due would be struck as the tempo of late leads there."""
    tempo, freedom = notes.tempo, notes.freedom
    between = now.written - tempo.written
    ahead = tempo.written - tempo.played
    made_up = 1 - ops.exp(-between / ops.maximum(freedom * rubato.catch_up, 1e-3))
    moment = tempo.played + between * ops.exp(freedom * tempo.stretch) + ahead * made_up
    most = freedom * _of(rubato.most_ahead, now.written)
    return ops.clip(moment, now.written - most, now.written + most)


def _of(line: tuple[float, float], time: Tensor) -> Tensor:
    return line[0] + line[1] * time


def timing_logits(notes: GivenNotes, now: Moment, state: DecodeState, rubato: Rubato = RUBATO) -> Tensor:
    """(slots, TIME_BINS): the logarithm of the prior of the onset shift at which a due note is struck, FORBIDDEN
    outside its window. One bin at least is allowed: that nearest to the moment."""
    cells, time = ops.convert_to_tensor(CELLS)[None], ops.cast(state.time, "float32")
    between = now.written - notes.tempo.written
    left = (expected(notes, now, rubato) - time)[:, None]
    window = (notes.freedom * _of(rubato.window, between))[:, None]
    deviation = ops.maximum(notes.freedom * _of(rubato.deviation, between), 1e-3)[:, None]
    spread = ops.minimum(rubato.spread, rubato.spread_share * (now.following - now.written))
    rest = (notes.tempo.played + notes.freedom * spread - time)[:, None]
    begun = now.begun[:, None]
    off = ops.where(begun, ops.maximum(cells - rest, 0.0), ops.maximum(ops.abs(cells - left) - window, 0.0))
    prior = ops.where(begun, 0.0, -0.5 * ops.square((cells - left) / deviation))
    legal = _legal_shifts(notes, now, state)
    distance = ops.where(legal, ops.where(begun, off + 1e-3 * cells, ops.abs(cells - left)), NEVER)
    nearest = ops.arange(TIME_BINS)[None] == ops.argmin(distance, axis=-1)[:, None]
    within = ops.logical_and(legal, off <= 0)
    return ops.where(ops.logical_or(within, nearest), ops.maximum(prior, LEAST_LOG_PRIOR), FORBIDDEN)


def _legal_shifts(notes: GivenNotes, now: Moment, state: DecodeState) -> Tensor:
    """(slots, TIME_BINS): a chord is a cell or more after the one before, and within a cell keys are struck from low to
    high."""
    bins = ops.arange(TIME_BINS)[None]
    highest = ops.max(ops.where(now.due, notes.key, -1), axis=-1)
    together = ops.logical_and(now.begun, highest > state.key)
    after_pedal = ops.logical_and(state.key >= PITCHES, ops.cast(state.time, "float32") > notes.tempo.played)
    at_once = ops.logical_or(together, after_pedal)
    return ops.logical_and(bins < TIME_BINS - 1, ops.logical_or(bins > 0, at_once[:, None]))


def timing(
    hidden: Tensor,
    shift_logits: Tensor,
    key_head: Callable[[Tensor, list[Tensor]], Tensor],
    state: DecodeState,
    notes: GivenNotes,
    uniforms: Tensor,
    temperature: Tensor,
    sampling: SamplingParameters,
) -> Timing:
    """When the next event of a performance is. The network's onset shift and key are weighed together, for it expects a
    chord's next note at another time than a new chord, and neither at the time of a pedal.

    The note's moment is given from outside, and the pedal may move before it, as two clocks of which the first to ring
    counts: at each moment the pedal moves as likely as the network holds, given that nothing has come until then."""
    now = moment(notes)
    due = due_keys(notes, now)
    logits = _key_logits(hidden, key_head, state, sampling)
    log_shifts = shift_logits - ops.logsumexp(shift_logits, axis=-1, keepdims=True)
    scores = (log_shifts + _interpolated(logits, due)) / temperature[:, None] + timing_logits(notes, now, state)
    uniform = own_draw(notes, ops.minimum(now.struck, GIVEN_NOTES - 1), SHIFT, uniforms[:, 0])
    note_shift = _drawn(ops.softmax(scores, axis=-1), uniform)
    moved = _pedal_moved(ops.exp(log_shifts), ops.exp(_interpolated(logits, pedal_keys(state))), state)
    at_note = ops.arange(TIME_BINS)[None] == note_shift[:, None]
    before = ops.sum(ops.where(at_note, moved, 0.0), axis=-1)
    is_pedal = uniforms[:, 1] < before
    pedal_shift = ops.sum(ops.cast(moved <= uniforms[:, 1:2], "int32"), axis=-1)
    left = ops.clip((uniforms[:, 1] - before) / ops.maximum(1 - before, 1e-6), 0.0, 1 - 1e-6)
    shift = ops.where(is_pedal, pedal_shift, note_shift)
    keys = ops.where(is_pedal[:, None], pedal_keys(state), _legal_keys(due, state, shift))
    return Timing(shift, keys, left)


def _key_logits(
    hidden: Tensor, key_head: Callable[[Tensor, list[Tensor]], Tensor], state: DecodeState, sampling: SamplingParameters
) -> Tensor:
    """(slots, SHIFTS, KEYS): the logits of the key where the next event has each of some onset shifts. The end is
    none."""
    slots = ops.shape(hidden)[0]
    shifts = ops.broadcast_to(ops.convert_to_tensor(SHIFTS, "int32")[None], (slots, len(SHIFTS)))
    logits = key_head(hidden[:, None], [shifts])
    time = state.time[:, None] + ops.convert_to_tensor(BIN_CELLS[SHIFTS], "int32")[None]
    keys = ops.arange(KEYS)[None, None]
    logits = logits + ops.where(keys == PEDAL_UP, pedal_gain(state, time, sampling)[:, :, None], 0.0)
    return ops.where(keys == END, FORBIDDEN, logits)


def _pedal_moved(shifts: Tensor, pedal: Tensor, state: DecodeState) -> Tensor:
    """(slots, TIME_BINS): the probability that the pedal has moved by each onset shift where no note comes. `shifts`
    are the probabilities of the onset shifts, `pedal` those of a move at each, both (slots, TIME_BINS)."""
    later = 1 - _summed(shifts) + shifts
    hazard = ops.clip(shifts * pedal / ops.maximum(later, 1e-6), 0.0, MOST_HAZARD)
    after_note_or_down = ops.logical_or(state.key < PITCHES, state.key == PEDAL_DOWN)
    stuck = ops.logical_and(ops.arange(TIME_BINS)[None] == 0, after_note_or_down[:, None])
    return 1 - ops.exp(_summed(ops.log(1 - ops.where(stuck, 0.0, hazard))))


def _interpolated(logits: Tensor, keys: Tensor) -> Tensor:
    """The logarithm of the probability of these keys, (slots, KEYS), at each onset shift, (slots, TIME_BINS); logits
    are (slots, SHIFTS, KEYS)."""
    chosen = ops.logsumexp(ops.where(keys[:, None], logits, FORBIDDEN), axis=-1)
    logs = ops.maximum(chosen - ops.logsumexp(logits, axis=-1), LEAST_LOG_LIKELIHOOD)
    return ops.matmul(logs, ops.convert_to_tensor(BETWEEN))


def _summed(values: Tensor) -> Tensor:
    """The running sum, (slots, TIME_BINS)."""
    return ops.matmul(values, ops.triu(ops.ones((TIME_BINS, TIME_BINS))))


def _drawn(probabilities: Tensor, uniform: Tensor) -> Tensor:
    summed = _summed(probabilities)
    return ops.sum(ops.cast(summed <= uniform[:, None] * summed[:, -1:], "int32"), axis=-1)


def _legal_keys(due: Tensor, state: DecodeState, shift: Tensor) -> Tensor:
    """(slots, KEYS): those of the keys that are due that may be struck with this onset shift."""
    last = ops.where(ops.logical_and(shift == 0, state.key < PITCHES), state.key, -1)
    return ops.logical_and(due, ops.arange(KEYS)[None] > last[:, None])


def given_durations(notes: GivenNotes, struck: Tensor, rubato: Rubato = RUBATO) -> Tensor:
    """(slots, TIME_BINS): the logarithm of the prior of the duration of the given note that is struck, (slots,), and
    FORBIDDEN for those that it may not have; nothing where none is."""
    number = ops.arange(GIVEN_NOTES)[None] == struck[:, None]
    shortest = ops.sum(ops.where(number, notes.shortest, 0), axis=-1, keepdims=True)
    longest = ops.sum(ops.where(number, notes.longest, 0), axis=-1, keepdims=True)
    bins = ops.arange(TIME_BINS)[None]
    within = ops.logical_and(bins >= shortest, bins <= longest)
    foreseen = ops.sum(ops.where(number, notes.held, 0.0), axis=-1, keepdims=True)
    off = (ops.convert_to_tensor(LOG_DURATIONS)[None] - foreseen) / rubato.held_deviation
    prior = ops.where(within, ops.where(notes.task[:, None] == SCORE, -0.5 * ops.square(off), 0.0), FORBIDDEN)
    return ops.where(struck[:, None] < 0, 0.0, prior)


def velocity_prior(notes: GivenNotes, struck: Tensor, rubato: Rubato = RUBATO) -> Tensor:
    """(slots, VELOCITIES): the logarithm of the prior of the velocity of the written note that is struck, (slots,)."""
    number = ops.arange(GIVEN_NOTES)[None] == struck[:, None]
    foreseen = ops.sum(ops.where(number, notes.loudness, 0.0), axis=-1, keepdims=True)
    foreseen = foreseen + rubato.loudness_return * notes.tempo.louder[:, None]
    off = (ops.cast(ops.arange(VELOCITIES), "float32")[None] - foreseen) / rubato.loudness_deviation
    written = ops.logical_and(notes.task == SCORE, struck >= 0)
    return ops.where(written[:, None], -0.5 * ops.square(off), 0.0)


def after_note(
    notes: GivenNotes, struck: Tensor, time: Tensor, velocity: Tensor, rubato: Rubato = RUBATO
) -> GivenNotes:
    """The notes after one was struck at `time`, (slots,) in cells, with a bin of velocity. The tempo and the loudness
    follow what was played."""
    number = ops.arange(GIVEN_NOTES)[None] == struck[:, None]
    written = ops.sum(ops.where(number, notes.onset, 0.0), axis=-1)
    tempo, time = notes.tempo, ops.cast(time, "float32")
    begins = ops.logical_and(struck >= 0, written != tempo.written)
    between = ops.maximum(written - tempo.written, 1.0)
    heard = ops.log(ops.maximum(time - tempo.played, 0.5) / between)
    heard = ops.clip(heard, -2 * rubato.most_tempo, 2 * rubato.most_tempo)
    stretch = tempo.stretch * ops.exp(-between / rubato.tempo_return)
    stretch = stretch + (1 - ops.exp(-between / rubato.tempo_memory)) * (heard - stretch)
    stretch = ops.where(tempo.written < 0, 0.0, ops.clip(stretch, -rubato.most_tempo, rubato.most_tempo))
    foreseen = ops.sum(ops.where(number, notes.loudness, 0.0), axis=-1)
    off = (ops.cast(velocity, "float32") - foreseen - tempo.louder) / rubato.loudness_memory
    return notes._replace(
        open=ops.logical_and(notes.open, ~number),
        tempo=Tempo(
            ops.where(begins, written, tempo.written),
            ops.where(begins, time, tempo.played),
            ops.where(begins, stretch, tempo.stretch),
            ops.where(struck >= 0, tempo.louder + off, tempo.louder),
        ),
    )
