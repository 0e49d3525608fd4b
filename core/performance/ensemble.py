"""Pieces in the making, side by side: each has a place in the ensemble, and they come and go between chunks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.performance.engine import CHUNK, FREE, Engine, Wishes
from core.performance.events import BIN_CELLS, END, KEY, PEDAL_DOWN, PEDAL_UP, PITCHES, SHIFT, decode
from core.performance.sampling import uniforms

END_FROM = 0.9
"""The share of the length before which a piece may not end."""
MOST_EVENTS_A_SECOND = 40


@dataclass(slots=True)
class Part:
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

    def next_forced(self) -> np.ndarray:
        """What is forced in the next chunk, (CHUNK, 4)."""
        rest = self.forced[len(self.events) : len(self.events) + CHUNK]
        return np.concatenate([rest, np.full((CHUNK - len(rest), 4), FREE, dtype=np.int32)])

    def next_uniforms(self) -> np.ndarray:
        return uniforms(self.take, self.sub_take, len(self.events), CHUNK)

    def heard(self, events: np.ndarray, ends: np.ndarray) -> None:
        """Take a chunk in: (CHUNK, 4) events and (CHUNK,) probabilities of the end."""
        self.events = np.concatenate([self.events, events])
        self.ends = np.concatenate([self.ends, ends])

    def times(self) -> np.ndarray:
        """Cells from where the length counts to each event; below 0 for what comes before."""
        times = np.cumsum(BIN_CELLS[self.events[:, SHIFT]])
        if self.primed:
            return times - times[min(len(self.forced), len(times)) - 1]
        struck = self.events[:, KEY] < PITCHES
        return times - (times[struck.argmax()] if struck.any() else times[-1:])

    @property
    def earliest_end(self) -> int:
        """Cells from the first event that is a note to where the piece may end."""
        before = 0
        if self.primed:
            struck = self.forced[:, KEY] < PITCHES
            before = int(BIN_CELLS[self.forced[struck.argmax() + 1 :, SHIFT]].sum())
        return before + int(END_FROM * self.cells)

    @property
    def share(self) -> float:
        """How much of it is made, 0 to 1."""
        return float(np.clip(self.times().max(initial=0) / self.cells, 0.0, 1.0))

    @property
    def done(self) -> bool:
        if not len(self.events):
            return False
        most = len(self.forced) + MOST_EVENTS_A_SECOND * self.cells // 100 + CHUNK
        over = self.times()[-1] > self.cells or (self.events[:, KEY] == END).any()
        return bool(over and len(self.events) > len(self.forced)) or len(self.events) > most

    def moments(self) -> np.ndarray:
        """The finished piece, (events, 4) moments from where its length counts.

        It ends where the model ended it. Else it ends at that event of the last tenth before which the model held an
        end to be likeliest, so that no phrase is cut in mid-air: the notes before it ring out, to the end of the length
        at most, and the pedal comes up."""
        times = self.times()
        stop = self._stop(times)
        moments, onsets = decode(self.events[:stop]), np.maximum(times[:stop], 0)
        struck = moments[:, KEY] < PITCHES
        releases = np.minimum(onsets + moments[:, 3], self.cells)
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

    def _stop(self, times: np.ndarray) -> int:
        """The number of the event in whose place the piece ends."""
        ended = np.flatnonzero((self.events[:, KEY] == END) & (times <= self.cells))
        if len(ended):
            return int(ended[0])
        numbers = np.arange(len(times))
        late = (times >= END_FROM * self.cells) & (times <= self.cells) & (numbers >= len(self.forced))
        if late.any():
            return int(np.where(late, self.ends, -1.0).argmax())
        beyond = np.flatnonzero(times > self.cells)
        return int(beyond[0]) if len(beyond) else len(times)


class Ensemble:
    """Pieces that are played at the same time, a chunk each in turn, in groups of as many as the engine has slots."""

    def __init__(self, engine: Engine, places: int = 1) -> None:
        """Room for at least `places` pieces."""
        self.engine = engine
        groups = -(-places // engine.slots)
        self.parts: list[Part | None] = [None] * (groups * engine.slots)
        self._states = [engine.start() for _ in range(groups)]

    @property
    def free(self) -> int:
        """How many more pieces can join."""
        return self.parts.count(None)

    def join(self, part: Part) -> None:
        """Give the part a place; there must be a free one."""
        place = self.parts.index(None)
        self.parts[place] = part
        group, slot = divmod(place, self.engine.slots)
        self._states[group] = self.engine.restarted(self._states[group], slot)

    def leave(self, part: Part) -> None:
        """Take a part out; nothing happens when it is out already."""
        self.parts = [None if other is part else other for other in self.parts]

    def play(self) -> list[Part]:
        """One chunk for every part. Those that are done by then leave, and are returned."""
        done: list[Part] = []
        for group in range(len(self._states)):
            here = self.parts[group * self.engine.slots : (group + 1) * self.engine.slots]
            if any(here):
                self._states[group], chunk = self.engine.advance(self._states[group], _wishes(here))
                events, ends = np.asarray(chunk.events), np.asarray(chunk.ends)
                for slot, part in enumerate(here):
                    if part is not None:
                        part.heard(events[:, slot], ends[:, slot])
                        done += [part] if part.done else []
        for part in done:
            self.leave(part)
        return done


def _wishes(parts: list[Part | None]) -> Wishes:
    """What the parts of a group ask for; an empty slot plays to itself."""
    asking = [part or Part(cells=0, take=0) for part in parts]
    return Wishes(
        forced=np.stack([part.next_forced() for part in asking], axis=1),
        uniforms=np.stack([part.next_uniforms() for part in asking], axis=1),
        temperature=np.array([part.temperature for part in asking], dtype=np.float32),
        top_p=np.array([part.top_p for part in asking], dtype=np.float32),
        earliest_end=np.array([part.earliest_end for part in asking], dtype=np.int32),
        style=np.array([part.style for part in asking], dtype=np.int32),
    )
