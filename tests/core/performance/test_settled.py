"""core/performance/settled.py: what is told of a piece in the making is how the whole piece begins."""

from dataclasses import replace

import numpy as np
import pytest

from core.composer import Settled
from core.key_events import KeyEvent
from core.midi import manuscript
from core.midi.writer import key_events
from core.performance.candidates import CandidateGroup
from core.performance.events import END, NO_DURATION, NO_VELOCITY, PEDAL_DOWN, PEDAL_UP, PITCHES, write
from core.performance.sequence import EventSequence
from core.performance.settled import following, settled_events
from core.performance.spread import spread
from core.performance.steering import Target
from core.tonality import read

PEDAL = (NO_VELOCITY, NO_DURATION)
EVENTS = 640


def piece(take: int, cells: int = 100_000, **options: object) -> EventSequence:
    """A piece whose events are drawn at random: chords, repeated keys, long notes, and a pedal that is moved often."""
    draws = np.random.default_rng(take)
    keys = draws.integers(PITCHES // 3, PITCHES // 2, EVENTS)
    rows = [(draws.choice([0, 1, 12, 30, 140]), key, draws.integers(32), draws.integers(150)) for key in keys]
    moves = draws.choice(EVENTS, EVENTS // 4, replace=False)
    for number, place in enumerate(sorted(moves)):
        rows[place] = (rows[place][0], PEDAL_UP if number % 2 else PEDAL_DOWN, *PEDAL)
    sequence = EventSequence(cells=cells, take=take, **options)
    sequence.append(np.array(rows, dtype=np.int32), np.zeros(EVENTS, dtype=np.float32))
    return sequence


def first(sequence: EventSequence, count: int) -> EventSequence:
    return replace(sequence, events=sequence.events[:count], ends=sequence.ends[:count])


def ended(sequence: EventSequence) -> EventSequence:
    """The same in which the network ends the piece with its last event."""
    events = sequence.events.copy()
    events[-1] = (30, END, *PEDAL)
    return replace(sequence, events=events)


def in_the_file(sequence: EventSequence) -> list[KeyEvent]:
    """What happens in the file of a piece that is over."""
    return key_events(*manuscript.played(write(*spread(sequence.moments(), sequence.take))))


@pytest.mark.parametrize("take", range(8))
def test_what_is_settled_stays(take: int):
    """Wherever a piece is cut, its file begins with just what was settled there, and all but the last moment was."""
    long = piece(take)
    whole = ended(replace(long, cells=int(long.times()[-1])))
    file = in_the_file(whole)
    counts = [len(settled_events(first(whole, count))) for count in range(64, EVENTS, 64)]
    for count in range(64, EVENTS, 64):
        settled = settled_events(first(whole, count))
        assert settled == file[: len(settled)]
    assert counts == sorted(counts)
    assert counts[-1] > 0.8 * len(file)


def test_nothing_is_settled_where_the_piece_may_end():
    """It may yet be cut off there, as one that the network does not end is."""
    long = piece(0)
    cells = int(long.times()[-1] / 1.3)
    assert settled_events(replace(long, cells=cells))[-1].tick < 10 * 0.93 * cells


def told(group: CandidateGroup, settled: Settled) -> None:
    progress = following(group, lambda share: None, settled)
    progress(0.1)
    progress(0.1)
    group.best = first(piece(0), 256)
    progress(0.2)
    progress(0.3)
    group.best = ended(group.best)
    progress(1.0)


def test_it_is_told_once_a_stretch():
    """At the beginning, whenever the best candidate has gone on, and not when the piece is over."""
    heard: list[int] = []
    told(CandidateGroup(first(piece(0), 0)), lambda so_far: heard.append(len(so_far())))
    assert heard == [0, len(settled_events(first(piece(0), 256)))]


@pytest.mark.parametrize("options", [{"primed": True}, {"target": Target(key=read("C minor"))}])
def test_nothing_is_told_of_a_piece_whose_notes_are_moved_at_the_end(options: dict[str, object]):
    """Behind a primer, or into a key."""
    told(CandidateGroup(first(piece(0, **options), 0)), lambda so_far: pytest.fail("told"))
