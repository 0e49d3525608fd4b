"""The part of a piece in the making that is settled: its notes up to shortly before the last one that was chosen. It
changes only where the guard sends the piece back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.composer import Progress, Settled
from core.key_events import KeyEvent
from core.midi.writer import Strike, key_events, playable
from core.performance.candidates import CandidateGroup
from core.performance.ending import EARLIEST_END
from core.performance.events import PEDAL_DOWN, PEDAL_UP, PITCHES, timed
from core.performance.sequence import EventSequence
from core.performance.spread import spread
from core.seed import LOWEST_PITCH

UNSETTLED_MILLISECONDS = 200
"""Before the last onset. Of the piece's last chord, which may be rolled for 0.1 s, it is decided at the end how long it
is held."""


def following(group: CandidateGroup, progress: Progress, settled: Settled) -> Progress:
    """`progress`, which tells `settled` as well, each time that the piece has gone on from its best candidate; and now,
    so that whoever plays it is ready then."""
    told = group.best
    if not _stays(told):
        return progress
    settled(list)

    def tell(share: float) -> None:
        nonlocal told
        progress(share)
        if (best := group.best) is not told and not best.over:
            told = best
            settled(lambda: settled_events(best))

    return tell


def _stays(sequence: EventSequence) -> bool:
    """Whether the music of a piece is what its events say: it is neither put behind other music nor transposed."""
    return not sequence.primed and (sequence.target.key is None or sequence.target.fixed)


def settled_events(sequence: EventSequence) -> Sequence[KeyEvent]:
    """The settled part of a sequence that is not over, in ticks of a millisecond. It goes no further than to where the
    piece may end."""
    stop = int(np.searchsorted(sequence.times(), int(EARLIEST_END * sequence.cells)))
    moments = spread(sequence.moments(stop), sequence.take, exact=len(sequence.forced))
    strikes, pedal = [], []
    for start, end, key, velocity in timed(*moments):
        if key < PITCHES:
            strikes.append(Strike(start, max(end, start + 1), key + LOWEST_PITCH, velocity))
        elif key in (PEDAL_UP, PEDAL_DOWN):
            pedal.append((start, 127 * (key == PEDAL_DOWN)))
    until = max((strike.start for strike in strikes), default=0) - UNSETTLED_MILLISECONDS
    return [event for event in key_events(playable(sorted(strikes)), pedal) if event.tick < until]
