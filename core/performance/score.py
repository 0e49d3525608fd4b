"""A score to be performed, or a melody to be harmonized, as the engine reads it, and the progress of a sequence through
it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from core.midi.smf import TimedNote
from core.performance.events import ATTRIBUTES, CELL, TIME_BINS, VELOCITY_WIDTH, bins_of, cell_of
from core.performance.foresight import Windows, moment_features, note_features, shipped
from core.performance.given import FREELY, GIVEN_NOTES, MELODY, NEVER, SCORE, GivenNotes, Tempo
from core.performance.repeats import note_draws
from core.performance.steering import USUAL_VELOCITY
from core.seed import CHORD_SECONDS, LOWEST_PITCH, Seed

LONGEST_REST = 600
"""Cells from one chord to the next, beyond which a rest is left out while the network plays: it knows no longer
ones."""
SHORTEST_SHARE, LONGEST_SHARE, LONGER_CELLS = 0.08, 1.6, 10
"""How long a key may be held: from so much of its written duration to so much of it and so many cells more. Of what
pianists do nineteen twentieths are between."""
LOUDNESS_GAIN, SWELL_GAIN, HELD_GAIN, TEMPO_GAIN = 2.2, 5.0, 3.3, 2.5
"""How much more than is foreseen: the mean of pianists is flatter than any of them, and the network, which is asked
too, knows nothing of the score. Found by comparing performances of validation pieces with pianists'
(`training.interpretation`)."""
MOST_STRETCH = 0.3
"""The most that the logarithm of a foreseen tempo differs from the usual one: more sounds like a mistake."""
SWELL_SECONDS = 3.0
"""Seconds before and after a note over which loudness is averaged."""
REPEAT_CELLS = 2
"""How long a key is up, at the least, before it is struck again, where there is time."""
LAST_NOTE = 3
"""How many times as long as the others the last note of a seed is held."""
_BEFORE = -1.0
_CELLS_A_SECOND = round(1 / CELL)


@dataclass(frozen=True, slots=True)
class Given:
    """Notes that a sequence is given, (notes,) arrays in the order in which they are struck: `keys` from 0 on, `onsets`
    and `releases` in cells, the bins of the `shortest` and `longest` duration, and the cells of rest that are left out
    before each (`rests`), the bin of the velocity (`loudness`) and the logarithm of the cells of the duration (`held`)
    that are foreseen, and the uniform `draws` for its attributes, (notes, 4), which only a score has."""

    task: int
    notes: Sequence[TimedNote]
    keys: np.ndarray
    onsets: np.ndarray
    releases: np.ndarray
    shortest: np.ndarray
    longest: np.ndarray
    rests: np.ndarray
    loudness: np.ndarray
    held: np.ndarray
    draws: np.ndarray
    freedom: float = 1.0

    @property
    def cells(self) -> int:
        """From the beginning to the last release, without the rests that are left out."""
        return int(self.releases.max(initial=0))

    def first(self, open_: np.ndarray) -> int:
        """The first note that the next chunk has to know, where `open_`, (notes,), are still to be struck."""
        first = int(open_.argmax()) if open_.any() else len(open_)
        return max(0, first - (self.task == MELODY))  # a melody's note may sound on

    def window(self, open_: np.ndarray, first: int, tempo: np.ndarray) -> GivenNotes:
        """The notes from `first` on, as the engine reads them; see `core.performance.given`."""
        return GivenNotes(
            task=np.int32(self.task),
            freedom=np.float32(self.freedom),
            tempo=Tempo(*tempo),
            key=_part(self.keys, first, 0, np.int32),
            onset=_part(self.onsets, first, NEVER, np.float32),
            release=_part(self.releases, first, 0.0, np.float32),
            shortest=_part(self.shortest, first, 0, np.int32),
            longest=_part(self.longest, first, 0, np.int32),
            loudness=_part(self.loudness, first, 0.0, np.float32),
            held=_part(self.held, first, 0.0, np.float32),
            open=_part(open_, first, False, bool),
            draws=_part(self.draws, first, 0.0, np.float32),
        )


def _part(values: np.ndarray, first: int, padding: float, dtype: type) -> np.ndarray:
    part: np.ndarray = np.full((GIVEN_NOTES, *values.shape[1:]), padding, dtype=dtype)
    kept = values[first : first + GIVEN_NOTES]
    part[: len(kept)] = kept
    return part


BEGINNING = np.array([_BEFORE, _BEFORE, 0.0, 0.0], dtype=np.float32)
"""The tempo before the first note."""


def score_of(notes: Sequence[TimedNote], freedom: float, velocity: float = USUAL_VELOCITY, take: int = 0) -> Given:
    """A score of these notes, which begin in this order, to be performed at this mean velocity."""
    cells = _struck_apart(notes)
    order = np.lexsort((np.array([note.pitch for note in notes]), cells))
    notes, cells = [notes[place] for place in order], cells[order]
    rests = np.cumsum(np.maximum(np.diff(cells, prepend=0) - LONGEST_REST, 0))
    keys = np.array([note.pitch - LOWEST_PITCH for note in notes], dtype=int)
    written = _written_cells(notes)
    shortest, longest = _durations(keys, cells, written)
    features = note_features((cells - rests) * CELL, keys + LOWEST_PITCH, written * CELL)
    onsets = _foreseen_onsets(cells - rests, keys, written, freedom)
    swelling = _swelling(shipped().loudness.predict(features), (cells - rests) * CELL)
    return Given(
        SCORE,
        notes,
        keys,
        onsets=onsets,
        releases=onsets + written,
        shortest=_bins(shortest),
        longest=_bins(longest),
        rests=rests,
        loudness=(velocity + swelling) / VELOCITY_WIDTH,
        held=shipped().held.predict(features, HELD_GAIN) - np.log(CELL),
        draws=note_draws(cells, keys, take),
        freedom=freedom,
    )


def _durations(keys: np.ndarray, cells: np.ndarray, written: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fewest and the most cells for which each note may be held, by those that are written and by when its key is
    struck again."""
    again = _struck_again(keys, cells)
    longest = np.minimum(LONGEST_SHARE * written + LONGER_CELLS, np.maximum(again - REPEAT_CELLS, 1))
    return np.minimum(np.maximum(SHORTEST_SHARE * written, 1), longest), longest


def _swelling(loudness: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """The loudness that is foreseen beside its mean, with more of its swells over some seconds, and of what differs
    within them."""
    loudness = loudness - loudness.mean()
    swell = Windows(onsets).mean(loudness, onsets, SWELL_SECONDS, SWELL_SECONDS)
    return SWELL_GAIN * swell + LOUDNESS_GAIN * (loudness - swell)


def _foreseen_onsets(cells: np.ndarray, keys: np.ndarray, durations: np.ndarray, freedom: float) -> np.ndarray:
    """The cells at which notes are played at the tempo that is foreseen, which takes as long as the written one."""
    moments, own = np.unique(cells, return_inverse=True)
    if len(moments) < 3:
        return cells
    features = moment_features(cells * CELL, keys + LOWEST_PITCH, durations * CELL)
    stretch = shipped().tempo.predict(features, TEMPO_GAIN)
    stretch = np.clip(stretch - np.median(stretch), -MOST_STRETCH, MOST_STRETCH)
    gaps = np.diff(moments) * np.exp(freedom * stretch)
    played = moments[0] + np.concatenate([[0.0], np.cumsum(gaps) * (moments[-1] - moments[0]) / gaps.sum()])
    order = np.arange(len(moments))  # each a cell or more after the one before
    return (np.maximum.accumulate(np.round(played).astype(int) - order) + order)[own]


def _written_cells(notes: Sequence[TimedNote]) -> np.ndarray:
    """The duration of each note, at least a cell."""
    return np.maximum([round((note.end - note.start) * _CELLS_A_SECOND) for note in notes], 1)


def _bins(cells: np.ndarray) -> np.ndarray:
    return np.clip(bins_of(cells), 1, TIME_BINS - 2)


def _struck_apart(notes: Sequence[TimedNote]) -> np.ndarray:
    """The cell of each note; a key that is struck twice in a cell is so in the next one the second time."""
    cells, latest = [], dict[int, int]()
    for note in notes:
        cell = max(cell_of(note.start), latest.get(note.pitch, -1) + 1)
        latest[note.pitch] = cell
        cells.append(cell)
    return np.array(cells, dtype=int)


def _struck_again(keys: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells from each note until its key is struck again."""
    gaps, following = np.full(len(keys), np.iinfo(np.int32).max), dict[int, int]()
    for number in range(len(keys) - 1, -1, -1):
        key, cell = int(keys[number]), int(cells[number])
        if key in following:
            gaps[number] = following[key] - cell
        following[key] = cell
    return gaps


def notes_of_seed(seed: Seed) -> list[TimedNote]:
    """The notes of a seed as a melody, of which the last is held longer."""
    last = len(seed.chords) - 1
    return [
        TimedNote(CHORD_SECONDS * number, CHORD_SECONDS * (number + (LAST_NOTE if number == last else 1)), pitch, 64)
        for number, (pitch,) in enumerate(seed.chords)
    ]


def melody_given(notes: Sequence[TimedNote]) -> Given:
    """A melody of these notes, each released before the next, to be harmonized."""
    cells = _struck_apart(notes)
    keys = np.array([note.pitch - LOWEST_PITCH for note in notes], dtype=int)
    written = _written_cells(notes)
    durations, nothing = _bins(written), np.zeros(len(notes), dtype=int)
    return Given(
        MELODY,
        notes,
        keys,
        onsets=cells,
        releases=cells + written,
        shortest=durations,
        longest=durations,
        rests=nothing,
        loudness=nothing,
        held=nothing,
        draws=np.zeros((len(notes), len(ATTRIBUTES))),
    )


def _nothing() -> Given:
    none = np.zeros(0, dtype=int)
    return Given(FREELY, (), none, none, none, none, none, none, none, none, np.zeros((0, len(ATTRIBUTES))))


NOTHING_GIVEN = _nothing()


@dataclass(frozen=True, slots=True)
class Playing:
    """Progress of a sequence through the notes that it is given: `struck` has for each of its events the number of the
    note that it strikes, or -1, and `tempo` is where it is in its score."""

    given: Given = NOTHING_GIVEN
    struck: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    tempo: np.ndarray = field(default_factory=lambda: BEGINNING)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to strike."""
        return int((self.struck >= 0).sum()) == len(self.given.notes)

    @property
    def settled(self) -> int:
        """The number of its events up to the last one that strikes a note that is given."""
        return int(np.flatnonzero(self.struck >= 0)[-1]) + 1 if (self.struck >= 0).any() else 0

    def window(self) -> GivenNotes:
        """The given notes of the next chunk."""
        return NO_WINDOW if self.given.task == FREELY else self.given.window(self._open, self._first, self.tempo)

    def after(self, struck: np.ndarray, tempo: Sequence[float]) -> Playing:
        """When a chunk has been played: which notes of its window the events strike, (CHUNK,), and the tempo then."""
        numbers = np.where(struck >= 0, struck + self._first, -1)
        return replace(self, struck=np.concatenate([self.struck, numbers]), tempo=np.array(tempo, dtype=np.float32))

    def cut(self, events: int) -> Playing:
        """Back to where it had so many events."""
        return replace(self, struck=self.struck[:events])

    @property
    def _open(self) -> np.ndarray:
        """(notes,): which are still to be struck."""
        open_ = np.ones(len(self.given.notes), dtype=bool)
        open_[self.struck[self.struck >= 0]] = False
        return open_

    @property
    def _first(self) -> int:
        return self.given.first(self._open)


def windows(rows: Iterable[Playing]) -> GivenNotes:
    """The given notes of several sequences, one in each slot."""
    return _stacked([row.window() for row in rows])


def _stacked(rows: Sequence[Any]) -> Any:
    """One named tuple of the same, each of whose arrays has theirs as its rows."""
    parts = zip(*rows, strict=True)
    return type(rows[0])(*(_stacked(part) if isinstance(part[0], tuple) else np.stack(part) for part in parts))


NO_WINDOW = NOTHING_GIVEN.window(np.zeros(0, dtype=bool), 0, BEGINNING)
"""The window of a sequence that nothing is given."""
