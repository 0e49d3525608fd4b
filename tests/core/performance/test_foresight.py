"""core/performance/foresight.py: what is foreseen of a score."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import BadCheckpoint
from core.midi.smf import TimedNote
from core.performance.events import VELOCITY_WIDTH
from core.performance.foresight import Foresight, moment_features, note_features, shipped
from core.performance.score import score_of

MELODY = [TimedNote(0.4 * n, 0.4 * n + 0.4, 72 + n % 5, 64) for n in range(60)]
CHORDS = [TimedNote(0.8 * n, 0.8 * n + 0.8, pitch, 64) for n in range(30) for pitch in (48, 55, 60)]


def columns(notes: list[TimedNote]) -> list[np.ndarray]:
    return [np.array([getattr(note, name) for note in notes], dtype=float) for name in ("start", "pitch", "end")]


def test_a_melody_is_foreseen_above_its_accompaniment():
    """At the mean velocity that is asked for."""
    given = score_of(sorted(MELODY + CHORDS), 1.0, velocity=80)
    velocities = VELOCITY_WIDTH * given.loudness
    top = np.array([note.pitch >= 72 for note in given.notes])
    assert velocities[top].mean() > velocities[~top].mean() + 5
    assert velocities.mean() == pytest.approx(80, abs=8)


def test_the_end_is_foreseen_to_be_slower():
    """Though the whole takes as long as it is written, and without freedom it is timed as it is written."""
    free, strict = (score_of(MELODY, freedom) for freedom in (1.0, 0.0))
    gaps = np.diff(free.onsets)
    assert gaps[-3:].mean() > gaps[10:-10].mean()
    assert free.onsets[-1] == strict.onsets[-1] == 2360
    assert set(np.diff(strict.onsets)) == {40}


def test_features_are_those_of_the_regressions():
    """As many as were learnt, and finite where a score has two notes alone."""
    for notes in (MELODY, MELODY[:2]):
        onsets, pitches, ends = columns(notes)
        for features, regression in (
            (note_features(onsets, pitches, ends - onsets), shipped().held),
            (moment_features(onsets, pitches, ends - onsets), shipped().tempo),
        ):
            assert features.shape[1] == len(regression.weights)
            assert np.isfinite(features).all()


def test_foresight_survives_its_file(tmp_path: Path):
    """And another file is refused by a sentence."""
    shipped().save(tmp_path / "foresight.npz")
    for read, written in zip(Foresight.load(tmp_path / "foresight.npz"), shipped(), strict=True):
        np.testing.assert_array_equal(np.concatenate(read[:3]), np.concatenate(written[:3]))
    (tmp_path / "other.npz").write_bytes(b"")
    with pytest.raises(BadCheckpoint, match=r"other\.npz has no regressions"):
        Foresight.load(tmp_path / "other.npz")
