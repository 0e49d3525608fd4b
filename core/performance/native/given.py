"""Given notes in the decode loop for processors, one slot at a time: which of them are due, which is struck, and how
the accompaniment of a melody makes way for it. `native.rubato` has how a score's notes are timed and shaded;
`xla.given` does the same for all slots at once.

Loops over notes call no function with them: Numba would count a reference to each of their arrays at every call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.native import compiled
from core.performance.events import BIN_CELLS, END, KEYS, PITCHES, TIME_BINS
from core.performance.given import COARSE, GIVEN_NOTES, MELODY, MELODY_BIAS, NEVER, SCORE, GivenNotes
from core.performance.sampling import FORBIDDEN, DecodeState


class Moment(NamedTuple):
    """A chord that is due: the cell at which it is written, whether it is begun, the cell of the chord after it, the
    lowest and the highest key that are still to be struck of it, and how many notes were struck of all. Cells are NEVER
    where there is none, the lowest key is KEYS and the highest -1."""

    written: np.float32
    begun: bool
    following: np.float32
    lowest: int
    highest: int
    struck: int


@compiled
def moment(notes: GivenNotes, slot: int) -> Moment:
    """The chord that is due: what is to be struck next."""
    written = following = np.float32(NEVER)
    lowest, highest, struck = KEYS, -1, 0
    for number in range(GIVEN_NOTES):
        if not notes.open[slot, number]:
            struck += notes.onset[slot, number] < NEVER
            continue
        onset, key = notes.onset[slot, number], notes.key[slot, number]
        if onset < written:
            written, following, lowest, highest = onset, written, key, key
        elif onset > written:
            following = min(following, onset)
        else:
            lowest, highest = min(lowest, key), max(highest, key)
    return Moment(written, written == notes.tempo.written[slot], following, lowest, highest, struck)


@compiled
def is_over(notes: GivenNotes, slot: int) -> bool:
    """Whether no given note is left to strike."""
    return not notes.open[slot].any()


@compiled
def add_melody_bias(logits: np.ndarray, notes: GivenNotes, slot: int, time: int) -> None:
    """Change the logits of (KEYS,) keys struck at this time, in cells, beside a melody: nothing is struck on its key or
    a semitone from it while it sounds, or where it comes soon, and little above it."""
    soon, lowest = time + MELODY_BIAS.soon, PITCHES
    for number in range(GIVEN_NOTES):
        lasts = notes.open[slot, number] or notes.release[slot, number] > time
        if lasts and notes.onset[slot, number] <= soon:
            key = notes.key[slot, number]
            lowest = min(lowest, key)
            for near in range(max(key - 1, 0), min(key + 2, PITCHES)):
                logits[near] = FORBIDDEN
    for key in range(lowest + 1, PITCHES):
        logits[key] -= MELODY_BIAS.above  # which is nothing to those that are forbidden


@compiled
def giving_way(notes: GivenNotes, state: DecodeState, slot: int, shift: int, key: int) -> tuple[int, int]:
    """The onset shift and key that were drawn, or those of the melody's next note where it comes first. In its cell the
    pedal and lower keys come before it."""
    now = moment(notes, slot)
    left, drawn = int(now.written) - state.time[slot], BIN_CELLS[shift]
    comes_first = key < now.lowest or (key >= PITCHES and key != END)
    if drawn < left or (drawn == left and comes_first):
        return shift, key
    latest = 0
    while latest + 1 < TIME_BINS and BIN_CELLS[latest + 1] <= left:
        latest += 1
    return latest, now.lowest


@compiled
def struck_note(notes: GivenNotes, state: DecodeState, slot: int, shift: int, key: int) -> int:
    """The number of the given note that is struck with this onset shift and key; -1 for none. An accompaniment may have
    a melody's key to itself until the melody comes to it."""
    now = moment(notes, slot)
    if notes.task[slot] == MELODY and state.time[slot] + BIN_CELLS[shift] + COARSE < now.written:
        return -1
    for number in range(GIVEN_NOTES):
        is_due = notes.open[slot, number] and notes.onset[slot, number] == now.written
        if is_due and notes.key[slot, number] == key:
            return number
    return -1


@compiled
def own_draw(notes: GivenNotes, slot: int, struck: int, attribute: int, otherwise: float) -> float:
    """The uniform draw for an attribute of the written note that is struck; `otherwise` where none is, -1."""
    return notes.draws[slot, struck, attribute] if struck >= 0 and notes.task[slot] == SCORE else otherwise
