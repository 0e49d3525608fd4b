"""training/two_sample.py: classifiers that are asked about pieces they have not seen."""

import numpy as np

from core.performance.events import PEDAL_DOWN, PEDAL_UP
from training import two_sample
from training.excerpts import Excerpt
from training.two_sample import key_features, playing_features


def playing(seed, keys=(30, 60), grid=1, notes=120):
    """An excerpt of random notes of these keys, and the pedal, on a grid of so many ms."""
    generator = np.random.default_rng(seed)
    rows = np.stack(
        [
            generator.integers(20, 400, notes) // grid * grid,
            generator.integers(*keys, notes),
            generator.integers(30, 90, notes),
            generator.integers(50, 900, notes) // grid * grid,
        ],
        axis=1,
    )
    rows[::9, 1], rows[::9, 2:] = PEDAL_DOWN, 0
    rows[4::9, 1], rows[4::9, 2:] = PEDAL_UP, 0
    return rows


def excerpts(first, **options):
    return [Excerpt(playing(seed, **options), str(seed), "any") for seed in range(first, first + 20)]


def areas(figures, view):
    return [figures[view][classifier]["auc"] for classifier in ("logistic", "boosted_trees")]


def test_the_same_kind_of_playing_is_not_told_apart():
    """Twenty excerpts beside twenty of the same kind: about as often right as wrong, in both views."""
    figures = two_sample.two_sample(excerpts(0), excerpts(100), repeats=1)
    for view in two_sample.VIEWS:
        assert max(areas(figures, view)) < 0.8


def test_another_register_is_told_apart():
    """An octave higher: nearly always right, and the features that differ say why."""
    figures = two_sample.two_sample(excerpts(0, keys=(42, 72)), excerpts(100), repeats=1)
    assert min(areas(figures, "pitches")) > 0.95
    assert figures["pitches"]["differs_most"]["pitch_mean"] > 2


def test_a_grid_shows_to_those_who_see_milliseconds_alone():
    """Times on a grid of 10 ms give playing away in the view of everything, and not in that of pitches."""
    figures = two_sample.two_sample(excerpts(0, grid=10), excerpts(100), repeats=1)
    assert min(areas(figures, "everything")) > 0.85
    assert max(areas(figures, "pitches")) < 0.8
    assert {"onset_grid", "duration_grid"} <= set(figures["everything"]["differs_most"])


def test_a_piece_is_never_on_both_sides():
    """Human excerpts of one piece are alike and no others are: who had seen one would know the others."""
    seen = []

    class Spy:
        def fit(self, table, truth):
            self.known = set(table[:, 0])
            return self

        def predict_proba(self, table):
            seen.append(self.known & set(table[:, 0]))
            return np.zeros((len(table), 2))

    groups = [str(number // 2) for number in range(40)]
    table = np.array([[float(group)] for group in groups])
    two_sample.auc(lambda seed: Spy(), table, np.repeat([1, 0], 20), groups, repeats=3)
    assert len(seen) == 3 * two_sample.FOLDS
    assert not any(seen)


def test_too_few_pieces_give_no_figure():
    """Fewer than there are folds cannot be dealt."""
    assert two_sample.two_sample(excerpts(0)[:4], excerpts(100)) == {}


def test_the_view_of_pitches_sees_neither_order_nor_strength():
    """Within a fifth of a second order, velocity, duration and the pedal make no difference to it."""
    chord = np.array([[0, 40, 64, 300], [30, 44, 90, 200], [30, 47, 30, 900]])
    other = np.array([[0, 47, 10, 10], [0, 44, 10, 10], [5, PEDAL_DOWN, 0, 0], [90, 40, 10, 10]])
    piece, again = (np.concatenate([part, [[1000, 50, 64, 10]] * 8]) for part in (chord, other))
    again[len(other), 0] = 965
    assert key_features(piece) == key_features(again)
    assert playing_features(piece) != playing_features(again)


def test_few_notes_have_features_too():
    """None is missing or no number, so that a piece of next to nothing is compared like any other."""
    few = np.array([[0, 40, 64, 300], [5000, 40, 64, 300]])
    full = key_features(playing(0)) | playing_features(playing(0))
    features = key_features(few) | playing_features(few)
    assert list(features) == list(full)
    assert np.isfinite(list(features.values())).all()
