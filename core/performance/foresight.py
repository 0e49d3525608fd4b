"""Foresight: how pianists play such a score on average, how loud each note and how long each moment.

The network knows what was played, and nothing of the score that comes; a pianist has read it. What stands there tells
much: a melody's top is loud, a big chord takes time. It was learnt by ridge regression from scores with performances
(`training.foresight`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.performance.arrays import arrays_in
from core.performance.regression import Regression

FILE = Path(__file__).with_suffix(".npz")
OUTLINE_SECONDS = 0.1
"""Seconds of a frame in which the highest key and the lowest, the outline of the music, are looked for."""
EDGE_SECONDS = 2.0
"""Seconds of a piece's beginning, and of its end."""


class Windows:
    """Sums over the notes that begin within a window about each of some moments."""

    def __init__(self, onsets: np.ndarray) -> None:
        self.onsets = onsets

    def count(self, moments: np.ndarray, before: float, after: float) -> np.ndarray:
        first, last = self._bounds(moments, before, after)
        return last - first

    def mean(self, values: np.ndarray, moments: np.ndarray, before: float, after: float) -> np.ndarray:
        """The mean of these values, one a note; that of all where no note is within."""
        first, last = self._bounds(moments, before, after)
        summed = np.concatenate([[0.0], np.cumsum(values)])
        count = last - first
        return np.where(count > 0, (summed[last] - summed[first]) / np.maximum(count, 1), values.mean())

    def _bounds(self, moments: np.ndarray, before: float, after: float) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.searchsorted(self.onsets, moments - before, side="left"),
            np.searchsorted(self.onsets, moments + after, side="right"),
        )


def highest_near(onsets: np.ndarray, pitches: np.ndarray, moments: np.ndarray, reach: float) -> np.ndarray:
    """The highest pitch that is struck within so many seconds of each moment."""
    frames = np.full(int(onsets[-1] / OUTLINE_SECONDS) + 1, -np.inf)
    np.maximum.at(frames, (onsets / OUTLINE_SECONDS).astype(int), pitches)
    padded = np.pad(frames, round(reach / OUTLINE_SECONDS), constant_values=-np.inf)
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * round(reach / OUTLINE_SECONDS) + 1).max(axis=1)
    return np.asarray(highest[(moments / OUTLINE_SECONDS).astype(int)])


def distinct_onsets(onsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The onsets that differ, to 10 ms, and for each note the number of its own: notes of a chord share one."""
    distinct, inverse = np.unique(np.round(onsets, 2), return_inverse=True)
    return distinct, inverse


class Layout:
    """A score by its moments, with what its features have in common; times in seconds, notes in order."""

    def __init__(self, onsets: np.ndarray, pitches: np.ndarray, durations: np.ndarray) -> None:
        self.onsets, self.pitches, self.durations = onsets, pitches, durations
        self.moments, self.own = distinct_onsets(onsets)
        self.windows = Windows(onsets)
        self.size = np.log(np.bincount(self.own))
        self.highest, self.lowest = np.full(len(self.moments), -np.inf), np.full(len(self.moments), np.inf)
        np.maximum.at(self.highest, self.own, pitches)
        np.minimum.at(self.lowest, self.own, pitches)
        self.gaps = np.diff(self.moments)

    def density_change(self, moments: np.ndarray) -> np.ndarray:
        """How many more notes come in the next two seconds than came in the last, as a logarithm."""
        coming, gone = self.windows.count(moments, 0, 2), self.windows.count(moments, 2, 0)
        return np.log1p(coming) - np.log1p(gone)

    def density(self, moments: np.ndarray, reach: float) -> np.ndarray:
        """The logarithm of notes a second, within so many seconds."""
        return np.log1p(self.windows.count(moments, reach, reach) / (2 * reach))

    def pitch(self, moments: np.ndarray, before: float, after: float) -> np.ndarray:
        """The mean pitch within a window, in octaves."""
        return self.windows.mean(self.pitches, moments, before, after) / 12


def note_features(onsets: np.ndarray, pitches: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """(notes, features) of notes in order; times in seconds."""
    layout = Layout(onsets, pitches, durations)
    return _matrix({**_place_in_chord(layout), **_line(layout), **_rhythm(layout), **_form(layout)})


def _place_in_chord(layout: Layout) -> dict[str, np.ndarray]:
    own, octaves = layout.own, (layout.pitches - 60) / 12
    top = layout.pitches == layout.highest[own]
    return {
        "top": top,
        "bottom": layout.pitches == layout.lowest[own],
        "size": layout.size[own],
        "span": (layout.highest - layout.lowest)[own] / 12,
        "pitch": octaves,
        "pitch_squared": octaves**2,
        "bass": layout.pitches < 48,
        "top_pitch": top * octaves,
    }


def _line(layout: Layout) -> dict[str, np.ndarray]:
    """Where the note is among those around it, and how the line got there."""
    onsets, pitches, own = layout.onsets, layout.pitches, layout.own
    near, far = layout.pitch(onsets, 2, 2), layout.pitch(onsets, 8, 8)
    leaps = np.diff(layout.highest, prepend=layout.highest[:1])[own] / 12
    return {
        "below_the_top": (highest_near(onsets, pitches, onsets, 0.5) - pitches) / 12,
        "above_the_bottom": (pitches + highest_near(onsets, -pitches, onsets, 0.5)) / 12,
        "below_the_top_far": (highest_near(onsets, pitches, onsets, 2.0) - pitches) / 12,
        "contour": pitches / 12 - near,
        "contour_far": near - far,
        "register": far - pitches.mean() / 12,
        "register_change": layout.pitch(onsets, 0, 2) - layout.pitch(onsets, 2, 0),
        "leap_up": np.maximum(leaps, 0),
        "leap_down": np.maximum(-leaps, 0),
        "repeated": _struck_lately(onsets, pitches),
    }


def _rhythm(layout: Layout) -> dict[str, np.ndarray]:
    onsets, own = layout.onsets, layout.own
    before, after = (_log(gaps)[own] for gaps in (np.append(1.0, layout.gaps), np.append(layout.gaps, 1.0)))
    held = _log(layout.durations)
    usual_gap, usual = layout.windows.mean(before, onsets, 4, 4), layout.windows.mean(held, onsets, 4, 4)
    return {
        "duration": held,
        "duration_ratio": held - usual,
        "duration_ratio_of_the_top": (layout.pitches == layout.highest[own]) * (held - usual),
        "gap_before": before,
        "gap_after": after,
        "gap_before_ratio": before - usual_gap,
        "gap_after_ratio": after - usual_gap,
    }


def _form(layout: Layout) -> dict[str, np.ndarray]:
    """How busy the music is here, and where in the piece."""
    onsets = layout.onsets
    return {
        "density": layout.density(onsets, 1),
        "density_far": layout.density(onsets, 6),
        "density_change": layout.density_change(onsets),
        "thickness": layout.windows.mean(layout.size[layout.own], onsets, 4, 4),
        **_place(onsets, onsets[0], onsets[-1]),
    }


def _place(moments: np.ndarray, first: float, last: float) -> dict[str, np.ndarray]:
    place = (moments - first) / max(last - first, 1e-3)
    return {
        "place": place,
        "place_squared": place**2,
        "beginning": moments - first < EDGE_SECONDS,
        "end": last - moments < EDGE_SECONDS,
    }


def moment_features(onsets: np.ndarray, pitches: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """(moments - 1, features) of the time from each moment to the next."""
    layout = Layout(onsets, pitches, durations)
    here, gaps = layout.moments[:-1], _log(layout.gaps)
    among, longest = Windows(here), np.zeros(len(layout.moments))
    np.maximum.at(longest, layout.own, durations)
    usual, usual_far = among.mean(gaps, here, 3, 3), among.mean(gaps, here, 10, 10)
    return _matrix(
        {
            "gap": gaps,
            "gap_ratio": gaps - usual,
            "gap_before_ratio": np.append(gaps[:1], gaps[:-1]) - usual,
            "gap_after_ratio": np.append(gaps[1:], gaps[-1:]) - usual,
            "gap_ratio_far": usual - usual_far,
            "held": _log(longest[:-1] / layout.gaps),
            "rest": longest[:-1] < 0.6 * layout.gaps,
            "size": layout.size[:-1],
            "size_change": np.diff(layout.size),
            "thickness": layout.windows.mean(layout.size[layout.own], here, 4, 4),
            "density_far": layout.density(here, 6),
            "density_change": layout.density_change(here),
            "contour": layout.pitch(here, 1, 1) - layout.pitch(here, 8, 8),
            "contour_change": layout.pitch(here, 0, 1) - layout.pitch(here, 1, 0),
            "leap": np.abs(np.diff(layout.highest)) / 12,
            **_place(here, here[0], layout.moments[-1]),
        }
    )


def _struck_lately(onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Whether each note's key was struck within the last second."""
    latest, lately = dict[float, float](), np.zeros(len(onsets), dtype=bool)
    for number, (pitch, onset) in enumerate(zip(pitches.tolist(), onsets.tolist(), strict=True)):
        lately[number] = onset - latest.get(pitch, -np.inf) < 1.0
        latest[pitch] = onset
    return lately


def _log(seconds: np.ndarray) -> np.ndarray:
    return np.log(np.clip(seconds, 0.02, 20.0))


def _matrix(columns: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack(list(columns.values()), axis=1).astype(float)


class Foresight(NamedTuple):
    """Regressions of a performance on its score: of each note the `loudness`, in steps of velocity above the mean, and
    how long the key is `held`, the logarithm of seconds; and `tempo`, the logarithm of how much longer than written the
    time from one moment to the next is."""

    loudness: Regression
    held: Regression
    tempo: Regression

    @classmethod
    def load(cls, path: Path) -> Foresight:
        """Raises BadCheckpoint for a file that is missing or not one of these."""
        with arrays_in(path, "has no regressions") as arrays:
            return cls(*(Regression.from_arrays(arrays, name) for name in cls._fields))

    def save(self, path: Path) -> None:
        parts = [regression.to_arrays(name) for name, regression in self._asdict().items()]
        arrays = {name: values.astype(np.float32) for part in parts for name, values in part.items()}
        np.savez_compressed(path, **arrays)


@cache
def shipped() -> Foresight:
    """The one that ships."""
    return Foresight.load(FILE)
