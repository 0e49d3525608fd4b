"""A two-sample test: can a classifier tell generated excerpts from human ones?

Each excerpt becomes a row of features, in one of two views. `everything` is all that a piano hears, at 1 ms: notes,
velocities, sustain pedal. `pitches` is which keys are struck in which fifth of a second. Logistic regression and
boosted trees learn to tell the rows apart on four fifths of the pieces and are asked about the last fifth; no piece is
on both sides. The figure is the area under the ROC curve: 0.5 when they cannot tell, 1 when they always can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.performance.events import DURATION, KEY, PEDAL_DOWN, PITCHES, SHIFT, VELOCITY
from core.performance.features import FRAME, LOCAL_SECONDS, correlation, entropy, piano_roll, pitch_features
from training.excerpts import PRECISION, Excerpt

FOLDS, REPEATS = 5, 5
"""Parts of the pieces, each of which is asked about once; how often they are dealt anew."""
TELLING = 8
"""Features that are named as those that differ most."""


@dataclass(frozen=True, slots=True)
class Played:
    """The notes of an excerpt, in order, times in ms: each (notes,)."""

    onsets: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    durations: np.ndarray

    @classmethod
    def of(cls, moments: np.ndarray) -> Played:
        struck = moments[:, KEY] < PITCHES
        columns = (moments[struck, column] for column in (KEY, VELOCITY, DURATION))
        return cls(np.cumsum(moments[:, SHIFT])[struck], *columns)


def key_features(moments: np.ndarray) -> dict[str, float]:
    """The view `pitches`: nothing but the set of keys struck in each frame of 0.2 s."""
    played = Played.of(moments)
    return pitch_features(piano_roll(played.onsets, played.pitches, round(FRAME / PRECISION)))


def playing_features(moments: np.ndarray) -> dict[str, float]:
    """How the keys are played: timing, articulation, dynamics and pedal, at 1 ms."""
    played = Played.of(moments)
    return {**_timing(played), **_articulation(played), **_dynamics(played), **_pedalling(moments)}


def _timing(played: Played) -> dict[str, float]:
    shifts = np.diff(played.onsets)
    together = np.histogram(np.clip(shifts, 0, 4000), (0, 1, 5, 10, 20, 35, 60, 100, 160, 250, 400, 1000, 4001))[0]
    groups = np.diff(played.onsets[np.concatenate([[True], shifts > 35])])
    groups = groups if len(groups) > 1 else np.array([1, 1])
    change = np.abs(np.diff(np.log(groups)))
    return {
        **{f"shift_bin_{number}": count / max(len(shifts), 1) for number, count in enumerate(together)},
        "tempo_unrest": float(np.median(change)),
        "equal_steps": float((change < 0.1).mean()),
        "onset_grid": _grid(played.onsets, 10),
        "duration_grid": _grid(played.durations, 10),
    }


def _grid(values: np.ndarray, period: int) -> float:
    """How uneven values are within a period: 0 for evenly spread, 1 for all in one place."""
    shares = np.bincount(values % period, minlength=period) / max(len(values), 1)
    return 1 - entropy(shares) / float(np.log2(period))


def _articulation(played: Played) -> dict[str, float]:
    logs = np.log(np.maximum(played.durations, 5))
    following = np.diff(played.onsets)
    reach = played.durations[:-1] / np.maximum(following, 20)
    quantiles = np.percentile(logs, (10, 50, 90))
    return {
        "duration_mean": logs.mean(),
        "duration_spread": logs.std(),
        **{f"duration_{part}": value for part, value in zip((10, 50, 90), quantiles, strict=True)},
        "overlapping": (reach > 1.05).mean() if len(reach) else 0,
        "pitch_and_duration": correlation(played.pitches, logs),
        "neighbours_duration": correlation(logs[:-1], logs[1:]),
    }


def _dynamics(played: Played) -> dict[str, float]:
    velocities = played.velocities.astype(float)
    steps = np.abs(np.diff(velocities)) if len(velocities) > 1 else np.zeros(1)
    bounds = np.arange(0, played.onsets[-1] + 1, 1000 * LOCAL_SECONDS)
    stretch = np.searchsorted(bounds, played.onsets, side="right")
    local = np.array([velocities[stretch == number].mean() for number in np.unique(stretch)])
    top = played.pitches > np.percentile(played.pitches, 75)
    return {
        "velocity_mean": velocities.mean(),
        "velocity_spread": velocities.std(),
        "velocity_low": np.percentile(velocities, 5),
        "velocity_high": np.percentile(velocities, 95),
        "velocity_steps": steps.mean(),
        "velocity_same": (steps == 0).mean(),
        "velocity_waves": local.std(),
        "velocity_neighbours": correlation(velocities[:-1], velocities[1:]),
        "velocity_and_pitch": correlation(velocities, played.pitches),
        "velocity_of_the_top": velocities[top].mean() - velocities[~top].mean() if top.any() else 0,
        "velocity_grid": _grid(played.velocities, 4),
    }


def _pedalling(moments: np.ndarray) -> dict[str, float]:
    times = np.cumsum(moments[:, SHIFT]) * PRECISION
    moves = moments[:, KEY] >= PITCHES
    down = moments[moves, KEY] == PEDAL_DOWN
    lengths = np.diff(times[moves], append=times[-1])
    held, lifted = lengths[down], lengths[~down]
    onsets = times[~moves]
    before = np.searchsorted(onsets, times[moves][down], side="right") - 1
    lateness = (times[moves][down] - onsets[before.clip(min=0)]).clip(0, 1)
    return {
        "pedal_share": held.sum() / max(times[-1] - times[0], 1),
        "pedal_rate": len(held) / max(times[-1] - times[0], 1),
        "pedal_held": float(np.median(held)) if len(held) else 0.0,
        "pedal_held_longest": held.max(initial=0),
        "pedal_lifted": float(np.median(lifted)) if len(lifted) else 0.0,
        "pedal_lateness": float(np.median(lateness)) if len(lateness) else 0.0,
    }


VIEWS = ("everything", "pitches")
"""All features of an excerpt, or those of `key_features` alone."""


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def _boosted_trees(seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    # few rows and many features: each split looks at some of them, which is better and faster than at all
    return GradientBoostingClassifier(
        n_estimators=200,
        learning_rate=0.05,
        subsample=0.7,
        max_features="sqrt",
        min_samples_leaf=5,
        random_state=seed,
    )


CLASSIFIERS: dict[str, Callable[[int], Any]] = {"logistic": _logistic, "boosted_trees": _boosted_trees}


def two_sample(generated: Sequence[Excerpt], human: Sequence[Excerpt], repeats: int = REPEATS) -> dict[str, Any]:
    """By view: the AUC of each classifier, its mean and standard deviation over `repeats` deals, and the features that
    differ most, in standard deviations. Empty where there is too little to fill `FOLDS` folds."""
    excerpts = [*generated, *human]
    groups = [excerpt.piece for excerpt in excerpts]
    truth = np.repeat([1, 0], [len(generated), len(human)])
    if min(len(set(groups[: len(generated)])), len(set(groups[len(generated) :]))) < FOLDS:
        return {}
    pitches, names = _as_table([key_features(excerpt.moments) for excerpt in excerpts])
    playing, more = _as_table([playing_features(excerpt.moments) for excerpt in excerpts])
    views = (np.concatenate([pitches, playing], axis=1), names + more), (pitches, names)
    figures: dict[str, Any] = {}
    for view, (values, columns) in zip(VIEWS, views, strict=True):
        figures[view] = {name: auc(make, values, truth, groups, repeats) for name, make in CLASSIFIERS.items()}
        figures[view]["differs_most"] = _telling(values, truth, columns)
    return figures


def _as_table(rows: Sequence[dict[str, float]]) -> tuple[np.ndarray, list[str]]:
    names = list(rows[0])
    return np.array([[row[name] for name in names] for row in rows], dtype=float), names


def auc(
    make: Callable[[int], Any], table: np.ndarray, truth: np.ndarray, groups: Sequence[str], repeats: int = REPEATS
) -> dict[str, float]:
    """The area under the ROC curve of what `make` builds, asked about pieces it has not seen."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    areas = []
    for repeat in range(repeats):
        chances = np.zeros(len(truth))
        for known, asked in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat).split(table, truth, groups):
            classifier = make(repeat).fit(table[known], truth[known])
            chances[asked] = classifier.predict_proba(table[asked])[:, 1]
        areas.append(roc_auc_score(truth, chances))
    return {"auc": round(float(np.mean(areas)), 4), "spread": round(float(np.std(areas)), 4)}


def _telling(table: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    ours, theirs = table[truth == 1], table[truth == 0]
    deviation = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / 2)
    distance = (ours.mean(axis=0) - theirs.mean(axis=0)) / np.maximum(deviation, 1e-9)
    order = np.argsort(-np.abs(distance))[:TELLING]
    return {names[place]: round(float(distance[place]), 2) for place in order}
