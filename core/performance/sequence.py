"""A sequence of events in the making: a piece from its first chunk to its last, with what the guard has drawn again."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np

from core.performance.ending import EARLIEST_END, EARLY_CELLS, EARLY_SHARE, LATEST_END, close, stop_of
from core.performance.engine import CHUNK, FREE, EngineState
from core.performance.events import BIN_CELLS, CELL, END, KEY, PITCHES, SHIFT
from core.performance.guard import FRANTIC_NOTES, RECENT_SECONDS, Trouble, find_trouble, find_trouble_at_the_end
from core.performance.sampling import uniforms
from core.performance.steering import NO_TARGET, LogitBias, Target, bias_towards

_log = logging.getLogger(__name__)

MOST_EVENTS_A_SECOND = 40
STRETCH = 2 * CHUNK
"""Events from one place to which a sequence can go back to the next."""
KEPT_STATES = 6
"""Places to which a sequence can go back: over a minute of usual playing. The guard looks back 32 s at the most."""
REWIND_EVENTS = 48
"""Events before a trouble's first note from which on it is drawn again, at least, times the tries at that place."""
TRIES_AT_A_PLACE, TRIES_AT_THE_END, TRIES = 6, 3, 16
"""How often a sequence goes back at one place, at its end, and in all, before it ends where its music ends."""
WARMER = 0.02
"""The share by which the temperature is raised with each try at a place: what is sure of itself runs into a loop."""


@dataclass(slots=True)
class EventSequence:
    """A piece in the making. `forced` are the events it begins with, (events, 4), FREE where the model chooses. `cells`
    is its length in cells, counted from its first note; or, where it is `primed`, from the last event that is forced,
    and what is forced then is no part of it.

    Where the guard finds trouble, the sequence goes back to before it, to one of the last places at which it kept the
    engine's state, and what comes after is drawn anew with the next sub-take."""

    cells: int
    take: int
    sub_take: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    style: int = 0
    target: Target = NO_TARGET
    forced: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int32))
    primed: bool = False
    events: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int32))
    """Those that the engine has decoded."""
    ends: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    """Before each event, the probability that the piece ends there."""
    done: bool = False
    """Whether nothing is to be decoded any more. Set last when a chunk is appended, as other threads look at it."""
    gave_up: str | None = None
    """The reason why the piece ends before its length: the trouble that it did not get out of."""
    _kept: dict[int, EngineState] = field(default_factory=dict)
    """The engine's state after so many events."""
    _resumes: bool = False
    """Whether its next chunk goes on from a state that was kept."""
    _tries: int = 0
    _place: int = -1
    """The last event at which it went back, and how often it did there."""
    _tries_here: int = 0
    _stop: int | None = None
    _share: float = 0.0

    @property
    def keeps_state(self) -> bool:
        """Whether the state before its next chunk is one to keep."""
        count = len(self.events)
        return count > 0 and count % STRETCH == 0 and count not in self._kept

    def keep(self, state: EngineState) -> None:
        """Keep its state, of one slot, before its next chunk."""
        self._kept[len(self.events)] = state
        while len(self._kept) > KEPT_STATES:
            del self._kept[min(self._kept)]

    def resumed_state(self) -> EngineState | None:
        """The state with which its next chunk begins where it has gone back since the last one."""
        resumes, self._resumes = self._resumes, False
        return self._kept[len(self.events)] if resumes else None

    def next_forced(self) -> np.ndarray:
        """The forced events of the next chunk, (CHUNK, 4)."""
        rest = self.forced[len(self.events) : len(self.events) + CHUNK]
        return np.concatenate([rest, np.full((CHUNK - len(rest), 4), FREE, dtype=np.int32)])

    def next_uniforms(self) -> np.ndarray:
        return uniforms(self.take, self.sub_take, len(self.events), CHUNK)

    def next_bias(self) -> LogitBias:
        """The bias of the next chunk, which steers what the piece plays of its own."""
        return bias_towards(self.target, self.events[len(self.forced) :])

    @property
    def next_temperature(self) -> float:
        """The temperature of the next chunk: raised near a place where the sequence got stuck."""
        here = len(self.events) <= self._place + CHUNK
        return self.temperature * (1 + WARMER * self._tries_here * here)

    def append(self, events: np.ndarray, ends: np.ndarray) -> None:
        """Take a chunk in: (CHUNK, 4) events and (CHUNK,) probabilities of the end."""
        self.ends = np.concatenate([self.ends, ends])
        self.events = np.concatenate([self.events, events])
        self._share = max(self._share, float(np.clip(self.times().max(initial=0) / max(self.cells, 1), 0.0, 1.0)))
        over = self._is_over()
        found = self._trouble(over)
        if found is not None:
            over = not self._go_back(found)
        self.done = over

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
        """How much of it is made, 0 to 1; it never falls."""
        return self._share

    def _is_over(self) -> bool:
        if len(self.events) <= len(self.forced):
            return False
        most = len(self.forced) + MOST_EVENTS_A_SECOND * self.cells // 100 + CHUNK
        late = self.times()[-1] > LATEST_END * self.cells
        return bool(late or (self.events[:, KEY] == END).any() or len(self.events) > most)

    def _trouble(self, over: bool) -> Trouble | None:
        """The guard's finding in the latest notes, or in the last ones where the sequence is over; its note is the
        number of an event."""
        if len(self.events) <= len(self.forced):
            return None
        times = self.times()
        stop = stop_of(self.events, self.ends, times, self.cells, len(self.forced)) if over else len(times)
        own = np.arange(len(times)) >= len(self.forced)
        notes = np.flatnonzero(own & (self.events[:, KEY] < PITCHES) & (np.arange(len(times)) < stop))
        onsets, keys = times[notes] * CELL, self.events[notes, KEY]
        now = times[min(stop, len(times) - 1)] * CELL
        since = onsets >= times[max(len(times) - CHUNK, 0)] * CELL - RECENT_SECONDS
        since |= np.arange(len(notes)) >= len(notes) - FRANTIC_NOTES - CHUNK
        found = find_trouble(onsets[since], keys[since], min(now, LATEST_END * self.cells * CELL))
        if found is not None:
            return Trouble(found.reason, int(notes[since][found.note]))
        found = find_trouble_at_the_end(onsets, keys) if over and self._tries_here < TRIES_AT_THE_END else None
        return found and Trouble(found.reason, int(notes[found.note]))

    def _go_back(self, trouble: Trouble) -> bool:
        """Go back to before the trouble. False where that was tried often enough: the piece then ends where the
        trouble begins."""
        self._tries += 1
        here = self._place >= 0 and trouble.note <= self._place + CHUNK
        self._tries_here = self._tries_here + 1 if here else 1
        self._place = max(self._place, trouble.note)
        _log.info("take %d, sub-take %d, event %d: %s", self.take, self.sub_take, trouble.note, trouble.reason)
        if self._tries > TRIES or self._tries_here > TRIES_AT_A_PLACE:
            self.gave_up, self._stop = trouble.reason, trouble.note
            return False
        self.cut(trouble.note - REWIND_EVENTS * self._tries_here)
        self.sub_take += 1
        return True

    def cut(self, most: int) -> None:
        """Leave the first `most` events or fewer, as many as there is a kept state for; or the fewest of those."""
        places = [place for place in self._kept if place <= most] if most >= STRETCH else [0]
        place = max(places, default=min(self._kept, default=0))
        self._kept = {kept: state for kept, state in self._kept.items() if kept <= place}
        self._resumes = place > 0
        self.events, self.ends = self.events[:place], self.ends[:place]

    def moments(self) -> np.ndarray:
        """The finished piece, (events, 4) moments from where its length counts."""
        times = self.times()
        stop = self._stop
        if stop is None:
            stop = stop_of(self.events, self.ends, times, self.cells, len(self.forced))
        return close(self.events, times, stop, self.cells, len(self.forced) * self.primed)
