"""A part of a finished piece: the new part alone, or what is between two seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.errors import BadRequest, RenderError
from core.midi.beats import Beats
from core.midi.controllers import PEDAL_THRESHOLD
from core.midi.smf import Score, parse
from core.midi.writer import PedalMove, Strike, Track, pedal_until, written


class Crop(NamedTuple):
    """The part as a file of its own, and the second of the piece at which it begins."""

    midi: bytes
    since: float


def cropped(midi: bytes, since: float = 0.0, until: float = math.inf, primer: bytes = b"") -> Crop:
    """The part of a piece that begins between two seconds of it. After a `primer`, which the piece goes on from, these
    are counted from where its new part begins, and only notes of the new part are kept. Notes that are held at the end
    are released there. Raises BadRequest where the part has no note."""
    score = parse(midi)
    strikes, beats = _strikes(score), score.beats
    begin = 0
    if primer:
        strikes = _new(strikes, _strikes(parse(primer)))
        begin = _first_tick(strikes, beats)
    clock = beats.clock
    first = clock.tick(clock.seconds(begin) + since)
    last = math.inf if until == math.inf else clock.tick(clock.seconds(begin) + until)
    kept = [strike for strike in strikes if first <= strike.start < last]
    if not kept:
        raise _nothing(since, until)
    part = [_moved(strike, first, last) for strike in kept]
    end = max(strike.end for strike in part)
    track = Track("Piano", part, _pedal(score, first, end))
    return Crop(written([track], beats.since(first).until(end)), clock.seconds(first))


def _nothing(since: float, until: float) -> BadRequest:
    if until == math.inf:
        return BadRequest("no note starts after {since:g} s", since=since)
    return BadRequest("no note starts between {since:g} and {until:g} s", since=since, until=until)


def _strikes(score: Score) -> list[Strike]:
    clock = score.beats.clock
    notes = (note for part in score.parts for note in part.notes)
    return sorted(Strike(clock.tick(note.start), clock.tick(note.end), note.pitch, note.velocity) for note in notes)


def _new(strikes: Sequence[Strike], before: Sequence[Strike]) -> list[Strike]:
    """The notes of a piece that its primer has not; a piece is written in the ticks of its primer."""
    known = {(strike.start, strike.pitch) for strike in before}
    new = [strike for strike in strikes if (strike.start, strike.pitch) not in known]
    if not new:
        raise RenderError("the continuation has no new notes; try another take")
    return new


def _first_tick(strikes: Sequence[Strike], beats: Beats) -> int:
    """The bar that the first note is in, so that the part can be put after its primer in a sequencer; the note itself
    where the music says nothing of bars."""
    return beats.bar_of(strikes[0].start) if beats.metres else strikes[0].start


def _moved(strike: Strike, first: int, last: float) -> Strike:
    return strike._replace(start=strike.start - first, end=int(min(strike.end, last)) - first)


def _pedal(score: Score, first: int, end: int) -> list[PedalMove]:
    """The pedal of the part, which begins at tick `first` and lasts `end`; it is lifted at the end."""
    clock = score.beats.clock
    moves = sorted((clock.tick(move.time), move.value) for pedal in score.pedals.values() for move in pedal)
    kept = pedal_until(((max(0, tick - first), value) for tick, value in moves), end - 1)
    return [*kept, (end, 0)] if kept and kept[-1][1] >= PEDAL_THRESHOLD else kept
