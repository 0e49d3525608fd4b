"""A sequence of events in the making: a row of a batch, one of the candidates for a piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.models import LONGEST_PASSAGE
from core.performance.ending import EARLIEST_END, EARLY_CELLS, EARLY_SHARE, LATEST_END, close, stop_of
from core.performance.engine import CHUNK, FREE, STRETCH, State
from core.performance.events import BIN_CELLS, CELL, END, KEY, PITCHES, SHIFT
from core.performance.fingerprint import of_training_music
from core.performance.given import FREELY, SCORE
from core.performance.guard import (
    FRANTIC_NOTES,
    RECENT_SECONDS,
    Trouble,
    find_trouble,
    find_trouble_at_the_end,
    find_trouble_at_the_start,
)
from core.performance.sampling import uniforms
from core.performance.score import Playing
from core.performance.steering import NO_TARGET, LogitBias, Target, bias_towards

MOST_EVENTS_A_SECOND = 40
WARMER = 0.02
"""The share by which the temperature is raised with each try at a place: what is sure of itself runs into a loop."""
RELAXED = 0.15
"""The share of its bias that steering loses with each try at a place: a bias may be why the piece is stuck."""


@dataclass(slots=True, eq=False)
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
    target: Target = NO_TARGET
    forced: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int32))
    primed: bool = False
    playing: Playing = field(default_factory=Playing)
    """The notes that are given beside it, as a score or a melody, and how far it has come with them."""
    tries: int = 0
    """The number of times that its next events were drawn before, and were in trouble."""
    origin: EventSequence | State | None = None
    """Beginning of its next chunk: the sequence that it is a copy of, and shares the engine's state with; a state that
    was kept; None at the beginning, or where it goes on from its own last chunk."""
    events: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int32))
    """The events that the engine has decoded."""
    ends: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    """Before each event, the probability that the piece ends there."""

    def next_forced(self) -> np.ndarray:
        """The forced events of the next chunk, (CHUNK, 4)."""
        rest = self.forced[len(self.events) : len(self.events) + CHUNK]
        return np.concatenate([rest, np.full((CHUNK - len(rest), 4), FREE, dtype=np.int32)])

    def next_uniforms(self) -> np.ndarray:
        return uniforms(self.take, self.sub_take, len(self.events), CHUNK)

    def next_bias(self) -> LogitBias:
        """The bias of the next chunk, which steers what the piece plays of its own: less near a place where it got
        stuck."""
        strength = max(1 - RELAXED * self.tries, 0)
        return LogitBias(*(strength * part for part in bias_towards(self.target, self.own_events)))

    @property
    def next_temperature(self) -> float:
        """The temperature of the next chunk: raised near a place where the piece got stuck."""
        return self.temperature * (1 + WARMER * self.tries)

    def append(
        self, events: np.ndarray, ends: np.ndarray, struck: np.ndarray | None = None, tempo: Sequence[float] = ()
    ) -> None:
        """Take a chunk in: (CHUNK, 4) events, (CHUNK,) probabilities of the end and, where notes are given, what
        `Playing.after` takes."""
        if struck is not None:
            self.playing = self.playing.after(struck, tempo)
        self.ends = np.concatenate([self.ends, ends])
        self.events = np.concatenate([self.events, events])
        self.origin = None

    @property
    def is_given(self) -> bool:
        """Whether it plays notes that are given to their end."""
        return self.playing.given.task != FREELY

    @property
    def own_events(self) -> np.ndarray:
        """The events that are not forced."""
        return self.events[len(self.forced) :]

    def times(self) -> np.ndarray:
        """Cells from where the length counts to each event; below 0 for what comes before."""
        times = np.cumsum(BIN_CELLS[self.events[:, SHIFT]])
        if self.primed:
            return times - times[: len(self.forced)][-1:]
        struck = self.events[:, KEY] < PITCHES
        return times - (times[struck.argmax()] if struck.any() else times[-1:])

    @property
    def earliest_end(self) -> int:
        """Cells from the first event that is a note to where the piece may end."""
        return self._cells_before + int(EARLIEST_END * self.cells)

    @property
    def length(self) -> int:
        """Cells from the first event that is a note to where the network is told that the piece ends."""
        return self._cells_before + self.cells - int(min(EARLY_CELLS, EARLY_SHARE * self.cells))

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
        return float(np.clip(self.times().max(initial=0) / max(self.cells, 1), 0.0, 1.0))

    @property
    def over(self) -> bool:
        """Whether nothing is to be decoded any more."""
        if not self.playing.is_over or self.playing.given.task == SCORE:
            return self.playing.is_over
        if len(self.events) <= len(self.forced):
            return False
        most = len(self.forced) + MOST_EVENTS_A_SECOND * self.cells // 100 + CHUNK
        late = self.times()[-1] > LATEST_END * self.cells
        return bool(late or (self.events[:, KEY] == END).any() or len(self.events) > most)

    @property
    def stop(self) -> int:
        """The number of the event in whose place it ends; of all its events where it is not over."""
        if not self.over:
            return len(self.events)
        first = max(len(self.forced), self.playing.settled)
        return stop_of(self.events, self.ends, self.times(), self.cells, first)

    def notes(self, first: int = 0) -> np.ndarray:
        """The numbers of its events that are notes, from the event `first` on and before its end."""
        return first + np.flatnonzero(self.events[first : self.stop, KEY] < PITCHES)

    def trouble(self, at_the_end: bool = True) -> Trouble | None:
        """The trouble with its latest notes: the guard's finding, or, where none is given, that they are a copy. Once
        it is over the last notes are looked at too, unless not to be looked `at_the_end`. The trouble's note is the
        number of an event. A score is played however it is written."""
        if len(self.events) <= len(self.forced) or self.playing.given.task == SCORE:
            return None
        times, own = self.times(), self.notes(len(self.forced))
        now = float(times[min(self.stop, len(times) - 1)] * CELL)
        return (
            self._trouble_of_late(times, own, now)
            or self._trouble_at_the_start(times, own, now)
            or (self._trouble_at_the_end(times, own, now) if at_the_end and self.over else None)
        )

    def _trouble_of_late(self, times: np.ndarray, own: np.ndarray, now: float) -> Trouble | None:
        """As the two below: `own` are the numbers of the notes that are not forced, among events at these `times`, and
        `now` is the second of the end, or of the last event where it is not over."""
        onsets, keys = times[own] * CELL, self.events[own, KEY]
        since = onsets >= times[max(len(times) - STRETCH, 0)] * CELL - RECENT_SECONDS
        since |= np.arange(len(own)) >= len(own) - FRANTIC_NOTES - STRETCH
        found = find_trouble(onsets[since], keys[since], min(now, LATEST_END * self.cells * CELL))
        if found is not None:
            return Trouble(found.reason, int(own[since][found.note]))
        copied = of_training_music().first_passage(keys[since], LONGEST_PASSAGE)
        if copied is not None and self.playing.given.task == FREELY:
            return Trouble("a passage of the music it learnt from", int(own[since][copied]))
        return None

    def _trouble_at_the_start(self, times: np.ndarray, own: np.ndarray, now: float) -> Trouble | None:
        found = find_trouble_at_the_start(times[own] * CELL, now) if self.primed else None
        return found and Trouble(found.reason, len(self.forced))

    def _trouble_at_the_end(self, times: np.ndarray, own: np.ndarray, now: float) -> Trouble | None:
        notes = own if self.primed else self.notes()  # a seed's are music too, a primer's are another piece's
        found = find_trouble_at_the_end(times[notes] * CELL, self.events[notes, KEY], now)
        if found is None and not self.is_given and self.moments()[:, SHIFT].sum() < int(EARLIEST_END * self.cells):
            found = Trouble("a silence before the end", len(notes) - 1)
        return found and Trouble(found.reason, int(notes[found.note]) if len(notes) else len(self.forced))

    def moments(self, stop: int | None = None) -> np.ndarray:
        """The finished piece, (events, 4) moments from where its length counts; it ends in the place of the event
        `stop`, or of the one where it stops by itself."""
        stop = self.stop if stop is None else stop
        return close(self.events, self.times(), stop, self.cells, len(self.forced) * self.primed)
