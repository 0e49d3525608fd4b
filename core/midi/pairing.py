"""Which release belongs to which strike of a key: files do not say."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import pairwise

RELEASE, SILENCE = 0, -1
"""Marks in place of a velocity: the key is released, and all keys are."""

Move = tuple[int, int]
"""A tick, and the velocity with which the key is struck there, or RELEASE or SILENCE."""
Held = tuple[int, int, int]
"""A note: the ticks at which it begins and ends, and its velocity."""


def paired(moves: list[Move], end: int, overlap: int) -> list[Held]:
    """The notes of one key, whose track ends at tick `end`. The first strike gets the first release, so that pairs may
    be nested or overlap. Where a strike is left over in the end, a release was missing since the key was free last,
    and the notes from there on are mended."""
    notes: list[Held] = []
    held: deque[Move] = deque()
    settled, noted = 0, 0
    for place, (tick, velocity) in enumerate(moves, start=1):
        if velocity > 0:
            held.append((tick, velocity))
            continue
        if velocity == SILENCE:
            notes += [(start, tick, hard) for start, hard in held]
            held.clear()
        elif held:
            start, hard = held.popleft()
            notes.append((start, tick, hard))
        if not held:
            settled, noted = place, len(notes)
    return notes[:noted] + _mended(moves[settled:], end, overlap) if held else notes


def silenced(moves: list[Move], silences: list[int]) -> list[Move]:
    """The moves of one key, and after each strike the next of the ticks at which all keys are released. What is struck
    at such a tick sounds."""
    places = (bisect_right(silences, tick) for tick, velocity in moves if velocity > 0)
    ends = {silences[place] for place in places if place < len(silences)}
    return sorted([*((tick, SILENCE) for tick in ends), *moves], key=lambda move: move[0]) if ends else moves


def _mended(moves: list[Move], end: int, overlap: int) -> list[Held]:
    """The notes of a key that somewhere was struck again without a release: that strike ended the note before it. A
    release within `overlap` ticks of the last strike still belongs to the note before."""
    notes: list[Held] = []
    held: deque[Move] = deque()
    for tick, velocity in moves:
        if velocity > 0:
            held.append((tick, velocity))
        elif velocity == SILENCE or (held and (len(held) == 1 or tick - held[-1][0] > overlap)):
            notes += _each_until_the_next(held, tick)
            held.clear()
        elif held:
            start, hard = held.popleft()
            notes.append((start, tick, hard))
    return notes + _each_until_the_next(held, end)


def _each_until_the_next(held: deque[Move], end: int) -> list[Held]:
    last = [(held[-1][0], max(end, held[-1][0] + 1), held[-1][1])] if held else []
    return [(start, again, hard) for (start, hard), (again, _) in pairwise(held)] + last
