"""Passages that a piece shares with the music which the networks learnt from, told from 1.5 MB instead of the music.

The fingerprint is a table of bits. Every run of `RUN` notes of the training music, taken as the intervals between them
so that transposition makes no difference, sets the bit to which its hash points (a Bloom filter with one hash). About
half of the bits are set, and nothing can be read back out of them. A passage shared with the training music finds all
of its runs set, one after another. One that is not finds about every other one set, so that a stretch of many is
chance no more. Sampled, winnowed hashes would in the same space leave open where a passage begins and ends.

So a passage that is shared is never missed and never taken for shorter than it is; chance makes it look longer by a few
notes, and gives about 22 to a piece that shares 15 or fewer. docs/exploration.md has the figures."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from core.performance.arrays import arrays_in

FILE = Path(__file__).with_suffix(".npz")
"""The fingerprint of the training music of the networks that ship."""
BITS = 11_900_000
"""Bits in 1.5 MB. More of them would lower the passage that chance gives to every piece."""
RUN = 12
"""Notes less one, that is intervals, in a run. Of 7 to 16 the one whose figures are nearest the true ones: shorter runs
of trills and scales stand in the training music here and there and add up to passages that do not; longer ones raise
what chance gives."""

_MULTIPLIER, _MIX = 0x9E3779B97F4A7C15, np.uint64(0xBF58476D1CE4E5B9)
"""Odd, so that they have inverses among the 64-bit numbers, whose arithmetic wraps by itself."""
_CODES = np.random.default_rng(0).integers(2**64, size=256, dtype=np.uint64)


class Fingerprint:
    """A table of bits, `bits` (bytes,) of uint8, in which runs of notes are looked up."""

    def __init__(self, bits: np.ndarray) -> None:
        self._bits = bits

    @classmethod
    def of(cls, pieces: Iterable[np.ndarray], bits: int = BITS) -> Fingerprint:
        """The fingerprint of pieces, each the pitches of its notes in order."""
        table = np.zeros(bits // 8, dtype=np.uint8)
        for pitches in pieces:
            places = _places(pitches, len(table))
            np.bitwise_or.at(table, places // 8, np.left_shift(1, places % 8).astype(np.uint8))
        return cls(table)

    @classmethod
    def load(cls, path: Path) -> Fingerprint:
        """Raises BadCheckpoint for a file that is missing or no fingerprint."""
        with arrays_in(path, "is no fingerprint of training music") as arrays:
            return cls(arrays["bits"])

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, bits=self._bits)

    @property
    def filled(self) -> float:
        """The share of bits that are set: how likely chance finds a run."""
        return float(np.unpackbits(self._bits).mean())

    def longest_run(self, pitches: np.ndarray) -> int:
        """At most so many notes in a row of a piece stand in the training music, transposition aside. `pitches` are
        those of its notes in order, chords from low to high."""
        # a passage of that many notes and one may end just before the first run that is not found, or begin after it
        return min(max((len(streak) for _, streak in self._streaks(pitches)), default=0) + RUN, len(pitches))

    def longest_passage(self, pitches: np.ndarray) -> int:
        """The same bound where a run that comes again in a passage counts once. A trill, a tremolo or a chromatic scale
        is the same few runs over and over, and no copy however long it goes on; a melody has as many runs as notes."""
        different = max((len(np.unique(streak)) for _, streak in self._streaks(pitches)), default=0)
        return min(different + RUN, len(pitches))

    def first_passage(self, pitches: np.ndarray, most: int) -> int | None:
        """The number of the note at which the first passage begins that is longer than `most` by this bound."""
        streaks = self._streaks(pitches)
        return next((first for first, streak in streaks if len(np.unique(streak)) + RUN > most), None)

    def _streaks(self, pitches: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Passages: for each the number of its first note, and the bits of its runs, all of which are found."""
        places = _places(pitches, len(self._bits))
        found = (self._bits[places // 8] >> (places % 8).astype(np.uint8)) & 1
        edges = np.diff(np.concatenate([[0], found.astype(np.int8), [0]]))
        firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        return [(int(first), places[first:end]) for first, end in zip(firsts, ends, strict=True)]


@cache
def of_training_music() -> Fingerprint:
    """The fingerprint that ships. Raises BadCheckpoint when it is missing."""
    return Fingerprint.load(FILE)


def _places(pitches: np.ndarray, size: int) -> np.ndarray:
    """Which bit of a table of `size` bytes each run of notes points to: (notes - RUN,)."""
    numbers = run_hashes(np.diff(pitches), RUN)
    mixed = ((numbers ^ (numbers >> np.uint64(31))) * _MIX) >> np.uint64(20)
    return (mixed % np.uint64(8 * size)).astype(np.int64)


def run_hashes(intervals: np.ndarray, length: int) -> np.ndarray:
    """A number for each run of `length` intervals, equal for equal runs. (intervals - length + 1,) of uint64.

    The work does not depend on the length: each is the difference of two sums from the start, moved to its place."""
    count = len(intervals)
    if count < length:
        return np.zeros(0, dtype=np.uint64)
    codes = _CODES[intervals + 128]
    sums = np.concatenate([[np.uint64(0)], np.cumsum(codes * _powers(_MULTIPLIER, count), dtype=np.uint64)])
    back = _powers(pow(_MULTIPLIER, -1, 2**64), count - length + 1)
    return (sums[length:] - sums[: count - length + 1]) * back


def _powers(base: int, count: int) -> np.ndarray:
    """`base` to 0, 1, 2 and so on, modulo 2**64."""
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)
