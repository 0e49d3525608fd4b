"""Piano playing as a sequence of events, one a note or a move of the sustain pedal, in the order in which they happen.

An event has four attributes: the onset shift (time since the previous event), the key (one of 88 pitches, pedal up,
pedal down, or the end of the piece), the velocity, and the duration for which the key is held. They come in two forms,
both integer arrays of shape (events, 4):

- moments: times in cells of 10 ms, velocity 1 to 127. Nothing but the rounding to cells is lost.
- events: the indices that the model reads and predicts. Times in bins that get coarser, velocity in 32 bins of 4.

PrettyMIDI -> `read` -> moments -> `encode` -> events -> `decode` -> moments -> `write` -> PrettyMIDI."""

from __future__ import annotations

from typing import Any

import numpy as np
from pretty_midi import ControlChange, Instrument, Note, PrettyMIDI

from core.midi.controllers import PEDAL_THRESHOLD, SUSTAIN
from core.seed import HIGHEST_PITCH, LOWEST_PITCH

CELL = 0.01
"""Seconds in a cell of time."""
SHIFT, KEY, VELOCITY, DURATION = range(4)
"""The columns of moments and events, in the order in which the model predicts them."""
ATTRIBUTES = ("onset_shift", "key", "velocity", "duration")

TIME_EDGES = np.concatenate(
    [np.arange(0, 128), np.arange(128, 256, 4), np.arange(256, 512, 8), np.arange(512, 801, 16)]
)
"""The first cell of each bin of time. The last bin, from 8 s on, has no end."""
TIME_BINS = len(TIME_EDGES)
BIN_WIDTHS = np.diff(TIME_EDGES, append=TIME_EDGES[-1] + 1)
"""Cells in each bin; the last counts as one."""
BIN_CELLS = TIME_EDGES + (BIN_WIDTHS - 1) // 2
"""The cell in the middle of each bin, which stands for it when events become music."""

PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1
PEDAL_UP, PEDAL_DOWN, END = PITCHES, PITCHES + 1, PITCHES + 2
KEYS = PITCHES + 3
START = KEYS
"""The key that stands before a piece's first event: read, and never predicted."""
VELOCITY_WIDTH = 4
VELOCITIES = 128 // VELOCITY_WIDTH
NO_VELOCITY, NO_DURATION = VELOCITIES, TIME_BINS
"""The pedal and the end have these in place of a velocity and a duration, in events. In moments both are 0."""
START_EVENT = np.array([0, START, NO_VELOCITY, NO_DURATION], dtype=np.int16)
SIZES = (TIME_BINS, KEYS, VELOCITIES, TIME_BINS)
"""How many values of each attribute can be predicted."""

REMAINING_EDGES = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 50, 70, 100, 150)
"""Seconds until a piece's end, the first of each bucket after the first."""
REMAINING_UNSAID = 0
"""The bucket of an event whose piece may end at any time."""
REMAINING_BUCKETS = len(REMAINING_EDGES) + 2

_TICKS_PER_BEAT, _BEATS_PER_MINUTE = 500, 120  # 1 ms a tick, so that every cell begins on one


def cell_of(seconds: float, cell: float = CELL) -> int:
    """The nearest cell. Halves go up, so that equal times always share a cell, whatever their last bits."""
    return int(seconds / cell + 0.5 + 1e-6)


def read(midi: PrettyMIDI, cell: float = CELL) -> np.ndarray:
    """All notes on a piano's keys, the sustain pedal and the end, as moments, (events, 4) of int32; a cell has `cell`
    seconds.

    All instruments but drums are played together, since some data sets write one piano on several tracks. Within a
    cell the pedal comes first, then the keys from low to high. The piece ends when the last key is released, or with
    its last event. Music without a note has no moments at all."""
    instruments = [instrument for instrument in midi.instruments if not instrument.is_drum]
    notes = [
        (
            cell_of(note.start, cell),
            note.pitch - LOWEST_PITCH,
            note.velocity,
            cell_of(note.end, cell) - cell_of(note.start, cell),
        )
        for instrument in instruments
        for note in instrument.notes
        if LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH
    ]
    if not notes:
        return np.zeros((0, 4), dtype=np.int32)
    pedal = [(onset, key, 0, 0) for onset, key in _pedal_moves(instruments, cell)]
    end = max([onset + duration for onset, _, _, duration in notes] + [onset for onset, *_ in pedal])
    moments = np.array([*in_order(np.array(notes + pedal)), (end, END, 0, 0)], dtype=np.int32)
    moments[:, SHIFT] = np.diff(moments[:, SHIFT], prepend=0)
    return moments


def remaining_bucket(seconds: Any, xp: Any = np) -> Any:
    """The bucket, from 1 on, of the time that is left after an event's onset until the end of its piece. `xp` is the
    library whose array it is, NumPy or `jax.numpy`."""
    return 1 + xp.searchsorted(xp.asarray(REMAINING_EDGES, dtype="float32"), seconds).astype("int32")


def in_order(moments: np.ndarray) -> np.ndarray:
    """Moments whose first column holds onsets, put in the order of `read`."""
    keys = moments[:, KEY]
    rank = np.where(keys >= PITCHES, keys - KEYS, keys)  # pedal up, pedal down, end, then the pitches
    rank = np.where(keys == END, KEYS, rank)
    return moments[np.lexsort((moments[:, DURATION], moments[:, VELOCITY], rank, moments[:, SHIFT]))]


def _pedal_moves(instruments: list[Instrument], width: float) -> list[tuple[int, int]]:
    """(cell, PEDAL_UP or PEDAL_DOWN) wherever the pedal's state changes from one cell to the next, and both where it is
    down before and after a cell in which it came up."""
    changes = sorted(
        (
            (change.time, change.value >= PEDAL_THRESHOLD)
            for instrument in instruments
            for change in instrument.control_changes
            if change.number == SUSTAIN
        ),
        key=lambda change: change[0],
    )
    by_cell: dict[int, list[bool]] = {}
    for time, down in changes:
        by_cell.setdefault(cell_of(time, width), []).append(down)
    moves, was_down = [], False
    for cell, states in sorted(by_cell.items()):
        if was_down and not all(states):
            moves.append((cell, PEDAL_UP))
            was_down = False
        if states[-1] and not was_down:
            moves.append((cell, PEDAL_DOWN))
        was_down = states[-1]
    return moves


def encode(moments: np.ndarray) -> np.ndarray:
    """Moments -> events, (events, 4) of int16."""
    struck = moments[:, KEY] < PITCHES
    return np.stack(
        [
            bins_of(moments[:, SHIFT]),
            moments[:, KEY],
            np.where(struck, moments[:, VELOCITY] // VELOCITY_WIDTH, NO_VELOCITY),
            np.where(struck, bins_of(moments[:, DURATION]), NO_DURATION),
        ],
        axis=1,
    ).astype(np.int16)


def bins_of(cells: np.ndarray) -> np.ndarray:
    """The bin of time in which each cell lies."""
    return np.searchsorted(TIME_EDGES, cells, side="right") - 1


def decode(events: np.ndarray) -> np.ndarray:
    """Events -> moments, (events, 4) of int32, each value in the middle of its bin."""
    struck = events[:, KEY] < PITCHES
    cells = np.append(BIN_CELLS, 0)  # the last for NO_DURATION
    return np.stack(
        [
            cells[events[:, SHIFT]],
            events[:, KEY],
            np.where(struck, events[:, VELOCITY] * VELOCITY_WIDTH + VELOCITY_WIDTH // 2, 0),
            np.where(struck, cells[events[:, DURATION]], 0),
        ],
        axis=1,
    ).astype(np.int32)


def playable(moments: np.ndarray) -> np.ndarray:
    """Moments as MIDI can hold them: a key that is struck while it is held is released first, one struck twice in a
    cell sounds once, as hard and as long as either, every note lasts a cell or more, and the end is that of the last
    sound."""
    moments = moments.copy()
    moments[:, SHIFT] = np.cumsum(moments[:, SHIFT])
    kept, held = np.ones(len(moments), dtype=bool), dict[int, int]()
    for number, (onset, key, velocity, duration) in enumerate(moments.tolist()):
        if key >= PITCHES:
            continue
        moments[number, VELOCITY], moments[number, DURATION] = max(velocity, 1), max(duration, 1)
        before = held.get(key)
        if before is not None and moments[before, SHIFT] == onset:
            moments[before, VELOCITY:] = np.maximum(moments[before, VELOCITY:], moments[number, VELOCITY:])
            kept[number] = False
            continue
        if before is not None:
            moments[before, DURATION] = min(moments[before, DURATION], onset - moments[before, SHIFT])
        held[key] = number
    moments = moments[kept]
    sounds = moments[:, KEY] != END
    moments[~sounds, SHIFT] = (moments[:, SHIFT] + moments[:, DURATION])[sounds].max(initial=0)
    moments[:, SHIFT] = np.diff(moments[:, SHIFT], prepend=0)
    return moments


def write(moments: np.ndarray, offsets: np.ndarray | None = None) -> PrettyMIDI:
    """Moments -> a piano piece, as far as they are `playable`. `offsets` are milliseconds, (events, 2), by which each
    onset and release is away from the middle of its cell; see `core.performance.spread`."""
    piano = Instrument(program=0, name="Piano")
    held: dict[int, Note] = {}
    for start, end, key, velocity in timed(moments, offsets):
        if key in (PEDAL_UP, PEDAL_DOWN):
            piano.control_changes.append(ControlChange(SUSTAIN, 127 * (key == PEDAL_DOWN), start / 1000))
        elif key != END:
            if key in held:
                held[key].end = min(held[key].end, start / 1000)
            held[key] = Note(velocity, key + LOWEST_PITCH, start / 1000, end / 1000)
            piano.notes.append(held[key])
    midi = PrettyMIDI(resolution=_TICKS_PER_BEAT, initial_tempo=_BEATS_PER_MINUTE)
    midi.instruments.append(piano)
    return midi


def timed(moments: np.ndarray, offsets: np.ndarray | None = None) -> list[tuple[int, int, int, int]]:
    """The millisecond of onset and of release, the key and the velocity of each of the moments, as far as they are
    `playable`. `offsets` are those of `write`."""
    moments = playable(moments)
    if offsets is None:
        offsets = np.zeros((len(moments), 2), dtype=int)
    onsets = np.cumsum(moments[:, SHIFT])
    starts = 10 * onsets + offsets[:, 0]
    ends = 10 * (onsets + moments[:, DURATION]) + offsets[:, 1]
    return list(
        zip(*(column.tolist() for column in (starts, ends, moments[:, KEY], moments[:, VELOCITY])), strict=True)
    )
