"""A sequence of events in the making: a piece, from its first chunk to its finished moments."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.performance.engine import CHUNK, FREE
from core.performance.events import BIN_CELLS, CELL, END, KEY, PEDAL_DOWN, PEDAL_UP, PITCHES, SHIFT, decode
from core.performance.guard import FRANTIC_NOTES, LONGEST_LOOP, STUCK_NOTES, frantic, stuck
from core.performance.sampling import uniforms

EARLIEST_END = 0.9
"""The share of the length before which a piece may not end."""
MOST_EVENTS_A_SECOND = 40


@dataclass(slots=True)
class EventSequence:
    """A piece in the making. `forced` are the events it begins with, (events, 4), FREE where the model chooses. `cells`
    is its length in cells, counted from its first note; or, where it is `primed`, from the last event that is forced,
    and what is forced then is no part of it."""

    cells: int
    take: int
    sub_take: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    style: int = 0
    forced: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int32))
    primed: bool = False
    events: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int32))
    ends: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    """Before each event, the probability that the piece ends there."""
    done: bool = False
    """Whether nothing is to be played any more. Set last when a chunk is appended, as other threads look at it."""

    def next_forced(self) -> np.ndarray:
        """The forced events of the next chunk, (CHUNK, 4)."""
        rest = self.forced[len(self.events) : len(self.events) + CHUNK]
        return np.concatenate([rest, np.full((CHUNK - len(rest), 4), FREE, dtype=np.int32)])

    def next_uniforms(self) -> np.ndarray:
        return uniforms(self.take, self.sub_take, len(self.events), CHUNK)

    def append(self, events: np.ndarray, ends: np.ndarray) -> None:
        """Take a chunk in: (CHUNK, 4) events and (CHUNK,) probabilities of the end."""
        self.ends = np.concatenate([self.ends, ends])
        self.events = np.concatenate([self.events, events])
        self.done = self._is_over()

    def times(self) -> np.ndarray:
        """Cells from where the length counts to each event; below 0 for what comes before."""
        events = self.events  # which another thread may replace
        times = np.cumsum(BIN_CELLS[events[:, SHIFT]])
        if self.primed:
            return times - times[: len(self.forced)][-1:]
        struck = events[:, KEY] < PITCHES
        return times - (times[struck.argmax()] if struck.any() else times[-1:])

    @property
    def earliest_end(self) -> int:
        """Cells from the first event that is a note to where the piece may end."""
        return self._cells_before + int(EARLIEST_END * self.cells)

    @property
    def length(self) -> int:
        """Cells from the first event that is a note to where the piece is to end."""
        return self._cells_before + self.cells

    @property
    def _cells_before(self) -> int:
        """Cells from the first event that is a note to where the length counts from."""
        if not self.primed:
            return 0
        struck = self.forced[:, KEY] < PITCHES
        return int(BIN_CELLS[self.forced[struck.argmax() + 1 :, SHIFT]].sum())

    @property
    def share(self) -> float:
        """How much of it is made, 0 to 1."""
        return float(np.clip(self.times().max(initial=0) / self.cells, 0.0, 1.0))

    def _is_over(self) -> bool:
        most = len(self.forced) + MOST_EVENTS_A_SECOND * self.cells // 100 + CHUNK
        times = self.times()
        over = times[-1] > self.cells or (self.events[:, KEY] == END).any()
        if over and len(self.events) > len(self.forced):
            return True
        latest = np.arange(len(times)) >= max(len(self.forced), len(times) - FRANTIC_NOTES - CHUNK)
        latest &= self.events[:, KEY] < PITCHES
        if len(self.events) > most or frantic(times[latest] * CELL):  # not worth going on with
            return True
        return stuck(self.events[latest, KEY][-STUCK_NOTES - LONGEST_LOOP - CHUNK :]) is not None

    def moments(self) -> np.ndarray:
        """The finished piece, (events, 4) moments from where its length counts.

        It ends where the model ended it. Else it ends at that event of the last tenth before which the model held an
        end to be likeliest, so that no phrase is cut in mid-air: the notes before it ring out, to the end of the length
        at most, the last ones into its last tenth at least, and the pedal comes up."""
        times = self.times()
        stop = self._stop(times)
        moments, onsets = decode(self.events[:stop]), np.maximum(times[:stop], 0)
        struck = moments[:, KEY] < PITCHES
        releases = np.minimum(onsets + moments[:, 3], self.cells)
        releases = np.where(
            self._last_struck(onsets, struck), np.maximum(releases, round(EARLIEST_END * self.cells)), releases
        )
        moments[:, 3] = np.where(struck, np.maximum(releases - onsets, 1), 0)
        ending = min(times[stop], self.cells) if stop < len(times) else 0
        ending = max([ending, *(onsets + moments[:, 3]).tolist()])
        pedal = moments[moments[:, KEY] >= PITCHES, KEY]
        closing = [[ending, PEDAL_UP, 0, 0]] if len(pedal) and pedal[-1] == PEDAL_DOWN else []
        moments[:, SHIFT] = onsets
        moments = moments[len(self.forced) * self.primed :]
        moments = np.concatenate([moments, np.array([*closing, [ending, END, 0, 0]], dtype=np.int32)])
        moments[:, SHIFT] = np.diff(moments[:, SHIFT], prepend=0)
        return moments

    def _last_struck(self, onsets: np.ndarray, struck: np.ndarray) -> np.ndarray:
        """Which events are the notes that are struck last, of those that are the piece's own."""
        own = struck & (np.arange(len(onsets)) >= len(self.forced) * self.primed)
        return own & (onsets == onsets[own].max(initial=-1))

    def _stop(self, times: np.ndarray) -> int:
        """The number of the event in whose place the piece ends."""
        ended = np.flatnonzero((self.events[:, KEY] == END) & (times <= self.cells))
        if len(ended):
            return int(ended[0])
        numbers = np.arange(len(times))
        late = (times >= EARLIEST_END * self.cells) & (times <= self.cells) & (numbers >= len(self.forced))
        if late.any():
            return int(np.where(late, self.ends, -1.0).argmax())
        beyond = np.flatnonzero(times > self.cells)
        return int(beyond[0]) if len(beyond) else len(times)
