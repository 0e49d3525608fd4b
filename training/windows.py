"""Windows of pieces for training: which, in which order, and transposed and stretched how, all settled by a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.performance.events import DURATION, END, KEY, PITCHES, SHIFT, START, VELOCITY, encode, in_order

FILLER = -1
"""What stands in all attributes of an event behind the end of a piece that is shorter than its window."""


@dataclass(frozen=True, slots=True)
class TrainingPiece:
    """Moments as in `core.performance.events`, (events, 4), and the index of the style. Of a piece with a `share`
    below 1 only that part of the windows is in one pass over the data."""

    moments: np.ndarray
    style: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Variation:
    """How much a window may be changed: semitones down and up, the natural logarithm of the tempo either way, and the
    velocity, of 127, either way. `mirrored` is the share of windows whose keyboard is turned round, low for high: music
    that a network does not know by heart, of the same form."""

    down: int = 5
    up: int = 6
    stretch: float = 0.15
    loudness: int = 8
    mirrored: float = 0.0


def window_of(moments: np.ndarray, first: int, length: int) -> np.ndarray:
    """The `length` moments from `first` on, behind the one before them (or the start): (length + 1, 4) or fewer."""
    if first:
        return moments[first - 1 : first + length]
    return np.concatenate([[[0, START, 0, 0]], moments[:length]])


def varied(window: np.ndarray, variation: Variation, generator: np.random.Generator) -> np.ndarray:
    """The window in another key, as far as the keys of a piano reach, louder or softer, and at another tempo."""
    window = window.copy()
    struck = window[:, KEY] < PITCHES
    if generator.random() < variation.mirrored:
        window[struck, KEY] = PITCHES - 1 - window[struck, KEY]
    if struck.any():
        keys = window[struck, KEY]
        down, up = min(variation.down, int(keys.min())), min(variation.up, PITCHES - 1 - int(keys.max()))
        window[struck, KEY] += generator.integers(-down, up + 1)
    louder = generator.integers(-variation.loudness, variation.loudness + 1)
    window[struck, VELOCITY] = np.clip(window[struck, VELOCITY] + louder, 1, 127)
    return stretched(window, float(np.exp(generator.uniform(-variation.stretch, variation.stretch))))


def stretched(window: np.ndarray, factor: float) -> np.ndarray:
    """All times multiplied by `factor` and rounded as absolute ones, a held key for a cell at least. The first moment
    stays the first; those after it that now share a cell are put in order."""
    rest = window[1:].copy()
    onsets = np.cumsum(rest[:, SHIFT])
    ends = np.rint((onsets + rest[:, DURATION]) * factor)
    rest[:, SHIFT] = np.rint(onsets * factor)
    rest[:, DURATION] = np.maximum(ends - rest[:, SHIFT], np.minimum(rest[:, DURATION], 1))
    rest = in_order(rest)
    rest[:, SHIFT] = np.diff(rest[:, SHIFT], prepend=0)
    first = window[:1].copy()
    first[:, [SHIFT, DURATION]] = np.rint(first[:, [SHIFT, DURATION]] * factor)
    return np.concatenate([first, rest])


def filled(events: np.ndarray, count: int) -> np.ndarray:
    """(events, 4) -> (count, 4), with filler behind."""
    return np.concatenate([events, np.full((count - len(events), 4), FILLER, dtype=events.dtype)])


def next_event_pairs(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Teacher forcing: (batch, length + 1, 4) events -> inputs and targets, each (batch, length, 4)."""
    following = windows[:, 1:]
    # what filler is read as makes no difference, but it must be an index
    return np.where(windows[:, :-1] == FILLER, encode(np.array([[0, END, 0, 0]])), windows[:, :-1]), following


class Windows:
    """Endless batches of windows, each pass over the pieces in a new order, cut at new places. The batch at a position
    is always the same, so a run goes on from any position as if it had never stopped.

    A batch has room for `batch` windows of `length` events. Pieces of half that length, a quarter and so on have
    shorter ones, twice or four times as many of which are a batch, so that little of it is filler."""

    def __init__(
        self,
        pieces: Sequence[TrainingPiece],
        length: int,
        batch: int,
        variation: Variation,
        style_dropout: float,
        seed: int,
        shortest: int | None = None,
    ) -> None:
        """`style_dropout` is the share of windows that are read without their style. No window is shorter than
        `shortest`, which is `length` where nothing is said."""
        self.pieces, self.length, self.variation = pieces, length, variation
        self.style_dropout, self.seed = style_dropout, seed
        counts = [-(-len(piece.moments) // length) for piece in pieces]
        self._owners = np.repeat(np.arange(len(pieces)), counts)
        self._numbers = np.concatenate([np.arange(count) for count in counts])
        lengths = [self._length_for(len(piece.moments), shortest or length) for piece in pieces]
        kinds = np.array([(length, piece.share) for length, piece in zip(lengths, pieces, strict=True)])[self._owners]
        self._lengths = kinds[:, 0].astype(int)
        self._groups = [np.flatnonzero((kinds == kind).all(axis=1)) for kind in np.unique(kinds, axis=0)]
        self._taken = [round(float(kinds[group[0], 1]) * len(group)) for group in self._groups]
        self._room = {each: batch * (length // each) for each in sorted(set(lengths))}
        self._order = 0, self._shuffled(0)

    def _length_for(self, events: int, shortest: int) -> int:
        length = self.length
        while length // 2 >= max(events, shortest):
            length //= 2
        return length

    def _shuffled(self, number: int) -> list[np.ndarray]:
        """The batches of this pass over the data: for each, which of all windows."""
        shuffle = np.random.default_rng((self.seed, number))
        drawn = [shuffle.permutation(group)[:count] for group, count in zip(self._groups, self._taken, strict=True)]
        windows = shuffle.permutation(np.concatenate(drawn))
        batches = []
        for length, room in self._room.items():
            alike = windows[self._lengths[windows] == length]
            count = -(-len(alike) // room)
            # those that are missing in the last batch are taken from the first
            batches += list(np.resize(alike, (count, room)))
        return [batches[place] for place in shuffle.permutation(len(batches))]

    def __len__(self) -> int:
        """Batches in one pass over the data."""
        return len(self._order[1])

    def _window(self, index: int, number: int) -> tuple[np.ndarray, int]:
        """A window of events, with the one before them, and its style, in the pass of this number."""
        generator = np.random.default_rng((self.seed, number, index))
        piece, length = self.pieces[self._owners[index]], int(self._lengths[index])
        # moved by up to half a window, another way in each pass; what would reach out of the piece stops at its ends
        latest = max(len(piece.moments) - length, 0)
        first = int(self._numbers[index]) * length + int(generator.integers(length)) - length // 2
        window = window_of(piece.moments, min(max(first, 0), latest), length)
        events = encode(varied(window, self.variation, generator))
        style = 0 if generator.random() < self.style_dropout else piece.style
        return filled(events, length + 1), style

    def batch(self, position: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The batch at this position: what the network reads, and the events that follow."""
        number, place = divmod(position, len(self))
        if self._order[0] != number:
            self._order = number, self._shuffled(number)
        windows, styles = zip(*(self._window(int(index), number) for index in self._order[1][place]), strict=True)
        events, following = next_event_pairs(np.stack(windows).astype(np.int32))
        return {"events": events, "following": following, "style": np.array(styles, dtype=np.int32)}, following
