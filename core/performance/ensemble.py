"""Pieces in the making, side by side: they come and go between chunks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from core.performance.engine import CHUNK, FREE, Engine, Wishes
from core.performance.events import BIN_CELLS, CELL, END, KEY, PEDAL_DOWN, PEDAL_UP, PITCHES, SHIFT, decode
from core.performance.guard import FRANTIC_NOTES, LONGEST_LOOP, STUCK_NOTES, frantic, stuck
from core.performance.sampling import uniforms

END_FROM = 0.9
"""The share of the length before which a piece may not end."""
MOST_EVENTS_A_SECOND = 40
WAIT_SECONDS = 1.0
"""How often a part that waits for a place says so."""


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
    done: bool = False
    """Whether nothing is to be played any more. Set last when a chunk is heard, as other threads look at it."""

    def next_forced(self) -> np.ndarray:
        """What is forced in the next chunk, (CHUNK, 4)."""
        rest = self.forced[len(self.events) : len(self.events) + CHUNK]
        return np.concatenate([rest, np.full((CHUNK - len(rest), 4), FREE, dtype=np.int32)])

    def next_uniforms(self) -> np.ndarray:
        return uniforms(self.take, self.sub_take, len(self.events), CHUNK)

    def heard(self, events: np.ndarray, ends: np.ndarray) -> None:
        """Take a chunk in: (CHUNK, 4) events and (CHUNK,) probabilities of the end."""
        self.ends = np.concatenate([self.ends, ends])
        self.events = np.concatenate([self.events, events])
        self.done = self._over()

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
        before = 0
        if self.primed:
            struck = self.forced[:, KEY] < PITCHES
            before = int(BIN_CELLS[self.forced[struck.argmax() + 1 :, SHIFT]].sum())
        return before + int(END_FROM * self.cells)

    @property
    def share(self) -> float:
        """How much of it is made, 0 to 1."""
        return float(np.clip(self.times().max(initial=0) / self.cells, 0.0, 1.0))

    def _over(self) -> bool:
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
            self._last_struck(onsets, struck), np.maximum(releases, round(END_FROM * self.cells)), releases
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
        late = (times >= END_FROM * self.cells) & (times <= self.cells) & (numbers >= len(self.forced))
        if late.any():
            return int(np.where(late, self.ends, -1.0).argmax())
        beyond = np.flatnonzero(times > self.cells)
        return int(beyond[0]) if len(beyond) else len(times)


class Ensemble:
    """Plays parts together, a chunk each, in the smallest engine that has a slot for each of them."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        """`engines` play the same network, each in more slots than the one before."""
        self._engines = engines
        self._engine = engines[0]
        self._state = self._engine.start()
        self._seated: list[Part] = []

    def play(self, parts: Sequence[Part]) -> None:
        """A chunk for each of these: parts that were played before go on, others begin. There may be no more of them
        than the largest engine has slots."""
        engine = next(engine for engine in self._engines if engine.slots >= len(parts))
        rows = [next((row for row, other in enumerate(self._seated) if other is part), None) for part in parts]
        if engine is not self._engine or rows != list(range(len(parts))):
            self._state = engine.seated(self._state, rows)
        self._engine, self._seated = engine, list(parts)
        self._state, chunk = engine.advance(self._state, _wishes(parts, engine.slots))
        events, ends = np.asarray(chunk.events), np.asarray(chunk.ends)
        for slot, part in enumerate(parts):
            part.heard(events[:, slot], ends[:, slot])


class Stage:
    """Where the pieces of many threads are played at the same time. Each of its bands plays in a thread of its own, as
    long as it has parts: the cores of a processor serve several bands better than one large one."""

    def __init__(self, engines: Sequence[Engine], bands: int) -> None:
        self._engines = engines
        self._bands = [_Band(Ensemble(engines)) for _ in range(bands)]
        self._changed = threading.Condition()

    @property
    def places(self) -> int:
        """How many parts can be played at the same time."""
        return len(self._bands) * self._engines[-1].slots

    def warm_up(self) -> None:
        """Compile every engine, each in a thread of its own."""
        with ThreadPoolExecutor(len(self._engines)) as pool:
            crowds = [[Part(cells=1, take=0) for _ in range(engine.slots)] for engine in self._engines]
            list(pool.map(lambda crowd: Ensemble(self._engines).play(crowd), crowds))

    def perform(self, part: Part, progress: Callable[[float], None]) -> None:
        """Play a part from its beginning to its end, among those of other threads; it waits where there is no place.
        Between chunks `progress` is told the share that is played; what it raises takes the part out."""
        while (band := self._seated(part)) is None:
            progress(part.share)
        try:
            while not part.done:
                progress(part.share)
                self._wait_for_a_chunk(band, part)
        finally:
            with self._changed:
                band.parts = [other for other in band.parts if other is not part]
                self._changed.notify_all()

    def _seated(self, part: Part) -> _Band | None:
        """The band that it plays in from now on; None where no place has become free for a while."""
        with self._changed:
            if not self._changed.wait_for(self._has_place, WAIT_SECONDS):
                return None
            band = min(self._bands, key=lambda band: len(band.parts))
            band.parts.append(part)
            if not band.playing:
                band.playing = True
                threading.Thread(target=self._play, args=(band,), name="band", daemon=True).start()
            return band

    def _has_place(self) -> bool:
        return any(len(band.parts) < self._engines[-1].slots for band in self._bands)

    def _wait_for_a_chunk(self, band: _Band, part: Part) -> None:
        with self._changed:
            chunk = band.chunk
            self._changed.wait_for(lambda: band.chunk > chunk or part.done or band.error)
            if band.error:
                raise RuntimeError("the engine broke down") from band.error

    def _play(self, band: _Band) -> None:
        """Chunk after chunk, until nobody is left."""
        while True:
            with self._changed:
                parts = [part for part in band.parts if not part.done]
                band.playing = bool(parts)
                if not parts:
                    return
            try:
                band.ensemble.play(parts)
            except Exception as error:
                with self._changed:
                    band.error = error
                    self._bands[self._bands.index(band)] = _Band(Ensemble(self._engines))
                    self._changed.notify_all()
                return
            with self._changed:
                band.chunk += 1
                self._changed.notify_all()


@dataclass(slots=True)
class _Band:
    """Some parts and who plays them; `chunk` counts. A band whose `error` is set is replaced by another."""

    ensemble: Ensemble
    parts: list[Part] = field(default_factory=list)
    playing: bool = False
    chunk: int = 0
    error: Exception | None = None


def _wishes(parts: Sequence[Part], slots: int) -> Wishes:
    """What the parts ask for; an empty slot plays to itself."""
    asking = [*parts, *[_NOBODY] * (slots - len(parts))]
    return Wishes(
        forced=np.stack([part.next_forced() for part in asking], axis=1),
        uniforms=np.stack([part.next_uniforms() for part in asking], axis=1),
        temperature=np.array([part.temperature for part in asking], dtype=np.float32),
        top_p=np.array([part.top_p for part in asking], dtype=np.float32),
        earliest_end=np.array([part.earliest_end for part in asking], dtype=np.int32),
        style=np.array([part.style for part in asking], dtype=np.int32),
    )


_NOBODY = Part(cells=0, take=0)
