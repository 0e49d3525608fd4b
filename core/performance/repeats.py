"""Repeats in a score, and the draws by which they are played alike.

A pianist who comes back to a passage plays it much as before. The network does so less: within what it holds likely,
chance says when a note is struck, how hard and for how long. So each note of a score has draws of its own, and those of
a repeat are near those of the first time: where a value was drawn that was high among the likely ones, it is so again.
Every note by itself is played as the network would play it, for its draws are as evenly spread as any."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np

from core.performance.events import ATTRIBUTES
from core.performance.sampling import DRAWS_BELOW

FEWEST_NOTES = 16
"""Notes that a repeat has at the least. Pianists play longer ones more alike: beside its mean within 3 s and what
features of the score explain, velocity correlates by 0.4 to 0.5 where 8 to 16 notes come again, by 0.6 from there to
80, and by 0.7 beyond 200 (874 performances of ASAP)."""
FEWEST_CELLS = 400
"""Cells from one beginning to the other, at the least: within 4 s velocity correlates by 0.4 only, as a figure that
comes again is then part of one phrase, and leads on."""
SAME_GAP = (1.5, 0.03)
"""By how much the time between two chords may differ from that in the first playing: cells, and a share of it."""
DRIFTS = np.array([0.5, 1.0, 0.7, 0.3])
"""How far a draw of each attribute, from 0 to 1, moves at the most from one playing to the next. Where what the other
pianists do is left out, repeats are then about as alike as a pianist's, and no more so (docs/measurements.md). Keys are
given, and their draws are not used."""
_BEGINNING = 4  # chords by which a passage is looked up
_MOST_PLACES = 16  # the latest with the same beginning, that are compared: of a trill there are thousands
_STREAM = 2  # apart from the draws of events and from those of `spread`


def note_draws(cells: np.ndarray, keys: np.ndarray, take: int) -> np.ndarray:
    """(notes, 4) uniform draws for the attributes of these notes, those of the onset shift in the order in which notes
    are struck. Notes are as `earlier_notes` takes them."""
    philox = np.random.Philox(key=np.array([take, 0], dtype=np.uint64), counter=[0, _STREAM, 0, 0])
    draws = np.random.Generator(philox).random((len(keys), len(ATTRIBUTES)))
    earlier = earlier_notes(cells, keys)
    moves = DRIFTS * (2 * draws - 1)
    for number in np.flatnonzero(earlier >= 0).tolist():
        moved = abs(draws[earlier[number]] + moves[number])
        draws[number] = 1 - abs(1 - moved)  # turned back at 0 and at 1, it is as evenly spread as before
    return np.minimum(draws, DRAWS_BELOW).astype(np.float32)


def earlier_notes(cells: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(notes,): the number of the note that each one repeats, or -1. Notes are in order by the cell at which they are
    written and by key. Of passages that were there before, the longest counts."""
    firsts = np.append(np.flatnonzero(np.diff(cells, prepend=-1)), len(cells))  # of each chord, and the end
    chords = _Chords(cells[firsts[:-1]], [tuple(keys[slice(*ends)].tolist()) for ends in pairwise(firsts)])
    earlier, here = np.full(len(cells), -1), 0
    while here < len(firsts) - 1:
        length, before = chords.longest_before(here)
        notes = np.arange(firsts[here], firsts[here + length])
        if len(notes) >= FEWEST_NOTES:
            earlier[notes] = notes - firsts[here] + firsts[before]
            here += length
        else:
            here += 1
    return earlier


class _Chords:
    """Chords, each the tuple of its keys, with the cells at which they are written."""

    def __init__(self, cells: np.ndarray, chords: list[tuple[int, ...]]) -> None:
        self._cells, self._chords = cells.tolist(), chords
        self._known = 0
        self._places: dict[tuple[tuple[int, ...], ...], list[int]] = defaultdict(list)

    def longest_before(self, here: int) -> tuple[int, int]:
        """The length of the longest passage from a chord on that was there before, and where that began."""
        while self._cells[self._known] <= self._cells[here] - FEWEST_CELLS:
            self._places[self._beginning(self._known)].append(self._known)
            self._known += 1
        places = self._places.get(self._beginning(here), [])[-_MOST_PLACES:]
        return max(((self._in_common(before, here), before) for before in places), default=(0, 0))

    def _beginning(self, here: int) -> tuple[tuple[int, ...], ...]:
        return tuple(self._chords[here : here + _BEGINNING])

    def _in_common(self, before: int, here: int) -> int:
        """The number of chords that follow alike from two places on."""
        cells, length = self._cells, 1
        while here + length < len(cells) and self._chords[before + length] == self._chords[here + length]:
            first, second = (cells[place + length] - cells[place + length - 1] for place in (before, here))
            if abs(first - second) > SAME_GAP[0] + SAME_GAP[1] * first:
                break
            length += 1
        return length
