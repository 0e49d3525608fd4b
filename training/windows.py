"""Windows of pieces for training: which of them, in which order, and transposed and stretched how, all settled by a
number.

The choices of a batch are a few numbers a window, `Draws`. Windows are cut from `PackedPieces` by one function that
runs on NumPy as on `jax.numpy`, so that a GPU that holds those needs nothing else from its host, and both give the
same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from core.performance.events import (
    CELL,
    DURATION,
    END,
    KEY,
    KEYS,
    NO_DURATION,
    NO_VELOCITY,
    PITCHES,
    REMAINING_UNSAID,
    SHIFT,
    START,
    TIME_EDGES,
    VELOCITY,
    VELOCITY_WIDTH,
    bins_of,
    encode,
    remaining_bucket,
)

FILLER = -1
"""Padding: all attributes of an event behind the end of a piece that is shorter than its window."""
MAX_CELLS = 2000
"""The longest time in packed pieces, 20 s: in the last bin (8 s or more) however it is stretched, and so short that
float32 holds every onset of a window exactly."""
MAX_REMAINING_CELLS = 2**16 - 1
"""The longest time that is left in packed pieces, 655 s: in the last bucket however it is stretched."""
REMAINING_DROPOUT = 0.4
"""The share of windows that are read without how long their piece still has."""


@dataclass(frozen=True, slots=True)
class TrainingPiece:
    """Moments as in `core.performance.events`, (events, 4), and the index of the style. A piece with a `share` below 1
    is drawn from that much less often. Where `has_end` is false it is a clip, whose last event is no end: how long it
    still has is never told."""

    moments: np.ndarray
    style: int
    share: float = 1.0
    has_end: bool = True


@dataclass(frozen=True, slots=True)
class Variation:
    """Data augmentation: how much a window may be changed. Semitones down and up, the natural logarithm of the tempo
    either way, and the velocity, of 127, either way. `mirrored` is the share of windows whose keyboard is turned round,
    low for high: music that a network does not know by heart, of the same form."""

    down: int = 5
    up: int = 6
    stretch: float = 0.15
    loudness: int = 8
    mirrored: float = 0.0


class PackedPieces(NamedTuple):
    """All pieces end to end, each behind a START: `moments` (rows, 4), `remaining` cells until its end (rows,), and for
    each piece its `first` row, the `count` of its rows, its `style` and whether it `has_end`."""

    moments: Any
    remaining: Any
    first: Any
    count: Any
    style: Any
    has_end: Any


class Draws(NamedTuple):
    """The choices of a batch, an array each of (batch,): the window of `piece` that begins with its row `first`, with
    `style` and remaining time `told` or not, `mirrored` or not, transposed to that `transposition` of those which the
    keys allow, 0 to 1, `louder` by a velocity, and its times multiplied by `tempo`."""

    piece: Any
    first: Any
    style: Any
    told: Any
    mirrored: Any
    transposition: Any
    louder: Any
    tempo: Any


def pack(pieces: Sequence[TrainingPiece]) -> PackedPieces:
    counts = np.array([len(piece.moments) + 1 for piece in pieces], dtype=np.int32)
    start = np.array([[0, START, 0, 0]])
    rows = np.concatenate([part for piece in pieces for part in (start, piece.moments)])
    remaining = [remaining_cells(np.concatenate([start, piece.moments])) for piece in pieces]
    rows[:, [SHIFT, DURATION]] = np.minimum(rows[:, [SHIFT, DURATION]], MAX_CELLS)
    return PackedPieces(
        rows.astype(np.uint16),
        np.minimum(np.concatenate(remaining), MAX_REMAINING_CELLS).astype(np.uint16),
        (np.cumsum(counts) - counts).astype(np.int32),
        counts,
        np.array([piece.style for piece in pieces], dtype=np.int32),
        np.array([piece.has_end for piece in pieces]),
    )


def remaining_cells(moments: np.ndarray) -> np.ndarray:
    """Cells from the onset of each moment until that of the last, (events,)."""
    onsets = np.cumsum(moments[:, SHIFT])
    return onsets[-1] - onsets


def batch_of(packed: PackedPieces, draws: Draws, length: int, variation: Variation, xp: Any = np) -> dict[str, Any]:
    """A batch as a network reads it, int32: `events` and those `following` them, (batch, length, 4), the `style`,
    (batch,), and the bucket of the `remaining` time, (batch, length). `xp` is the library whose arrays the pieces and
    draws are."""
    moments, remaining, valid = window_of(packed, draws.piece, draws.first, length, xp)
    moments = transposed(moments, draws, variation, xp)
    moments, remaining = stretched(moments, remaining, valid, draws.tempo[:, None], xp)
    events, following = next_event_pairs(encoded(moments, xp), valid, xp)
    told = draws.told & packed.has_end[draws.piece]
    buckets = remaining_bucket(remaining[:, :-1] * np.float32(CELL), xp)
    return {
        "events": events,
        "following": following,
        "style": draws.style,
        "remaining": xp.where(told[:, None], buckets, REMAINING_UNSAID).astype("int32"),
    }


def window_of(packed: PackedPieces, piece: Any, first: Any, length: int, xp: Any = np) -> tuple[Any, Any, Any]:
    """The moments of `length` events and of the one before them, the row `first` of the piece: (batch, length + 1, 4).
    With them the cells that remain, and which moments are of the piece, (batch, length + 1) each."""
    places = first[:, None] + xp.arange(length + 1, dtype="int32")[None]
    count = packed.count[piece][:, None]
    rows = packed.first[piece][:, None] + xp.minimum(places, count - 1)
    return packed.moments[rows].astype("int32"), packed.remaining[rows].astype("float32"), places < count


def transposed(moments: Any, draws: Draws, variation: Variation, xp: Any = np) -> Any:
    """The moments in another key, as far as the keys of a piano reach, and louder or softer."""
    keys, velocities = moments[..., KEY], moments[..., VELOCITY]
    struck = keys < PITCHES
    keys = xp.where(struck & draws.mirrored[:, None], PITCHES - 1 - keys, keys)
    lowest = xp.where(struck, keys, PITCHES).min(axis=1)
    highest = xp.where(struck, keys, -1).max(axis=1)
    down = xp.minimum(variation.down, lowest)
    up = xp.minimum(variation.up, PITCHES - 1 - highest)
    steps = (draws.transposition * (down + up + 1).astype("float32")).astype("int32") - down
    keys = xp.where(struck, keys + steps[:, None], keys)
    velocities = xp.where(struck, xp.clip(velocities + draws.louder[:, None], 1, 127), velocities)
    return xp.stack([moments[..., SHIFT], keys, velocities, moments[..., DURATION]], axis=-1)


def stretched(moments: Any, remaining: Any, valid: Any, tempo: Any, xp: Any = np) -> tuple[Any, Any]:
    """All times multiplied by `tempo`, (batch, 1), and rounded as absolute ones, a held key for a cell at least. The
    first moment stays the first; those after it that now share a cell are put in order, with what remains of each."""
    shifts, durations = moments[..., SHIFT], moments[..., DURATION]
    leads = xp.arange(shifts.shape[1])[None] == 0
    before = xp.cumsum(xp.where(leads, 0, shifts), axis=1).astype("int32")
    onsets, ends = (xp.rint(cells.astype("float32") * tempo).astype("int32") for cells in (before, before + durations))
    durations = xp.maximum(ends - onsets, xp.minimum(durations, 1))
    keys = moments[..., KEY]
    rank = xp.where(keys == END, KEYS, xp.where(keys >= PITCHES, keys - KEYS, keys))
    # the first moment and the padding keep their places
    place = xp.where(leads, -1, xp.where(valid, onsets, np.int32(2**31 - 1)))
    order = xp.lexsort((durations, moments[..., VELOCITY], rank, place), axis=-1)
    columns = (onsets, keys, moments[..., VELOCITY], durations, remaining * tempo)
    onsets, keys, velocities, durations, remaining = (xp.take_along_axis(each, order, axis=1) for each in columns)
    first = xp.rint(shifts[:, :1].astype("float32") * tempo).astype("int32")
    shifts = xp.concatenate([first, xp.diff(onsets, axis=1)], axis=1)
    return xp.stack([shifts, keys, velocities, durations], axis=-1), remaining


def encoded(moments: Any, xp: Any = np) -> Any:
    """`core.performance.events.encode` for either library: moments -> events, (…, 4) of int32."""
    if xp is np:
        return encode(moments.reshape(-1, 4)).reshape(moments.shape).astype("int32")
    bins = xp.asarray(bins_of(np.arange(TIME_EDGES[-1] + 1)), dtype="int32")  # a table is faster than searching there
    struck = moments[..., KEY] < PITCHES
    shifts, durations = (bins[xp.clip(moments[..., column], 0, TIME_EDGES[-1])] for column in (SHIFT, DURATION))
    velocities = xp.where(struck, moments[..., VELOCITY] // VELOCITY_WIDTH, NO_VELOCITY)
    return xp.stack([shifts, moments[..., KEY], velocities, xp.where(struck, durations, NO_DURATION)], axis=-1)


def next_event_pairs(events: Any, valid: Any, xp: Any = np) -> tuple[Any, Any]:
    """Teacher forcing: (batch, length + 1, 4) events, and which are no padding -> inputs and targets, each (batch,
    length, 4)."""
    # what padding is read as makes no difference, but it must be an index
    padding = xp.asarray(encode(np.array([[0, END, 0, 0]]))[0], dtype="int32")
    inputs = xp.where(valid[:, :-1, None], events[:, :-1], padding)
    return inputs, xp.where(valid[:, 1:, None], events[:, 1:], FILLER)


def plain_batch(
    packed: PackedPieces, piece: Sequence[int], first: Sequence[int], style: Sequence[int], length: int
) -> dict[str, np.ndarray]:
    """Windows as they are, for measuring: each of a piece, from one of its rows on, read in a style."""
    moments, _, valid = window_of(packed, np.array(piece), np.array(first), length)
    events, following = next_event_pairs(encoded(moments), valid)
    return {"events": events, "following": following, "style": np.array(style, dtype=np.int32)}


class Windows:
    """Endless batches of windows, each pass over the pieces in a new order, cut at new places. The batch at a position
    is always the same, so a run goes on from any position as if it had never stopped.

    The events of all pieces form a line, on which a piece with a share takes that much less room; a pass divides it
    into parts as long as a window, and puts one window at a random place of each. Half of the window lies before that
    place, as far as the piece reaches.

    A batch has room for `batch` windows of `length` events. Pieces of half that length, a quarter and so on have
    shorter ones, twice or four times as many of which are a batch, so that little of it is padding."""

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
        self.packed = pack(pieces)
        self.length, self.variation = length, variation
        self.style_dropout, self.seed = style_dropout, seed
        lengths = np.array([self._length_for(len(piece.moments), shortest or length) for piece in pieces])
        events = np.array([piece.share * len(piece.moments) for piece in pieces])
        self._rooms = {each: batch * (length // each) for each in sorted(set(lengths.tolist()))}
        self._lines = {each: np.cumsum(np.where(lengths == each, events, 0.0)) for each in self._rooms}
        self._counts = {each: math.ceil(line[-1] / (each * self._rooms[each])) for each, line in self._lines.items()}
        self._order = 0, self._shuffled(0)

    def _length_for(self, events: int, shortest: int) -> int:
        length = self.length
        while length // 2 >= max(events, shortest):
            length //= 2
        return length

    def _shuffled(self, number: int) -> list[tuple[int, np.ndarray]]:
        """The batches of this pass over the data: of each the length of its windows, and which parts of the line of
        the pieces with such windows it takes."""
        shuffle = np.random.default_rng((self.seed, number))
        batches = []
        for length, count in self._counts.items():
            parts = shuffle.permutation(count * self._rooms[length]).reshape(count, -1)
            batches += [(length, row) for row in parts]
        return [batches[place] for place in shuffle.permutation(len(batches))]

    def __len__(self) -> int:
        """Batches in one pass over the data."""
        return len(self._order[1])

    def draws(self, position: int) -> tuple[int, Draws]:
        """The length of the windows at this position, and which they are."""
        number, place = divmod(position, len(self))
        if self._order[0] != number:
            self._order = number, self._shuffled(number)
        length, parts = self._order[1][place]
        generator = np.random.default_rng((self.seed, number, place))
        piece, first = self._places(length, parts, generator)
        size, change = len(parts), self.variation
        styles = np.where(generator.random(size) < self.style_dropout, 0, self.packed.style[piece])
        return length, Draws(
            piece=piece,
            first=first,
            style=styles.astype(np.int32),
            told=generator.random(size) >= REMAINING_DROPOUT,
            mirrored=generator.random(size) < change.mirrored,
            transposition=generator.random(size, dtype=np.float32),
            louder=generator.integers(-change.loudness, change.loudness + 1, size).astype(np.int32),
            tempo=np.exp(generator.uniform(-change.stretch, change.stretch, size)).astype(np.float32),
        )

    def _places(self, length: int, parts: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The piece of each part of the line of this length, and the row of it with which the window begins."""
        line = self._lines[length]
        total = line[-1] / (self._counts[length] * self._rooms[length])
        points = np.minimum((parts + generator.random(len(parts))) * total, np.nextafter(line[-1], 0))
        piece = np.searchsorted(line, points, side="right")
        begins = np.where(piece > 0, line[piece - 1], 0.0)
        events = self.packed.count[piece] - 1
        middle = (points - begins) / (line[piece] - begins) * events
        first = np.clip(middle.astype(int) - length // 2, 0, np.maximum(events - length, 0))
        return piece.astype(np.int32), first.astype(np.int32)

    def batch(self, position: int) -> dict[str, np.ndarray]:
        """The batch at this position, made by NumPy; see `batch_of`."""
        length, draws = self.draws(position)
        return batch_of(self.packed, draws, length, self.variation)
