"""Music that is held out, for validation and test: found again by its notes alone, in whatever file and under whatever
title, since data sets hold copies of one another's performances and many performances of the same piece.

So every figure on a split means something as soon as that split is among the folders of a training: with MAESTRO's
folder beside ASAP's, ASAP's recordings of what MAESTRO tests are left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import BadData
from core.performance.events import PITCHES
from training.data import Recording, of_split
from training.likeness import Notes
from training.midi import moments_of

RUN = 12
"""Notes in a row that are compared, in any order: pianists differ in which key of a chord they strike first."""
SAME = 0.04
"""The share of runs in common from which two performances count as the same music. Performances of one piece in ASAP
have 0.05 or more in common, half of them 0.36; different pieces of ASAP and POP909 less than 0.04, but for one pair of
songs with 0.05."""

_CODES = np.random.default_rng(0).integers(2**64, size=PITCHES, dtype=np.uint64)


class HeldOut:
    """Pieces that no network may learn from."""

    def __init__(self, pieces: Sequence[np.ndarray]) -> None:
        """`pieces` are moments, (events, 4) each."""
        runs = [runs_of(moments) for moments in pieces]
        self._counts = np.array([len(numbers) for numbers in runs], dtype=int)
        every = np.concatenate([np.zeros(0, dtype=np.uint64), *runs])
        order = np.argsort(every)
        self._runs, self._owners = every[order], np.repeat(np.arange(len(runs)), self._counts)[order]

    def share(self, moments: np.ndarray) -> float:
        """How much a piece has in common with that of these which is most like it: of the runs of the one that has
        fewer, so that a movement is found in a whole sonata. 0 to 1."""
        runs = runs_of(moments)
        first, last = (np.searchsorted(self._runs, runs, side) for side in ("left", "right"))
        owners = [self._owners[begin:end] for begin, end in zip(first, last, strict=True) if end > begin]
        if not owners:
            return 0.0
        common = np.bincount(np.concatenate(owners), minlength=len(self._counts))
        return float((common / np.maximum(np.minimum(self._counts, len(runs)), 1)).max())

    def holds(self, moments: np.ndarray) -> bool:
        """Whether this is the music of one of the pieces."""
        return self.share(moments) >= SAME


def learnable(folders: Sequence[Sequence[Recording]], cache: Path) -> list[list[tuple[Recording, np.ndarray]]]:
    """The training pieces of each folder with their moments, less those that are the music of a validation or test
    piece of any of the folders. Raises BadData for a folder without training pieces, and when none at all is left."""
    others = [recording for recordings in folders for recording in recordings if recording.split != "train"]
    held_out = HeldOut([moments for _, moments in moments_of(others, cache)])
    every = [moments_of(of_split(recordings, "train"), cache) for recordings in folders]
    kept = [[entry for entry in entries if not held_out.holds(entry[1])] for entries in every]
    left_out = sum(map(len, every)) - sum(map(len, kept))
    print(f"{left_out} training pieces left out, whose music is in validation or test", flush=True)
    if not any(kept):
        raise BadData("no training piece is left; split the data by piece, so that no music is in two splits")
    return kept


def runs_of(moments: np.ndarray) -> np.ndarray:
    """A number for each run of notes, equal where the same keys are struck in any order; each once, sorted. uint64."""
    codes = np.cumsum(_CODES[Notes(moments).pitches], dtype=np.uint64)
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), codes])
    return np.unique(sums[RUN:] - sums[:-RUN])
