"""The hand that plays each note: so that a score editor shows two staves that two hands can play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from core.midi.writer import Strike

_REACH = 14
"""Semitones that a hand spans at the most, a ninth; an octave is easy."""
_EASY = 12
_FINGERS = 5
_CHORD_TICKS = 30
"""Notes that begin within so many ticks are struck together."""
_LEFT, _RIGHT = 48.0, 72.0
"""The pitches around which the hands begin, and to which each belongs."""
_MOVE, _HOME, _CROSSING, _TOO_WIDE, _CHANGE = 0.15, 0.05, 4.0, 10.0, 100.0
"""The strain of a semitone's move, of a semitone on the other's side of middle C, of hands that cross, of a semitone
or a finger too many, and of a key that changes hands in the moment in which it is struck again."""


class _Hand(NamedTuple):
    """The notes that a hand holds, and where it is."""

    held: tuple[Strike, ...]
    centre: float

    def after(self, struck: Sequence[Strike]) -> _Hand:
        """With what it strikes now, and without what it has released by then."""
        if not struck:
            return self
        held = tuple(strike for strike in self.held if strike.end > struck[0].start)
        return _Hand((*held, *struck), sum(strike.pitch for strike in struck) / len(struck))

    def strain(self, before: _Hand) -> float:
        """The strain of its span, and of the move to here."""
        pitches = [strike.pitch for strike in self.held]
        span = max(pitches, default=0) - min(pitches, default=0)
        held = max(0, span - _EASY) + _TOO_WIDE * (max(0, span - _REACH) + max(0, len(pitches) - _FINGERS))
        return held + _MOVE * abs(self.centre - before.centre)


class _Way(NamedTuple):
    """One way in which the piece can be played until now; `split` of the notes struck last, from below, are the left
    hand's."""

    strain: float
    left: _Hand
    right: _Hand
    chord: Sequence[Strike]
    split: int
    before: _Way | None

    def on(self, chord: Sequence[Strike], split: int) -> _Way:
        low, high = chord[:split], chord[split:]
        left, right = self.left.after(low), self.right.after(high)
        strain = left.strain(self.left) if low else 0.0
        strain += right.strain(self.right) if high else 0.0
        strain += _CROSSING * (left.centre > right.centre)
        strain += _HOME * sum(max(0, strike.pitch - 60) for strike in low)
        strain += _HOME * sum(max(0, 60 - strike.pitch) for strike in high)
        strain += _CHANGE * (_taken(low, self.right) + _taken(high, self.left))
        return _Way(self.strain + strain, left, right, chord, split, self)


def _taken(struck: Sequence[Strike], other: _Hand) -> int:
    """How many keys the other hand has only just released."""
    if not struck:
        return 0
    keys = {(strike.pitch, strike.start) for strike in struck}
    return sum((held.pitch, held.end) in keys for held in other.held)


def hands(strikes: Sequence[Strike]) -> tuple[list[Strike], list[Strike]]:
    """The notes, which begin in this order, of the right hand and of the left: the way of least strain, by dynamic
    programming over the notes that are struck together."""
    ways = [_Way(0.0, _Hand((), _LEFT), _Hand((), _RIGHT), (), 0, None)]
    for chord in _chords(strikes):
        ways = [min((way.on(chord, split) for way in ways), key=_strain) for split in range(len(chord) + 1)]
    right: list[Strike] = []
    left: list[Strike] = []
    way: _Way | None = min(ways, key=_strain)
    while way:
        left += way.chord[: way.split]
        right += way.chord[way.split :]
        way = way.before
    return sorted(right), sorted(left)


def _strain(way: _Way) -> float:
    return way.strain


def _chords(strikes: Sequence[Strike]) -> Iterator[Sequence[Strike]]:
    """The notes that are struck together, from low to high."""
    chord: list[Strike] = []
    for strike in strikes:
        if chord and strike.start > chord[0].start + _CHORD_TICKS:
            yield sorted(chord, key=lambda one: one.pitch)
            chord = []
        chord.append(strike)
    if chord:
        yield sorted(chord, key=lambda one: one.pitch)
