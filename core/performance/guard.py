"""The guard: finds where music in the making stops being worth hearing. It is stuck on a few keys or in a loop, falls
silent, thins out, or is faster than ten fingers can play.

Limits are beside human playing: the greatest value within each of 160 performances of ASAP's training split."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from core.performance.events import CELL, KEY, PITCHES, SHIFT

LONGEST_SILENCE = 8.0
"""Seconds between two onsets. People: 2.3 s in the middle, 7.1 s at the most."""
SPREAD_SECONDS = 0.2
"""Seconds by which a silence may grow when its times are put anywhere within their bins: a piece had 8.04 s."""
THIN_NOTES, THIN_SECONDS = 9, 30.0
"""Fewer notes than that in so many seconds are next to none. People: 17 at the least."""
FRANTIC_NOTES, FRANTIC_SECONDS = 512, 12.0
"""So many notes in less time no pianist plays: in ASAP the busiest performance takes 12 s for them, the median 30."""
STUCK_NOTES = 64
"""As many notes in a row on one key or two, or in exact repetition, are no music."""
LONGEST_LOOP = 16
"""Notes in the longest pattern whose repetition is looked for."""
FEW_KEYS = 3
CROWDED_WINDOWS = ((10.0, 24, 0.87), (30.0, 60, 0.6))
"""(seconds, fewest notes, share): a window with a greater share of its notes in `FEW_KEYS` keys is a tremolo that goes
on for too long. One in ten human performances has more somewhere; a generated one costs a second draw."""
LAST_SECONDS, LAST_SHARE = 10.0, 0.6
"""The same at a piece's end, where dwelling on few keys sounds like running down."""
SPREAD_SHARE = 0.04
"""The share by which it may grow when times are put anywhere within their bins: a piece had 60.5 %."""
FEWEST_NOTES_A_SECOND = 1.0
"""In a whole piece, however short. People: of 3,347 windows of 10 s, 1 % have fewer."""
LATEST_START = 3.0
"""Seconds from the end of a primer to the first new note, after which nobody waits for one: the network may hold the
music to be over."""
RECENT_SECONDS = 32.0
"""Seconds before the newest note to which a guard looks back, with the longest window."""


class Trouble(NamedTuple):
    """A reason, in a few words, and the number of the note with which it begins."""

    reason: str
    note: int


def trouble(moments: np.ndarray) -> str | None:
    """The reason why a whole piece is not worth hearing; None when there is none.

    `moments` are (events, 4), from the first note to the end, as in `core.performance.events`."""
    onsets = np.cumsum(moments[:, SHIFT]) * CELL
    struck = moments[:, KEY] < PITCHES
    if struck.sum() < 2:
        return "next to no notes"
    found = find_trouble(onsets[struck], moments[struck, KEY], float(onsets[-1]), LONGEST_SILENCE)
    return found.reason if found else None


def find_trouble(
    onsets: np.ndarray, keys: np.ndarray, now: float, longest_silence: float = LONGEST_SILENCE - SPREAD_SECONDS
) -> Trouble | None:
    """The first trouble of notes that begin at these seconds, in order, up to `now`; their times are not yet spread."""
    checks: list[tuple[str, Callable[[], int | None]]] = [
        ("more notes than fingers can play", lambda: _frantic(onsets)),
        ("a long silence", lambda: _silent(onsets, now, longest_silence)),
        ("next to no notes", lambda: _thin(onsets, now)),
        ("stuck on a note", lambda: _on_two_keys(keys)),
        ("stuck in a loop", lambda: _in_a_loop(keys)),
        ("stuck on few keys", lambda: _on_few_keys(onsets, keys, now)),
    ]
    found = ((reason, check()) for reason, check in checks)
    return next((Trouble(reason, note) for reason, note in found if note is not None), None)


def find_trouble_at_the_start(onsets: np.ndarray, now: float) -> Trouble | None:
    """Whether music that follows a primer, whose end is at 0 s, lets its listener wait."""
    late = (onsets[0] if len(onsets) else now) > LATEST_START
    return Trouble("a silence before the first note", 0) if late else None


def find_trouble_at_the_end(onsets: np.ndarray, keys: np.ndarray, now: float) -> Trouble | None:
    """Whether a whole piece that ends `now` has next to no notes, or its last ones, where it is longer than they are,
    dwell on few keys."""
    if len(onsets) < FEWEST_NOTES_A_SECOND * now:
        return Trouble("next to no notes", 0)
    first = int(np.searchsorted(onsets, onsets[-1] - LAST_SECONDS, side="right")) if len(onsets) else 0
    last = keys[first:]
    few = first > 0 and np.sort(np.bincount(last))[-FEW_KEYS:].sum() > (LAST_SHARE - SPREAD_SHARE) * len(last)
    return Trouble("an end on few keys", first) if few else None


def _frantic(onsets: np.ndarray) -> int | None:
    return _first(onsets[FRANTIC_NOTES:] - onsets[:-FRANTIC_NOTES] < FRANTIC_SECONDS)


def _silent(onsets: np.ndarray, now: float, longest: float) -> int | None:
    return _first(np.diff(onsets, append=now) > longest)


def _thin(onsets: np.ndarray, now: float) -> int | None:
    following = np.concatenate([onsets[THIN_NOTES:], np.full(min(THIN_NOTES, len(onsets)), now)])
    return _first(following - onsets > THIN_SECONDS)


def _on_two_keys(keys: np.ndarray) -> int | None:
    if len(keys) < STUCK_NOTES:
        return None
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(keys, STUCK_NOTES), axis=1)
    return _first((np.diff(windows, axis=1) > 0).sum(axis=1) < 2)


def _in_a_loop(keys: np.ndarray) -> int | None:
    """The first note of the first run of `STUCK_NOTES` repetitions."""
    ones = np.ones(STUCK_NOTES, dtype=int)
    for period in range(1, LONGEST_LOOP + 1):
        repeats = keys[period:] == keys[:-period]
        if (
            len(repeats) >= STUCK_NOTES
            and (note := _first(np.convolve(repeats, ones, "valid") == STUCK_NOTES)) is not None
        ):
            return note
    return None


def _on_few_keys(onsets: np.ndarray, keys: np.ndarray, now: float) -> int | None:
    counts = np.zeros((len(keys) + 1, PITCHES), dtype=np.int32)
    np.cumsum(np.eye(PITCHES, dtype=np.int32)[keys], axis=0, out=counts[1:])
    for seconds, fewest, share in CROWDED_WINDOWS:
        ends = np.searchsorted(onsets, onsets + seconds)
        notes = ends - np.arange(len(onsets))
        few = np.partition(counts[ends] - counts[:-1], -FEW_KEYS, axis=1)[:, -FEW_KEYS:].sum(axis=1)
        whole = (onsets + seconds <= now) & (notes >= fewest)
        if (note := _first(whole & (few > share * notes))) is not None:
            return note
    return None


def _first(hits: np.ndarray) -> int | None:
    """The number of the first True; None if there is none."""
    return int(hits.argmax()) if hits.any() else None
