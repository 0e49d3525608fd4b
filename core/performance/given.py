"""Given notes, a score to be performed or a melody to be harmonized, as the decode loops read them. `xla.given` and
`native.given` say which of them are due and which is struck; `core.performance.rubato` has how a score is timed.

A score is played chord by chord, a chord being what is written for one cell. A melody's notes keep their moments: what
the network would play later than the next of them gives way to it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

Tensor: TypeAlias = Any

GIVEN_NOTES = 96
"""Given notes that a chunk knows: as many as it can strike, and the chords that are begun in it."""
FREELY, SCORE, MELODY = range(3)
"""Kinds of given notes: none, a score or a melody."""
NEVER = 1e9
"""The cell of notes that are not there, or were struck already."""
COARSE = 16.0
"""Cells by which a melody's note may come too early in the loop, where bins are coarse; less than `MelodyBias.soon`."""


class MelodyBias(NamedTuple):
    """How the accompaniment of a melody keeps out of its way."""

    soon: float = 30.0
    """Cells before a melody's note in which its key, and those a semitone from it, are not struck any more."""
    above: float = 2.0
    """How much less likely keys above the melody are, as a logarithm."""


MELODY_BIAS = MelodyBias()


class Tempo(NamedTuple):
    """Where a performance is in its score, each (slots,): the cells at which the last chord is written and at which its
    first note was struck, the logarithm of played by written time of late, and how much louder than foreseen it was of
    late, in bins of velocity."""

    written: Tensor
    played: Tensor
    stretch: Tensor
    louder: Tensor


class GivenNotes(NamedTuple):
    """The next given notes of each slot, (slots, GIVEN_NOTES), in their order: the key, the cells at which each is
    written and released, the bins between which its duration is, the bin of the velocity and the logarithm of the cells
    of the duration that are foreseen, whether it is still to be struck, and, (slots, GIVEN_NOTES, 4), the uniform draws
    for its attributes, which only a score has. `task` and `freedom` are (slots,)."""

    task: Tensor
    freedom: Tensor
    tempo: Tempo
    key: Tensor
    onset: Tensor
    release: Tensor
    shortest: Tensor
    longest: Tensor
    loudness: Tensor
    held: Tensor
    open: Tensor
    draws: Tensor
