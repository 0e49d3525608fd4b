"""How pieces end, and what tires a listener: beside human pieces, since those too end softly or dwell on a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.performance.ending import last_sound
from core.performance.events import DURATION, KEY, PEDAL_DOWN, PITCHES, SHIFT
from core.performance.guard import FEW_KEYS, LAST_SECONDS, LAST_SHARE, LONGEST_SILENCE
from training.excerpts import PRECISION

TOGETHER = 0.1
"""Seconds before the last onset from which on a note belongs to the last chord, which may be rolled."""
SOUNDS = 0.8
"""Seconds that the last chord sounds where a piece has an end and does not break off."""
SLOWER = 1.3
"""Times that the last steps are as long as those before where a piece slows down at its end."""
LAST_STEPS, STEPS_BEFORE = 8, 32
"""Steps (from one onset to the next, chords as one) that are compared: two bars or so, and some eight before them."""
STEP = 0.035
"""Seconds between two onsets that are not struck together."""
RETURN_NOTES, RETURN_LATER = 6, 512
"""Notes in a pattern that returns, and how many notes later at least."""


def last_chord_seconds(moments: np.ndarray) -> float:
    """How long the last chord sounds after the last onset, by its keys or by the pedal that is down when they are
    released. `moments`, here as below, are in units of 1 ms, with their end."""
    onsets, keys = np.cumsum(moments[:, SHIFT]), moments[:, KEY]
    last = onsets[keys < PITCHES][-1]
    chord = (keys < PITCHES) & (onsets >= last - TOGETHER / PRECISION)
    released = int((onsets + moments[:, DURATION])[chord].max())
    pedal = (keys >= PITCHES) & (keys <= PEDAL_DOWN)
    return float((last_sound(keys[pedal], onsets[pedal], released, int(onsets[-1])) - last) * PRECISION)


def last_steps_slower(moments: np.ndarray) -> float | None:
    """The median of the last steps divided by that of the steps before them; None for a piece of too few."""
    onsets = np.cumsum(moments[:, SHIFT])[moments[:, KEY] < PITCHES] * PRECISION
    steps = np.diff(onsets[np.diff(onsets, prepend=-1.0) > STEP])
    if len(steps) < LAST_STEPS + STEPS_BEFORE:
        return None
    return float(np.median(steps[-LAST_STEPS:]) / np.median(steps[-LAST_STEPS - STEPS_BEFORE : -LAST_STEPS]))


def last_notes_in_few_keys(moments: np.ndarray) -> float:
    """The share of the notes of the last 10 s, up to the last onset, that are in the three keys struck most there."""
    struck = moments[:, KEY] < PITCHES
    onsets = np.cumsum(moments[:, SHIFT])[struck] * PRECISION
    last = moments[struck, KEY][onsets > onsets[-1] - LAST_SECONDS]
    return float(np.sort(np.bincount(last))[-FEW_KEYS:].sum() / len(last))


def longest_silence(moments: np.ndarray) -> float:
    """The most seconds from one onset to the next."""
    onsets = np.cumsum(moments[:, SHIFT])[moments[:, KEY] < PITCHES] * PRECISION
    return float(np.diff(onsets).max(initial=0.0))


def returns(moments: np.ndarray) -> float | None:
    """The share of the piece's patterns of six notes, transposition aside, that were played 512 notes before or
    earlier; None for a piece of fewer notes."""
    intervals = np.diff(moments[moments[:, KEY] < PITCHES, KEY])
    length = RETURN_NOTES - 1
    if len(intervals) < RETURN_LATER + length:
        return None
    patterns = list(map(tuple, np.lib.stride_tricks.sliding_window_view(intervals, length).tolist()))
    earlier: set[tuple[int, ...]] = set()
    returned = 0
    for number in range(RETURN_LATER, len(patterns)):
        earlier.add(patterns[number - RETURN_LATER])
        returned += patterns[number] in earlier
    return returned / len(patterns)


def ends(pieces: Sequence[np.ndarray]) -> dict[str, Any]:
    """About the ends of whole pieces."""
    sounding = np.array([last_chord_seconds(moments) for moments in pieces])
    slower = [factor for factor in map(last_steps_slower, pieces) if factor is not None]
    return {
        "last_chord_seconds": round(float(np.median(sounding)), 2),
        "last_chord_sounds": round(float((sounding >= SOUNDS).mean()), 4),
        "last_steps_slower_by": round(float(np.median(slower)), 2) if slower else None,
        "slows_down": round(float((np.array(slower) >= SLOWER).mean()), 4) if slower else None,
        "stuck_at_the_end": round(float(np.mean([last_notes_in_few_keys(piece) > LAST_SHARE for piece in pieces])), 4),
    }


def courses(excerpts: Sequence[np.ndarray]) -> dict[str, Any]:
    """About excerpts of one length: their longest silence, and how much returns."""
    silences = np.array([longest_silence(moments) for moments in excerpts])
    returned = [share for share in map(returns, excerpts) if share is not None]
    return {
        "longest_silence": round(float(np.median(silences)), 2),
        "longest_silence_of_all": round(float(silences.max()), 2),
        "silent_too_long": round(float((silences > LONGEST_SILENCE).mean()), 4),
        "returns_mean": round(float(np.mean(returned)), 4) if returned else None,
        "returns_median": round(float(np.median(returned)), 4) if returned else None,
    }
