"""Which part of a file a piece goes on from. It is cut out before anything is counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.midi.smf import Part, TimedNote
from core.options import FROM, KEEP, LENGTH, STEP_SECONDS

MAX_SECONDS = LENGTH.most * STEP_SECONDS
SILENCE_SECONDS = 5.0
"""The longest silence with which an upload may begin: that of a whole bar, where a bar is no longer."""


class Span(NamedTuple):
    """From one second of a file on, and up to another."""

    since: float = 0.0
    until: float = math.inf


ALL = Span()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part that is asked for, in seconds. Raises BadRequest."""

    until: float | None = None
    """The moment from which the piece goes on; None for the end of the file."""
    keep: float | None = None
    """How much before that moment is kept; None for as much as fits, or for all of a file."""
    most: float = MAX_SECONDS
    """How long it may be, beside the new music."""
    continues: bool = True
    """Whether it is gone on from, so that a refusal may name the options that shorten it."""

    def __post_init__(self) -> None:
        if self.until is not None:
            FROM.check(self.until)
        if self.keep is not None:
            KEEP.check(self.keep)

    def span(self, end: float) -> Span:
        """The part of a file that ends at second `end`."""
        if self.until is None and self.keep is None:
            return ALL
        moment = end if self.until is None else self.until
        keep = self._room if self.keep is None else min(self.keep, self._room)
        return Span(max(0.0, moment - keep), math.inf if self.until is None else self.until)

    def of(self, parts: Sequence[Part], span: Span) -> list[Part]:
        """All that begins within the span. A note that sounds on at its end stays as it is; but one that would last
        longer than any piece, as one that was never released may, ends there."""
        begun = [(part, [note for note in part.notes if span.since <= note.start < span.until]) for part in parts]
        latest = min((notes[0].start for _, notes in begun if notes), default=0.0) + self._room

        def ended(note: TimedNote) -> TimedNote:
            return note._replace(end=min(note.end, span.until)) if note.end > latest else note

        return [replace(part, notes=list(map(ended, notes))) for part, notes in begun if notes]

    @property
    def _room(self) -> float:
        """The longest that may be kept: silence may come before it."""
        return max(self.most - SILENCE_SECONDS, KEEP.least)


WHOLE = Excerpt()
GIVEN = Excerpt(continues=False)
"""A file whose notes are performed or harmonized, all of them."""
