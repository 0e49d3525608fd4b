"""The end of a piece: in which event's place it ends, how its last notes ring out, and whether it ends well."""

from __future__ import annotations

import numpy as np

from core.performance.events import CELL, DURATION, END, KEY, PEDAL_DOWN, PEDAL_UP, PITCHES, SHIFT, decode

EARLIEST_END, LATEST_END = 0.92, 1.04
"""The shares of the length between which a piece ends. The network knows how long the piece still has, and ends it
there of itself nearly always."""
EARLY_CELLS, EARLY_SHARE = 200, 0.04
"""How much earlier than its length a piece is said to end, at the most: told that no time is left, the network ends it
within two seconds or so."""
LAST_CHORD_CELLS = 120
"""How long the last chord is held, where it may be, of a piece that the network did not end."""
TOGETHER_CELLS = 10
"""Cells before the last onset from which on a note belongs to the last chord, which may be rolled."""
SOUNDS = 0.8
"""Seconds that the last chord sounds where a piece has an end and does not break off."""
SLOWER = 1.3
"""Times that the last steps are as long as those before where a piece slows down at its end."""
LAST_STEPS, STEPS_BEFORE = 8, 32
"""Steps (from one onset to the next, chords as one) that are compared: two bars or so, and some eight before them."""
STEP = 0.035
"""Seconds between two onsets that are not struck together."""


def stop_of(events: np.ndarray, ends: np.ndarray, times: np.ndarray, cells: int, first: int) -> int:
    """The number of the event in whose place the piece ends: the network's end, or else the event from `first` on, in
    the share of the length where a piece may end, before which the network held an end to be likeliest."""
    numbers, latest = np.arange(len(times)), LATEST_END * cells
    onset_before = np.concatenate([[0], times[:-1]])
    ended = np.flatnonzero((events[:, KEY] == END) & (onset_before <= latest) & (numbers >= first))
    if len(ended):
        return int(ended[0])
    late = (times >= EARLIEST_END * cells) & (times <= latest) & (numbers >= first)
    if late.any():
        return int(np.where(late, ends, -1.0).argmax())
    beyond = np.flatnonzero(times > latest)
    return int(beyond[0]) if len(beyond) else len(times)


def close(events: np.ndarray, times: np.ndarray, stop: int, cells: int, skipped: int) -> np.ndarray:
    """The moments of a piece that ends in the place of the event `stop`, without the first `skipped` events: its notes
    ring out, the pedal comes up, and the end is where the last sound stops.

    As in all music that the network has read, the end that it chose is where the last key is released or the pedal
    comes up. So where the last sound would stop before, the last chord is held until then, and moves of the pedal that
    nothing sounds with are left out."""
    latest = int(LATEST_END * cells)
    moments, onsets = decode(events[:stop]), np.maximum(times[:stop], 0)
    struck = moments[:, KEY] < PITCHES
    own = struck & (np.arange(stop) >= skipped)
    releases = np.minimum(onsets + moments[:, 3], np.maximum(latest, onsets + 1))
    chosen = stop < len(events) and events[stop, KEY] == END
    last_onset = int(onsets[own].max(initial=0))
    ending = min(int(times[stop]), latest) if chosen else min(last_onset + LAST_CHORD_CELLS, latest)
    silence = last_sound(moments[~struck, KEY], onsets[~struck], int(releases[struck].max(initial=0)), ending)
    silent_pedal = np.zeros(stop, dtype=bool)
    if silence < ending - TOGETHER_CELLS:
        releases = np.where(own & (onsets >= last_onset - TOGETHER_CELLS), ending, releases)
        silent_pedal = ~struck & (onsets > silence)
    moments[:, 3] = np.where(struck, np.maximum(releases - onsets, 1), 0)
    moments[:, SHIFT] = onsets
    pedal = ~struck & ~silent_pedal
    ending = max([ending, *releases[struck].tolist(), *onsets[pedal].tolist()])
    down = pedal.any() and moments[pedal, KEY][-1] == PEDAL_DOWN
    closing = np.array([[ending, PEDAL_UP, 0, 0], [ending, END, 0, 0]], dtype=np.int32)[0 if down else 1 :]
    moments = np.concatenate([moments[~silent_pedal & (np.arange(stop) >= skipped)], closing])
    moments[:, SHIFT] = np.diff(moments[:, SHIFT], prepend=0)
    return moments


def last_sound(keys: np.ndarray, onsets: np.ndarray, released: int, ending: int) -> int:
    """When the last sound stops: with the last key at `released`, or else with the pedal that is down then, whose moves
    these are, and at the latest at the end."""
    before = keys[onsets <= released]
    if not len(before) or before[-1] != PEDAL_DOWN:
        return released
    lifted = onsets[(onsets > released) & (keys == PEDAL_UP)]
    return int(lifted[0]) if len(lifted) else ending


def last_chord_seconds(moments: np.ndarray, unit: float = CELL) -> float:
    """How long the last chord sounds after the last onset, by its keys or by the pedal that is down when they are
    released. `moments` are those of a whole piece, with its end, and `unit` is the seconds in a unit of their time."""
    onsets, keys = np.cumsum(moments[:, SHIFT]), moments[:, KEY]
    last = onsets[keys < PITCHES][-1]
    chord = (keys < PITCHES) & (onsets >= last - TOGETHER_CELLS * CELL / unit)
    released = int((onsets + moments[:, DURATION])[chord].max())
    pedal = (keys >= PITCHES) & (keys <= PEDAL_DOWN)
    return float((last_sound(keys[pedal], onsets[pedal], released, int(onsets[-1])) - last) * unit)


def last_steps_slower(moments: np.ndarray, unit: float = CELL) -> float | None:
    """The median of the last steps divided by that of the steps before them; None for a piece of too few. The arguments
    are those of `last_chord_seconds`."""
    onsets = np.cumsum(moments[:, SHIFT])[moments[:, KEY] < PITCHES] * unit
    steps = np.diff(onsets[np.diff(onsets, prepend=-1.0) > STEP])
    if len(steps) < LAST_STEPS + STEPS_BEFORE:
        return None
    return float(np.median(steps[-LAST_STEPS:]) / np.median(steps[-LAST_STEPS - STEPS_BEFORE : -LAST_STEPS]))
