"""The best of several candidates: a piece is continued in a few ways side by side, and goes on from that which is most
like human playing."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from core.performance.critic import Critic, of_shipped_networks
from core.performance.ending import SLOWER, SOUNDS, last_chord_seconds, last_steps_slower
from core.performance.engine import CHUNK, STRETCH, State
from core.performance.events import KEY
from core.performance.guard import Trouble
from core.performance.sequence import EventSequence
from core.performance.steering import miss

_log = logging.getLogger(__name__)

CANDIDATES = 3
"""Sequences that are decoded side by side for each piece. docs/exploration.md has what each of them gains and costs."""
KEPT_STATES = 6
"""Places to which a piece can go back: over a minute of usual playing. The guard looks back 32 s at the most."""
REWIND_EVENTS = 48
"""Events before a trouble's first note from which on it is drawn again, at least; twice as many with each further try
at that place, as what leads there may be long."""
TRIES_AT_A_PLACE, TRIES_AT_THE_END, TRIES = 10, 6, 24
"""How often a piece goes back at one place, at its end, and in all, before it ends where its music ends."""
NO_SLOWING_MISS, NO_SOUND_MISS = 0.5, 0.25
"""How much worse an end is that does not slow down, and one whose last chord does not sound, where the critic's scores
of candidates differ by 1 or so. With these as many pieces end so as people's (docs/exploration.md)."""
FEWEST_EVENTS = 64
"""Events of its own that a piece has at least where it ends before its length, even if they are the trouble."""


class CandidateGroup:
    """The candidates of one piece: sequences that are the same so far and differ in their draws. After each stretch the
    best is chosen, and all go on as copies of it.

    A candidate in which the guard finds trouble is chosen when there is no other. Then the piece goes back to before
    the trouble, to one of the last places at which it kept the engine's state, and what comes after is drawn anew with
    other sub-takes."""

    def __init__(self, piece: EventSequence, count: int = CANDIDATES, critic: Critic | None = None) -> None:
        """`piece` is a sequence before its first event."""
        self.best = piece
        """The last that was chosen."""
        self.slots = count
        """How many candidates there are at the most."""
        self.done = False
        """Whether nothing is to be decoded any more, and `best` is the piece. Set last, as other threads look at it."""
        self.gave_up: str | None = None
        """The reason why the piece ends before its length: the trouble that it did not get out of."""
        self.share = 0.0
        """How much of the piece is made, 0 to 1; it never falls."""
        self._critic = critic or of_shipped_networks()
        self._kept: dict[int, State] = {}  # after so many events
        self._tries = self._tries_here = 0
        self._place = -1  # the last event in which there was trouble, at which `_tries_here` counts
        self._stop: int | None = None
        self.candidates = self._copies(None)
        """The sequences that are to be decoded now."""

    def _copies(self, origin: EventSequence | State | None) -> list[EventSequence]:
        """Copies of the best sequence that go on from the origin's state, each with draws of its own: one where
        the whole stretch is given."""
        begins = len(self.best.events)
        given = begins + STRETCH <= len(self.best.forced)
        tries = self._tries_here if begins <= self._place + CHUNK else 0
        return [
            replace(self.best, sub_take=self._tries * self.slots + number, tries=tries, origin=origin)
            for number in range(1 if given else self.slots)
        ]

    def after_chunk(self) -> EventSequence | None:
        """When each candidate has had a chunk: choose, where a stretch is whole. The one that all go on from is
        returned, so that its state is kept; None where there is none."""
        self.share = max(self.share, min(candidate.share for candidate in self.candidates))
        if not all(candidate.over or len(candidate.events) % STRETCH == 0 for candidate in self.candidates):
            return None
        self.best, trouble = self._choice()
        if trouble is not None:
            self.done = not self._go_back(trouble)
            return None
        if self.best.over:
            self.done = True
            return None
        self.candidates = self._copies(self.best)
        return self.best

    def keep(self, state: State) -> None:
        """Keep the state, of one slot, after the events of the best sequence."""
        self._kept[len(self.best.events)] = state
        while len(self._kept) > KEPT_STATES:
            del self._kept[min(self._kept)]

    def _choice(self) -> tuple[EventSequence, Trouble | None]:
        """The best candidate; where all are in trouble the one that gets furthest, with its trouble."""
        at_the_end = self._tries_here < TRIES_AT_THE_END
        found = [(each, each.trouble(at_the_end) if self._guarded else None) for each in self.candidates]
        sound = [candidate for candidate, trouble in found if trouble is None]
        if not sound:
            return max(found, key=lambda entry: entry[1].note if entry[1] else 0)
        return (max(sound, key=self._merit) if len(sound) > 1 else sound[0]), None

    @property
    def _guarded(self) -> bool:
        """Whether the guard is heeded: notes that are given are played to their end, whatever it has against them."""
        often = self._tries >= TRIES or self._tries_here >= TRIES_AT_A_PLACE
        return not (often and self.best.is_given)

    def _merit(self, candidate: EventSequence) -> float:
        """The candidate's likeness to human playing, less its distance from what the listener asked for and what its
        end lacks, where it has one: another that goes on may still end well."""
        notes = candidate.notes()
        score = self._critic.score(candidate.times()[notes], candidate.events[notes, KEY])
        return score - miss(candidate.target, candidate.own_events) - _end_miss(candidate)

    def _go_back(self, trouble: Trouble) -> bool:
        """Go back to before the trouble. False where that was tried often enough: the piece then ends where the
        trouble begins."""
        self._tries += 1
        here = self._place >= 0 and trouble.note <= self._place + CHUNK
        self._tries_here = self._tries_here + 1 if here else 1
        self._place = max(self._place, trouble.note)
        _log.info("take %d, try %d, event %d: %s", self.best.take, self._tries, trouble.note, trouble.reason)
        if self._tries > TRIES or self._tries_here > TRIES_AT_A_PLACE:
            fewest = min(len(self.best.forced) + FEWEST_EVENTS, self.best.stop)
            self.gave_up, self._stop = trouble.reason, max(trouble.note, fewest)
            return False
        self.cut(trouble.note - REWIND_EVENTS * 2 ** (self._tries_here - 1))
        return True

    def cut(self, most: int) -> None:
        """Go on from the first `most` events or fewer, as many as there is a kept state for; or the fewest of those."""
        places = [place for place in self._kept if place <= most] if most >= STRETCH else [0]
        place = max(places, default=min(self._kept, default=0))
        self._kept = {kept: state for kept, state in self._kept.items() if kept <= place}
        self.best = replace(
            self.best,
            events=self.best.events[:place],
            ends=self.best.ends[:place],
            playing=self.best.playing.cut(place),
        )
        self.candidates = self._copies(self._kept.get(place))

    def own_pitches(self) -> np.ndarray:
        """The keys of the finished piece's notes, without those that were given."""
        notes = self.best.notes(len(self.best.forced))
        return self.best.events[notes if self._stop is None else notes[notes < self._stop], KEY]

    def moments(self) -> np.ndarray:
        """The finished piece; see `EventSequence.moments`."""
        return self.best.moments(self._stop)


def _end_miss(candidate: EventSequence) -> float:
    """How much worse a candidate is for its end; 0 where it is not over, and where notes that are given end it."""
    if not candidate.over or candidate.is_given or not len(candidate.notes(len(candidate.forced))):
        return 0.0
    moments = candidate.moments()
    slower = last_steps_slower(moments)
    steady = slower is not None and slower < SLOWER
    return NO_SLOWING_MISS * steady + NO_SOUND_MISS * (last_chord_seconds(moments) < SOUNDS)
