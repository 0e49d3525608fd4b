"""What makes a generated piece not worth hearing: it is stuck on a note or a loop, it says next to nothing, or it plays
faster than ten fingers can."""

from __future__ import annotations

import numpy as np

from core.performance.events import CELL, KEY, PITCHES, SHIFT

FEWEST_NOTES_A_SECOND = 0.3
LONGEST_SILENCE = 8.0
"""Seconds between two onsets."""
STUCK_NOTES = 64
"""As many notes in a row on one key or two, or in exact repetition, are no music."""
FRANTIC_NOTES, FRANTIC_SECONDS = 512, 12.0
"""So many notes in less time no pianist plays: in ASAP the busiest performance takes 12 s for them, the median 30."""
LONGEST_LOOP = 16
"""Notes in the longest pattern whose repetition is looked for."""


def trouble(moments: np.ndarray) -> str | None:
    """What is wrong with the piece, in a few words; None when nothing is.

    `moments` are (events, 4), from the first note to the end, as in `core.performance.events`."""
    onsets = np.cumsum(moments[:, SHIFT]) * CELL
    struck = moments[:, KEY] < PITCHES
    keys, seconds = moments[struck, KEY], float(onsets[-1]) if len(onsets) else 0.0
    if len(keys) < max(FEWEST_NOTES_A_SECOND * seconds, 2):
        return "next to no notes"
    if np.diff(onsets[struck]).max() > LONGEST_SILENCE:
        return "a long silence"
    if frantic(onsets[struck]):
        return "more notes than fingers can play"
    return stuck(keys)


def frantic(onsets: np.ndarray) -> bool:
    """Whether notes that begin at these seconds, in order, are too many at a time anywhere."""
    return bool((onsets[FRANTIC_NOTES:] - onsets[:-FRANTIC_NOTES] < FRANTIC_SECONDS).any())


def stuck(keys: np.ndarray) -> str | None:
    """How the keys that were struck, in order, are no music; None when they may be some."""
    windows = (
        np.lib.stride_tricks.sliding_window_view(keys, STUCK_NOTES) if len(keys) >= STUCK_NOTES else keys[:0, None]
    )
    if any(len(set(window)) <= 2 for window in windows.tolist()):
        return "stuck on a note"
    if any(longest_run(keys[period:] == keys[:-period]) >= STUCK_NOTES for period in range(1, LONGEST_LOOP + 1)):
        return "stuck in a loop"
    return None


def longest_run(hits: np.ndarray) -> int:
    """The most Trues in a row."""
    edges = np.diff(np.concatenate([[False], hits, [False]]).astype(np.int8))
    return int((np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)).max(initial=0))
