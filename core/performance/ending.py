"""The end of a piece: in which event's place it ends, and how its last notes ring out."""

from __future__ import annotations

import numpy as np

from core.performance.events import END, KEY, PEDAL_DOWN, PEDAL_UP, PITCHES, SHIFT, decode

EARLIEST_END, LATEST_END = 0.92, 1.04
"""The shares of the length between which a piece ends. The network knows how long the piece still has, and ends it
there of itself nearly always."""
EARLY_CELLS, EARLY_SHARE = 200, 0.04
"""How much earlier than its length a piece is said to end, at the most: told that no time is left, the network ends it
within two seconds or so."""
LAST_CHORD_CELLS = 120
"""How long the last chord is held, where it may be, of a piece that the network did not end."""
TOGETHER_CELLS = 10
"""Cells before the last onset from which on a note belongs to the last chord."""


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
    comes up; so where neither is, the last chord is held until then."""
    latest = int(LATEST_END * cells)
    moments, onsets = decode(events[:stop]), np.maximum(times[:stop], 0)
    struck = moments[:, KEY] < PITCHES
    own = struck & (np.arange(stop) >= skipped)
    releases = np.minimum(onsets + moments[:, 3], np.maximum(latest, onsets + 1))
    chosen = stop < len(events) and events[stop, KEY] == END
    last_onset = int(onsets[own].max(initial=0))
    ending = min(int(times[stop]), latest) if chosen else min(last_onset + LAST_CHORD_CELLS, latest)
    if releases[own].max(initial=0) < ending and not _pedal_sounds(moments, onsets, last_onset):
        releases = np.where(own & (onsets >= last_onset - TOGETHER_CELLS), ending, releases)
    moments[:, 3] = np.where(struck, np.maximum(releases - onsets, 1), 0)
    ending = max([ending, *releases[struck].tolist(), *onsets[~struck].tolist()])
    moments[:, SHIFT] = onsets
    pedal = moments[~struck, KEY]
    closing = [[ending, PEDAL_UP, 0, 0]] if len(pedal) and pedal[-1] == PEDAL_DOWN else []
    moments = np.concatenate([moments[skipped:], np.array([*closing, [ending, END, 0, 0]], dtype=np.int32)])
    moments[:, SHIFT] = np.diff(moments[:, SHIFT], prepend=0)
    return moments


def _pedal_sounds(moments: np.ndarray, onsets: np.ndarray, last_onset: int) -> bool:
    """Whether the pedal moves after the last chord or is down until the end."""
    pedal = moments[:, KEY] >= PITCHES
    down = pedal.any() and moments[pedal, KEY][-1] == PEDAL_DOWN
    return bool(down or (onsets[pedal] > last_onset).any())
