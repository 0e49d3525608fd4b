"""The beats of a MIDI file: ticks and seconds, and on which beats, in which metre and key music is written."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from core.errors import BadRequest

USUAL_TEMPO = 500_000
"""Microseconds a beat where nothing else is said."""
_MOST_RESOLUTION = 2**15 - 1
_MOST_TICKS = 2_000_000
"""Whoever reads the file again may keep a number for each tick."""
_MOST_CHANGES = 5_000
"""The most changes of tempo, metre and key that are kept: some files have one for every note."""
_TICK_SECONDS = 0.001
"""The longest tick that will do for music that keeps to no beat."""
_FRAMES_A_SECOND = {24: 24.0, 25: 25.0, 29: 30 / 1.001, 30: 30.0}

Tempo: TypeAlias = tuple[int, int]
"""A tick, and the microseconds that a beat lasts from there on."""
Metre: TypeAlias = tuple[int, int, int]
"""A tick, the beats of a bar from there on, and which part of a whole note each is: 3 and 4 for 3/4."""
KeySignature: TypeAlias = tuple[int, int, bool]
"""A tick, the sharps from there on (flats are negative), and whether the key is a minor one."""

Changes: TypeAlias = tuple[Any, ...]
"""Any of these, in the order of their ticks."""


class Clock:
    """Ticks -> seconds and back, through all changes of tempo."""

    def __init__(self, ticks_a_beat: float, tempos: Iterable[Tempo], begins: float = 0.0) -> None:
        """`begins` is the second of tick 0."""
        self._ticks, self._seconds = [0], [begins]
        self._pace = [USUAL_TEMPO / 1e6 / ticks_a_beat]
        for tick, tempo in sorted(tempos, key=lambda change: change[0]):
            self._seconds.append(self.seconds(tick))
            self._ticks.append(tick)
            self._pace.append(tempo / 1e6 / ticks_a_beat)

    def seconds(self, tick: int) -> float:
        place = bisect_right(self._ticks, tick) - 1
        return self._seconds[place] + (tick - self._ticks[place]) * self._pace[place]

    def tick(self, seconds: float) -> int:
        """The nearest tick."""
        place = max(0, bisect_right(self._seconds, seconds) - 1)
        return self._ticks[place] + round((seconds - self._seconds[place]) / self._pace[place])


@dataclass(frozen=True, slots=True)
class Beats:
    """The beats that a score is written on. Without any tempo a beat lasts half a second."""

    resolution: int = 500
    """Ticks a beat."""
    tempos: tuple[Tempo, ...] = ()
    metres: tuple[Metre, ...] = ()
    keys: tuple[KeySignature, ...] = ()

    @property
    def clock(self) -> Clock:
        return Clock(self.resolution, self.tempos)

    def fine_until(self, seconds: float) -> Beats:
        """The same beats, up to `seconds`, in ticks of half a millisecond to one, with which any onset can be written;
        `PLAIN` where a file cannot hold so many ticks."""
        end = self.clock.tick(seconds)
        kept = self.until(end)
        longest = kept._slowest / 1e6 / self.resolution
        factor = max(1, math.ceil(longest / _TICK_SECONDS))
        divisor = next(
            d
            for d in range(max(1, min(self.resolution, int(_TICK_SECONDS / 2 / longest))), 0, -1)
            if self.resolution % d == 0
        )
        fine = kept._rescaled(self.resolution * factor // divisor)
        changes = len(fine.tempos) + len(fine.metres) + len(fine.keys)
        too_many = end * factor // divisor > _MOST_TICKS or changes > _MOST_CHANGES
        return PLAIN if too_many or fine.resolution > _MOST_RESOLUTION else fine

    @property
    def _slowest(self) -> int:
        """The longest beat, in microseconds."""
        usual = [] if self.tempos and self.tempos[0][0] == 0 else [USUAL_TEMPO]
        return max([*usual, *(tempo for _, tempo in self.tempos)])

    def bar_of(self, tick: int) -> int:
        """The tick at which the bar begins that `tick` is in."""
        since, beats, unit = max((metre for metre in self.metres if metre[0] <= tick), default=(0, 4, 4))
        bar = max(1, self.resolution * 4 * beats // unit)
        return since + (tick - since) // bar * bar

    def since(self, tick: int) -> Beats:
        """The beats from a tick on, which becomes tick 0."""
        return self._mapped(lambda changes: _later(changes, tick))

    def until(self, end: int) -> Beats:
        """The beats up to a tick."""
        return self._mapped(lambda changes: tuple(change for change in changes if change[0] <= end))

    def _rescaled(self, resolution: int) -> Beats:
        def scaled(changes: Changes) -> Changes:
            return tuple((change[0] * resolution // self.resolution, *change[1:]) for change in changes)

        return replace(self._mapped(scaled), resolution=resolution)

    def _mapped(self, changed: Callable[[Changes], Changes]) -> Beats:
        return Beats(self.resolution, changed(self.tempos), changed(self.metres), changed(self.keys))


def _later(changes: Changes, tick: int) -> Changes:
    """The changes after a tick, and the last before it, which holds there."""
    holds = [change for change in changes if change[0] <= tick][-1:]
    after = [change for change in changes if change[0] > tick]
    return tuple((max(0, change[0] - tick), *change[1:]) for change in holds + after)


PLAIN = Beats()
"""Milliseconds, for music without beats."""


def ticks_a_second(division: int) -> float | None:
    """Ticks a second by a header whose time is in frames; None where it is in beats. Raises BadRequest for one in which
    no time passes."""
    if not division & 0x8000:
        if not division:
            raise BadRequest("the MIDI file is damaged: its header says 0 ticks a beat")
        return None
    frames, ticks = _FRAMES_A_SECOND.get(256 - (division >> 8)), division & 0xFF
    if not frames or not ticks:
        raise BadRequest("the MIDI file is damaged: its header says neither ticks a beat nor ticks a frame")
    return frames * ticks
