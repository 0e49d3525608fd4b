"""core/performance/candidates.py: the best of several goes on, and a piece in trouble goes back."""

from types import SimpleNamespace

import numpy as np
import pytest

from core.performance import sequence
from core.performance.candidates import FEWEST_EVENTS, KEPT_STATES, TRIES_AT_A_PLACE, CandidateGroup
from core.performance.engine import CHUNK
from core.performance.events import END, KEY
from core.performance.fingerprint import Fingerprint
from core.performance.sequence import STRETCH, WARMER, EventSequence
from core.performance.steering import Target

HIGH_IS_HUMAN = SimpleNamespace(score=lambda onsets, pitches: float(pitches.mean()))
LOOP = [(10, 40, 16, 5)] * CHUNK


def music(count, seed=0, keys=(0, 88)):
    """A note every 100 ms, anywhere."""
    return [(10, int(key), 16, 5) for key in np.random.default_rng(seed).integers(*keys, count)]


def group_of(count=1, cells=12000, **options):
    return CandidateGroup(EventSequence(cells=cells, take=0, **options), count, HIGH_IS_HUMAN)


def decode_on(group, *parts):
    """As a batch does it, chunk by chunk: each candidate has its part of events, or all have one. A state to keep is
    here the number of the events before it."""
    for first in range(0, len(parts[0]), CHUNK):
        for number, candidate in enumerate(group.candidates):
            events = np.array(parts[number % len(parts)][first : first + CHUNK], dtype=np.int32)
            candidate.append(events, np.zeros(len(events), dtype=np.float32))
        if (chosen := group.after_chunk()) is not None:
            group.keep(len(chosen.events))


def test_all_go_on_from_the_best():
    """After a stretch each candidate is a copy of that which the critic prefers, with draws of its own."""
    group = group_of(3)
    low, high = music(STRETCH, keys=(10, 50)), music(STRETCH, keys=(40, 80))
    decode_on(group, low, high, low)
    assert group.best.sub_take == 1
    for candidate in group.candidates:
        np.testing.assert_array_equal(candidate.events, high)
        assert candidate.origin is group.best
    assert [candidate.sub_take for candidate in group.candidates] == [0, 1, 2]


def test_nothing_is_chosen_in_the_middle_of_a_stretch():
    """After one chunk of two each candidate goes on by itself."""
    group = group_of(2)
    before = group.candidates
    decode_on(group, music(CHUNK), music(CHUNK, seed=1))
    assert group.candidates is before


def test_a_candidate_in_trouble_is_not_chosen():
    """However human the critic holds it to be, while there is another; the piece does not go back."""
    group = group_of(2)
    decode_on(group, [(10, 87, 16, 5)] * STRETCH, music(STRETCH, keys=(10, 50)))
    assert group.best.sub_take == 1
    assert len(group.candidates[0].events) == STRETCH


def test_a_piece_goes_back_when_every_candidate_is_in_trouble():
    """All begin again from a state that was kept, with draws that none of them had."""
    group = group_of(2)
    decode_on(group, music(4 * STRETCH), music(4 * STRETCH, seed=1))
    decode_on(group, LOOP * 2)
    assert [candidate.sub_take for candidate in group.candidates] == [2, 3]
    assert {candidate.origin for candidate in group.candidates} == {3 * STRETCH}


def test_a_candidate_that_copies_is_not_chosen(monkeypatch):
    """A passage of more than 33 notes of the training music is trouble like any other."""
    learnt = music(STRETCH)
    known = Fingerprint.of([np.array([key for _, key, *_ in learnt])], bits=8_000)
    monkeypatch.setattr(sequence, "of_training_music", lambda: known)
    group = group_of(2)
    decode_on(group, [(10, min(key + 1, 87), 16, 5) for _, key, *_ in learnt], music(STRETCH, keys=(10, 50)))
    assert group.best.sub_take == 1


def test_the_one_that_is_nearer_to_what_was_asked_for_is_chosen():
    """Of two that the critic holds to be alike, that whose pace is the target's."""
    group = CandidateGroup(
        EventSequence(cells=12000, take=0, target=Target(notes_a_second=5.0)), 2, SimpleNamespace(score=lambda *_: 0.0)
    )
    fast = music(STRETCH)
    slow = [(20, *rest) for _, *rest in fast]
    decode_on(group, fast, slow)
    assert group.best.sub_take == 1


def ending(last_shift=10, last_duration=5):
    """A stretch that ends a piece of 13 s: its last eight notes come at such shifts, the last one sounds so long."""
    steady, last = music(STRETCH - 9), [(last_shift, key, 16, 5) for _, key, *_ in music(8, seed=1)]
    return [*steady, *last[:-1], (*last[-1][:3], last_duration), (10, END, 0, 0)]


@pytest.mark.parametrize(
    "worse, better",
    [
        (ending(), ending(last_shift=20)),
        (ending(last_duration=40), ending(last_duration=90)),
        (ending(), music(STRETCH)),
    ],
)
def test_an_end_that_slows_down_and_sounds_is_preferred(worse, better):
    """Of two candidates that the critic holds to be alike; one that goes on is preferred to one that breaks off."""
    group = CandidateGroup(EventSequence(cells=1310, take=0), 2, SimpleNamespace(score=lambda *_: 0.0))
    decode_on(group, worse, better)
    assert group.best.sub_take == 1


def test_music_that_is_given_needs_one_candidate():
    """While all of a stretch is forced, candidates could not differ."""
    forced = np.array(music(STRETCH + 10), dtype=np.int32)
    group = group_of(3, forced=forced)
    assert len(group.candidates) == 1
    decode_on(group, forced[:STRETCH].tolist())
    assert len(group.candidates) == 3


def test_a_loop_is_left_by_going_back_to_before_it():
    """The piece goes on from the last state that it kept far enough before it, with the next sub-take, and the progress
    does not fall."""
    group = group_of()
    decode_on(group, [*music(4 * STRETCH), *LOOP, *LOOP])
    (candidate,) = group.candidates
    assert not group.done
    assert candidate.sub_take == 1
    np.testing.assert_array_equal(candidate.events, music(3 * STRETCH))
    assert candidate.origin == 3 * STRETCH
    assert group.share == pytest.approx((5 * STRETCH - 1) * 10 / 12000)


def test_a_loop_at_the_beginning_is_left_by_beginning_anew():
    """There is no state to go on from before the first stretch."""
    group = group_of()
    decode_on(group, LOOP * 2)
    (candidate,) = group.candidates
    assert candidate.sub_take == 1
    assert len(candidate.events) == 0
    assert candidate.origin is None


def test_a_piece_goes_on_after_a_loop():
    """Where the new events are music, they stay."""
    group = group_of()
    decode_on(group, [*music(4 * STRETCH), *LOOP, *LOOP])
    decode_on(group, music(2 * STRETCH, seed=1))
    assert len(group.best.events) == 5 * STRETCH
    assert group.best.sub_take == 1
    assert group.gave_up is None


def test_the_kept_states_are_the_last_ones():
    """However long a piece is, it holds on to a few; the last is that before the next chunk."""
    group = group_of(cells=60_000)
    decode_on(group, music(12 * STRETCH))
    assert list(group._kept) == [STRETCH * number for number in range(13 - KEPT_STATES, 13)]


def test_a_piece_that_stays_stuck_ends_where_its_music_ends():
    """After some tries at the same place, each from further back and a little warmer; it says why."""
    group, kept, temperatures = group_of(), [], []
    decode_on(group, [*music(4 * STRETCH), *LOOP, *LOOP])
    for _ in range(TRIES_AT_A_PLACE):
        assert not group.done
        kept.append(len(group.best.events))
        temperatures.append(group.candidates[0].next_temperature)
        decode_on(group, [*music(4 * STRETCH)[kept[-1] :], *LOOP, *LOOP])
    assert group.done
    assert group.gave_up == "stuck on a note"
    assert kept == [3 * STRETCH] * 2 + [2 * STRETCH] + [0] * (TRIES_AT_A_PLACE - 3)
    assert temperatures[:2] == pytest.approx([1 + WARMER, 1 + 2 * WARMER])
    assert 4 * STRETCH - 10 <= len(group.moments()) - 1 <= 4 * STRETCH + 10


def test_a_piece_that_is_stuck_from_its_first_note_has_notes():
    """There is no music before the trouble, so some of what is stuck is kept."""
    group = group_of()
    while not group.done:
        decode_on(group, LOOP * 2)
    assert (group.moments()[:, KEY] == 40).sum() == FEWEST_EVENTS


def test_steering_is_relaxed_where_a_piece_is_stuck():
    """A bias may be the reason, so it is less at each try there."""
    group, biases = group_of(target=Target(notes_a_second=5.0)), []
    for _ in range(3):
        biases.append(np.abs(group.candidates[0].next_bias().onset_shift).max())
        decode_on(group, LOOP * 2)
    assert biases == sorted(set(biases), reverse=True)


def test_forced_events_are_kept():
    """What a listener asked for is forced again after going back, and is no trouble."""
    forced = np.array([(10, 41, 16, 5)] * 100, dtype=np.int32)
    group = group_of(forced=forced)
    decode_on(group, [*forced.tolist(), *music(28), *LOOP, *LOOP])
    (candidate,) = group.candidates
    assert candidate.sub_take == 1
    np.testing.assert_array_equal(candidate.next_forced(), forced[:CHUNK])
