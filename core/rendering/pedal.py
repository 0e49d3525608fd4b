"""The sustain pedal of a piece: when it is down, and how long it lets notes ring."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from pretty_midi import Note, PrettyMIDI

from core.midi.controllers import PEDAL_THRESHOLD, SUSTAIN

Span = tuple[float, float]
"""Start and end in seconds."""


def pedal_of(music: PrettyMIDI) -> list[Span]:
    """The spans in which the pedal is down, whichever instrument it belongs to."""
    changes = [change for instrument in music.instruments for change in instrument.control_changes]
    spans, since = [], None
    for change in sorted((one for one in changes if one.number == SUSTAIN), key=lambda one: one.time):
        if change.value >= PEDAL_THRESHOLD and since is None:
            since = change.time
        elif change.value < PEDAL_THRESHOLD and since is not None:
            spans.append((since, change.time))
            since = None
    return spans if since is None else [*spans, (since, music.get_end_time())]


def ringing(notes: Sequence[Note], pedal: list[Span], longest: float) -> list[float]:
    """The second at which each of the notes, which begin in this order, falls silent: the pedal holds it until it is
    released or the key is struck again, and for `longest` seconds at most."""
    downs = [down for down, _ in pedal]
    again: dict[int, float] = {}
    until = []
    for note in reversed(notes):
        place = bisect_right(downs, note.end) - 1
        released = pedal[place][1] if place >= 0 else 0.0
        until.append(max(note.end, min(released, again.get(note.pitch, math.inf), note.end + longest)))
        again[note.pitch] = note.start
    return until[::-1]
