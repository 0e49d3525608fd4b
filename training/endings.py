"""How pieces end, and what tires a listener: beside human pieces, since those too end softly or dwell on a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.performance.ending import SLOWER, SOUNDS, last_chord_seconds, last_steps_slower
from core.performance.events import KEY, PITCHES, SHIFT
from core.performance.guard import FEW_KEYS, LAST_SECONDS, LAST_SHARE, LONGEST_SILENCE
from training.excerpts import PRECISION

RETURN_NOTES, RETURN_LATER = 6, 512
"""Notes in a pattern that returns, and how many notes later at least."""


def last_notes_in_few_keys(moments: np.ndarray) -> float:
    """The share of the notes of the last 10 s, up to the last onset, that are in the three keys struck most there.
    `moments`, here as below, are in units of 1 ms, with their end."""
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
    sounding = np.array([last_chord_seconds(moments, PRECISION) for moments in pieces])
    factors = (last_steps_slower(moments, PRECISION) for moments in pieces)
    slower = [factor for factor in factors if factor is not None]
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
