"""training/aligned.py, interpretation.py, repeats.py, foresight.py, harmony.py: scores beside how they are played."""

import numpy as np
import pytest
from pretty_midi import Note

from tests.support.music import piano
from training.aligned import AlignedPiece, Playing, matched
from training.foresight import Lesson, learnt
from training.harmony import figures, melody
from training.interpretation import Passage, flat, likeness, lost_or_added, passages
from training.repeats import Written, alike

NOTES = [Note(64, 60 + number % 7, 0.5 * number, 0.5 * number + 0.5) for number in range(80)]
BEATS = np.arange(0, 40, 0.5)


def as_played(seed: int) -> Playing:
    """A little off the score, the higher the louder."""
    random = np.random.default_rng(seed)
    onsets = np.array([note.start for note in NOTES]) + random.normal(0, 0.02, len(NOTES))
    loud = np.array([60 + 3.0 * (note.pitch - 60) for note in NOTES]) + random.normal(0, 1, len(NOTES))
    return Playing(onsets, loud, np.full(len(NOTES), 0.4), np.array([0.0, 10.0]))


def passage() -> Passage:
    return Passage("waltz", NOTES, BEATS, [as_played(seed) for seed in range(3)])


def test_a_performance_is_matched_by_its_beats():
    """At another tempo and with a mistake: the wrong note is no part of it, and the one left out is unknown."""
    played = [Note(90, note.pitch, 2 * note.start, 2 * note.end) for note in NOTES if note.start != 5]
    found = matched(NOTES, BEATS, [*played, Note(90, 100, 3.0, 3.5)], np.zeros(0), 2 * BEATS)
    assert np.flatnonzero(np.isnan(found.onsets)).tolist() == [10]
    np.testing.assert_allclose(np.delete(found.onsets, 10), np.delete([2 * note.start for note in NOTES], 10))


def test_passages_are_at_the_pianists_tempo():
    """Half a score that is played at half its tempo lasts as long as the whole."""
    slow = [Playing(2 * each.onsets, *(each.velocities, each.durations, each.pedal)) for each in passage().pianists]
    piece = AlignedPiece("waltz", NOTES, BEATS, {str(number): each for number, each in enumerate(slow)})
    [half] = passages(piece, 1, seconds=40)
    assert len(half.notes) == pytest.approx(40, abs=1)
    assert half.notes[1].start == pytest.approx(1.0, abs=0.01)


def test_likeness_tells_pianists_from_a_flat_score():
    """Who plays alike correlates with the others; a flat score has no correlation at all."""
    here = passage()
    pianist = likeness(here, here.pianists[0], here.pianists[1:])
    assert pianist["velocity"] > 0.9
    assert np.isnan(likeness(here, flat(here), here.pianists)["velocity"])


def test_lost_and_added_notes_are_counted():
    """One that is missing, and one too many."""
    music = piano(*NOTES[1:], Note(64, 100, 1.0, 2.0))
    assert lost_or_added(passage(), music) == 2


def test_pianists_remember_what_is_their_own():
    """Of three who play a passage twice, each in a way of their own, every one is like themselves and not like another;
    of three who play it anew each time, none is."""
    random = np.random.default_rng(0)
    pitches = random.integers(60, 72, 80)
    notes = [Note(64, int(pitches[number % 80]), 0.5 * number, 0.5 * number + 0.5) for number in range(160)]
    onsets = np.array([note.start for note in notes])

    def playing(way: np.ndarray) -> Playing:
        return Playing(onsets + 0.02 * way, 60 + 10 * way, 0.4 * np.exp(way), np.zeros(0))

    remembering = [playing(np.tile(random.normal(size=80), 2)) for _ in range(3)]
    forgetting = [playing(random.normal(size=160)) for _ in range(3)]
    written = Written(Passage("round", notes, onsets, remembering))
    for found, likeness_of_own in ((alike(written, remembering), 1), (alike(written, forgetting), 0)):
        for each in found.values():
            assert each["same"] == pytest.approx(likeness_of_own, abs=0.25)
            assert each["own"] == pytest.approx(likeness_of_own, abs=0.25)
            assert each["another"] == pytest.approx(0, abs=0.25)


def test_ridge_regression_finds_what_made_the_data():
    """The weight of the one feature that matters, and the intercept."""
    features = np.random.default_rng(0).normal(size=(500, 3))
    regression = learnt([Lesson(features, 5 + 2 * features[:, 1], np.ones(500))])
    np.testing.assert_allclose(regression.weights / regression.scale, [0, 2, 0], atol=0.1)
    assert regression.intercept == pytest.approx(5, abs=0.2)


def test_a_harmony_is_measured():
    """A rubbing note, one above, one louder than the melody, and a melody's note that is gone."""
    notes = melody(0)
    first = notes[0]
    beside = Note(first.velocity + 1, first.pitch - 1, first.start, first.end)
    above = Note(40, first.pitch + 5, first.start + 0.1, first.end)
    found = figures(notes, piano(*notes[:-1], beside, above))
    assert (found["missing"], found["too_soft"], found["clashing"], found["above"]) == (1, 1, 1, 1)
