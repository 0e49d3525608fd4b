"""Notes that somebody gives: a score to be performed, or a melody to be harmonized. The bot reads them too, which has
no NumPy."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from core.errors import BadRequest
from core.midi.smf import Score, TimedNote, parse

MOST_AT_ONCE, AT_ONCE_SECONDS = 64, 0.05
"""The notes that may begin within so many seconds. Ten fingers and a pedal reach 20 or so, a whole orchestra reduced to
one piano 40."""
_GRIDS = (12, 16)
"""Parts of a beat on which scores are written: triplets of sixteenths, and sixty-fourths."""
_GRID_TOLERANCE = 0.06
"""How far from such a part, in parts, a note may begin that is on it."""
_WRITTEN_SHARE = 0.7
"""The least share of a score's notes that begin on the grid, or exactly together with another. Of a performance that
knows no beats a quarter does."""
_OVERLAP_SECONDS = 0.15
"""How long two notes of a melody may sound together, as those of a legato do."""
_MOST_OVERLAPPING = 0.05
"""The share of a melody's notes that may overlap for longer."""


def notes_of(score: Score) -> list[TimedNote]:
    """All notes, in the order in which they begin."""
    return sorted(note for part in score.parts for note in part.notes)


def check_score(midi: bytes) -> None:
    """Raises BadRequest for music that no hands could play, however they tried."""
    onsets = [note.start for note in notes_of(parse(midi))]
    together = [bisect_left(onsets, onset + AT_ONCE_SECONDS) - number for number, onset in enumerate(onsets)]
    if (most := max(together)) > MOST_AT_ONCE:
        raise BadRequest(
            "the MIDI file strikes {notes} keys at once at {second:.1f} s; I can perform at most {most}",
            notes=most,
            second=onsets[together.index(most)],
            most=MOST_AT_ONCE,
        )


def is_performance(midi: bytes) -> bool:
    """Whether the file was played, not written: its notes begin neither on the parts of a beat nor exactly together."""
    score = parse(midi)
    ticks = [score.beats.clock.tick(note.start) for note in notes_of(score)]
    struck = Counter(ticks)
    written = sum(struck[tick] > 1 or _is_on_grid(tick, score.beats.resolution) for tick in ticks)
    return written < _WRITTEN_SHARE * len(ticks)


def _is_on_grid(tick: int, resolution: int) -> bool:
    places = [tick * parts / resolution for parts in _GRIDS]
    return any(abs(place - round(place)) <= _GRID_TOLERANCE for place in places)


def melody_of(midi: bytes) -> list[TimedNote]:
    """The notes of a file of one voice, each released before the next is struck. Raises BadRequest for several
    voices."""
    notes = notes_of(parse(midi))
    overlaps = [one.end - other.start for one, other in pairwise(notes)]
    together = any(one.start == other.start for one, other in pairwise(notes))
    if together or sum(overlap > _OVERLAP_SECONDS for overlap in overlaps) > _MOST_OVERLAPPING * len(notes):
        raise BadRequest("the MIDI file has several notes at once; a melody that I can harmonize is one voice")
    return _one_by_one(notes)


def _one_by_one(notes: Sequence[TimedNote]) -> list[TimedNote]:
    ends = [*(other.start for other in notes[1:]), float("inf")]
    return [note._replace(end=min(note.end, end)) for note, end in zip(notes, ends, strict=True)]
