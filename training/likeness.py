"""How generated pieces compare with those that people play: histograms, what is wrong with them, what they copied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.performance.events import CELL, DURATION, KEY, PITCHES, SHIFT, VELOCITY
from core.performance.features import entropy, repeated_share
from core.performance.fingerprint import run_hashes
from core.performance.guard import trouble

SHORTEST = 5.0
"""Seconds below which a piece is too short to be one."""
EXCERPT = 10.0
"""Seconds over which density and pitch-class entropy are taken."""
PATTERN = 4
"""Notes in the patterns that are counted as repeated or new."""


class Notes:
    """The notes of a piece without the pedal, in order: `onsets` and `durations` in seconds, `pitches` 0 to 87, and
    `velocities`, each (notes,)."""

    def __init__(self, moments: np.ndarray) -> None:
        struck = moments[:, KEY] < PITCHES
        self.onsets = np.cumsum(moments[:, SHIFT])[struck] * CELL
        self.durations = moments[struck, DURATION] * CELL
        self.pitches = moments[struck, KEY]
        self.velocities = moments[struck, VELOCITY]

    def excerpts(self) -> list[np.ndarray]:
        """The pitches struck in each stretch of `EXCERPT` seconds, the last one aside, which is not whole."""
        stretch = ((self.onsets - self.onsets[0]) / EXCERPT).astype(int)
        return [self.pitches[stretch == number] for number in range(int(stretch[-1]))]


def polyphony(notes: Notes) -> np.ndarray:
    """How many keys are held when each note has been struck, its own included."""
    begun = np.arange(1, len(notes.onsets) + 1)
    released = np.searchsorted(np.sort(notes.onsets + notes.durations), notes.onsets, side="right")
    return begun - released


def pitch_class_entropy(notes: Notes) -> np.ndarray:
    """Bits in the pitch classes of each excerpt: 0 for one, 3.58 for all twelve alike. (excerpts,)"""
    counts = [np.bincount(pitches % 12) for pitches in notes.excerpts() if len(pitches)]
    return np.array([entropy(count / count.sum()) for count in counts])


def repetition(notes: Notes) -> np.ndarray:
    """The share of the piece's patterns of intervals that occur in it more than once. (1,)"""
    return np.array([repeated_share(np.diff(notes.pitches), PATTERN - 1)])


FEATURES: dict[str, tuple[Callable[[Notes], np.ndarray], np.ndarray]] = {
    "pitch": (lambda notes: notes.pitches, np.arange(PITCHES + 1) - 0.5),
    "interval": (lambda notes: np.diff(notes.pitches), np.arange(-36, 38) - 0.5),
    "onset_shift": (lambda notes: np.diff(notes.onsets), np.concatenate([[-1, 0.005], np.geomspace(0.015, 8, 30)])),
    "duration": (lambda notes: notes.durations, np.geomspace(0.01, 10, 31)),
    "velocity": (lambda notes: notes.velocities, np.arange(0, 129, 4)),
    "polyphony": (polyphony, np.arange(0, 18) - 0.5),
    "notes_a_second": (lambda notes: np.array([len(part) for part in notes.excerpts()]) / EXCERPT, np.arange(0, 31)),
    "pitch_class_entropy": (pitch_class_entropy, np.linspace(0, 3.6, 25)),
    "repetition": (repetition, np.linspace(0, 1, 21)),
}
"""The features by which pieces are compared: how each is taken from a piece, and the edges of its histogram."""


def histograms(pieces: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """For each feature the shares of all values of all pieces in its bins. Outliers count with the outermost bins."""
    every = [Notes(moments) for moments in pieces if (moments[:, KEY] < PITCHES).sum() > PATTERN]
    shares = {}
    for name, (take, edges) in FEATURES.items():
        values = np.concatenate([take(notes) for notes in every]) if every else np.zeros(0)
        counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
        shares[name] = counts / max(counts.sum(), 1)
    return shares


def overlaps(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, float]:
    """The overlapping area of two sets of histograms by feature: 1 for the same, 0 for nothing in common."""
    return {name: round(float(np.minimum(one[name], other[name]).sum()), 4) for name in FEATURES}


def troubles(pieces: Sequence[np.ndarray]) -> dict[str, float]:
    """The share of the pieces with each kind of trouble."""
    found = Counter("too short" if _seconds(moments) < SHORTEST else trouble(moments) for moments in pieces)
    return {kind: round(count / len(pieces), 4) for kind, count in found.items() if kind is not None}


def _seconds(moments: np.ndarray) -> float:
    return float(moments[:, SHIFT].sum() * CELL)


class Corpus:
    """Pieces in which runs of notes are looked up, whatever key they are in."""

    def __init__(self, pieces: Sequence[np.ndarray]) -> None:
        self._intervals = [np.diff(Notes(moments).pitches) for moments in pieces]
        self._hashes: dict[int, np.ndarray] = {}

    def longest_run(self, moments: np.ndarray) -> int:
        """The most notes in a row of a piece that stand in the corpus too, transposition aside."""
        intervals = np.diff(Notes(moments).pitches)
        if not len(intervals):
            return 0
        # doubled first: so all pieces ask for the same few lengths, which are looked up once
        low, high = 0, 1
        while high <= len(intervals) and self._has(intervals, high):
            low, high = high, 2 * high
        while high - low > 1:  # a run of `low` intervals stands in the corpus, none of `high` does
            middle = (low + high) // 2
            low, high = (middle, high) if self._has(intervals, middle) else (low, middle)
        return low + 1

    def _has(self, intervals: np.ndarray, length: int) -> bool:
        """Whether any run of that many of the intervals stands in the corpus."""
        known, asked = self._of_length(length), run_hashes(intervals, length)
        if not len(known):
            return False
        return bool((known[np.searchsorted(known, asked).clip(max=len(known) - 1)] == asked).any())

    def _of_length(self, length: int) -> np.ndarray:
        if length not in self._hashes:
            self._hashes[length] = np.sort(np.concatenate([run_hashes(piece, length) for piece in self._intervals]))
        return self._hashes[length]


def draw(generated: dict[str, np.ndarray], human: dict[str, np.ndarray], path: Path) -> None:
    """A picture of both sets of histograms, feature by feature."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    for axes, (name, (_, edges)) in zip(figure.subplots(3, 3).flat, FEATURES.items(), strict=True):
        axes.stairs(human[name], range(len(edges)), fill=True, alpha=0.4, label="human")
        axes.stairs(generated[name], range(len(edges)), label="generated")
        marks = np.linspace(0, len(edges) - 1, 5).astype(int)
        axes.set_xticks(marks, [f"{edges[mark]:.3g}" for mark in marks])
        axes.set_title(f"{name.replace('_', ' ')} (overlap {np.minimum(human[name], generated[name]).sum():.2f})")
    figure.axes[0].legend()
    figure.savefig(path, dpi=100)
