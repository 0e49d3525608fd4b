"""A two-sample test: can a classifier tell generated excerpts from human ones?

Each excerpt becomes a row of features, in one of two views. `everything` is all that a piano hears, at 1 ms: notes,
velocities, sustain pedal. `pitches` is which keys are struck in which fifth of a second. Logistic regression and
boosted trees learn to tell the rows apart on four fifths of the pieces and are asked about the last fifth; no piece is
on both sides. The figure is the area under the ROC curve: 0.5 when they cannot tell, 1 when they always can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from core.performance.events import DURATION, KEY, PEDAL_DOWN, PITCHES, SHIFT, VELOCITY
from training.excerpts import PRECISION, Excerpt

FRAME = 0.2
"""Seconds to which onsets are floored in the view of pitches."""
FOLDS, REPEATS = 5, 5
"""Parts of the pieces, each of which is asked about once; how often they are dealt anew."""
LOCAL_SECONDS = 10.0
"""Stretches in which harmony and density are looked at locally."""
TELLING = 8
"""Features that are named as those that differ most."""

MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
"""Krumhansl's key profiles: how well each pitch class fits a key, from its tonic up."""
KEY_PROFILES = np.array(
    [
        np.roll((profile - profile.mean()) / profile.std(), tonic) / 12
        for profile in (MAJOR, MINOR)
        for tonic in range(12)
    ]
)
"""One row a key, such that its product with standardised shares is their correlation."""
DIATONIC = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1])
SCALES = np.array([np.roll(DIATONIC, tonic) for tonic in range(12)])


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


def pitch_features(moments: np.ndarray) -> dict[str, float]:
    """The view `pitches`: nothing but the set of keys struck in each frame of 0.2 s."""
    played = Played.of(moments)
    frames = ((played.onsets - played.onsets[0]) * PRECISION // FRAME).astype(int)
    roll = np.zeros((frames[-1] + 1, PITCHES), dtype=bool)
    roll[frames, played.pitches] = True
    return {
        **_register(roll),
        **_harmony(roll),
        **_local(roll),
        **_rhythm(roll.sum(axis=1)),
        **_lines(roll),
        **_chords(roll),
        **_returns(roll),
    }


def _register(roll: np.ndarray) -> dict[str, float]:
    pitches = np.nonzero(roll)[1]
    low, high = np.percentile(pitches, (5, 95))
    return {
        "notes_a_second": len(pitches) / (len(roll) * FRAME),
        "pitch_mean": pitches.mean(),
        "pitch_spread": pitches.std(),
        "pitch_low": low,
        "pitch_high": high,
        "distinct_pitches": len(np.unique(pitches)),
    }


def _pitch_classes(roll: np.ndarray) -> np.ndarray:
    """The share of each pitch class, 0 for C, of what is struck. (12,)"""
    classes = np.bincount((np.nonzero(roll)[1] + 9) % 12, minlength=12)
    return classes / max(classes.sum(), 1)


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def _key_fit(shares: np.ndarray) -> tuple[int, float]:
    """The key whose profile is most like the pitch classes, 0 to 23, and the correlation with it."""
    if not shares.std():
        return 0, 0.0
    fits = KEY_PROFILES @ ((shares - shares.mean()) / shares.std())
    return int(np.argmax(fits)), float(fits.max())


def _harmony(roll: np.ndarray) -> dict[str, float]:
    shares = _pitch_classes(roll)
    common = np.cumsum(np.sort(shares)[::-1])
    return {
        "pitch_class_entropy": _entropy(shares),
        "key_fit": _key_fit(shares)[1],
        "scale_share": (SCALES @ shares).max(),
        **{f"commonest_{count}_pitch_classes": common[count - 1] for count in (1, 3, 5, 7)},
    }


def _stretches(roll: np.ndarray) -> list[np.ndarray]:
    size = round(LOCAL_SECONDS / FRAME)
    return [roll[first : first + size] for first in range(0, max(len(roll) - size // 2, 1), size)]


def _local(roll: np.ndarray) -> dict[str, float]:
    """Harmony, density and register in stretches of 10 s, and how they change from one to the next."""
    stretches = [stretch for stretch in _stretches(roll) if stretch.sum() > 8]
    if not stretches:
        return dict.fromkeys(_LOCAL, 0.0)
    shares = [_pitch_classes(stretch) for stretch in stretches]
    keys, fits = zip(*map(_key_fit, shares), strict=True)
    densities = np.array([stretch.sum() for stretch in stretches])
    registers = np.array([np.nonzero(stretch)[1].mean() for stretch in stretches])
    thirds = [np.sort(stretch.sum(axis=0))[-3:].sum() / stretch.sum() for stretch in stretches]
    similar = [float(np.minimum(one, other).sum()) for one, other in pairwise(shares)]
    values = (
        np.mean([_entropy(share) for share in shares]),
        np.mean(fits),
        np.mean([(SCALES @ share).max() for share in shares]),
        np.mean(np.diff(keys) != 0) if len(keys) > 1 else 0,
        np.mean(similar) if similar else 1,
        densities.std() / densities.mean(),
        densities.max() / densities.mean(),
        densities.min() / densities.mean(),
        registers.std(),
        np.abs(np.diff(registers)).mean() if len(registers) > 1 else 0,
        np.mean(thirds),
        np.max(thirds),
    )
    return dict(zip(_LOCAL, map(float, values), strict=True))


_LOCAL = (
    "local_pitch_class_entropy",
    "local_key_fit",
    "local_scale_share",
    "local_key_changes",
    "local_harmony_kept",
    "density_spread",
    "density_highest",
    "density_lowest",
    "register_spread",
    "register_moves",
    "in_three_keys_mean",
    "in_three_keys_most",
)


def _rhythm(counts: np.ndarray) -> dict[str, float]:
    """Of the numbers of keys struck in each frame: (frames,)."""
    gaps = np.diff(np.flatnonzero(counts))
    if not len(gaps):
        gaps = np.array([1])
    struck = np.minimum(counts, 6)
    return {
        "empty_frames": (counts == 0).mean(),
        **{f"frames_of_{size}": (struck == size).mean() for size in (1, 2, 3, 4, 5, 6)},
        "gap_mean": gaps.mean(),
        "gap_spread": gaps.std(),
        "gap_longest": gaps.max(),
        **{f"gaps_of_{size}": (gaps == size).mean() for size in (1, 2, 3)},
        # how regular the pulse is: the count of keys against itself some frames later
        **{f"pulse_{lag}": _correlation(counts[:-lag], counts[lag:]) for lag in (1, 2, 3, 4, 6, 8)},
    }


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _lines(roll: np.ndarray) -> dict[str, float]:
    """The highest and the lowest keys struck, as two melodies."""
    struck = roll[roll.any(axis=1)]
    features: dict[str, float] = {}
    for name, line in (
        ("top", PITCHES - 1 - np.argmax(struck[:, ::-1], axis=1)),
        ("bottom", np.argmax(struck, axis=1)),
    ):
        steps = np.abs(np.diff(line)) if len(line) > 1 else np.array([0])
        features |= {
            f"{name}_repeats": (steps == 0).mean(),
            f"{name}_steps": ((steps > 0) & (steps <= 2)).mean(),
            f"{name}_leaps": (steps > 7).mean(),
            f"{name}_octaves": (steps == 12).mean(),
            f"{name}_interval": steps.mean(),
        }
    return features


def _chords(roll: np.ndarray) -> dict[str, float]:
    """The intervals between keys struck in the same frame, within an octave, and how wide the hands reach."""
    chords = roll[roll.sum(axis=1) > 1]
    if not len(chords):
        return dict.fromkeys([*(f"interval_{size}" for size in range(12)), "span", "wide_spans"], 0.0)
    # how often each distance between two keys occurs in one frame, wherever on the keyboard
    distances = np.array([(chords[:, :-distance] & chords[:, distance:]).sum() for distance in range(1, PITCHES)])
    intervals = np.bincount(np.arange(1, PITCHES) % 12, distances, minlength=12) / distances.sum()
    spans = PITCHES - 1 - np.argmax(chords[:, ::-1], axis=1) - np.argmax(chords, axis=1)
    return {
        **{f"interval_{size}": share for size, share in enumerate(intervals)},
        "span": spans.mean(),
        "wide_spans": (spans > 24).mean(),
    }


def _returns(roll: np.ndarray) -> dict[str, float]:
    """How much comes back: patterns of keys, and what is struck some frames later once more."""
    pitches = np.nonzero(roll)[1]
    features = {f"patterns_of_{length}_again": _repeated(pitches, length) for length in (3, 5, 8)}
    for lag in (1, 2, 4, 8, 16, 32):
        features[f"again_after_{lag}"] = float((roll[:-lag] & roll[lag:]).sum() / max(roll[:-lag].sum(), 1))
    return features


def _repeated(values: np.ndarray, length: int) -> float:
    """The share of patterns of so many values that occur more than once."""
    if len(values) < length:
        return 0.0
    patterns = Counter(map(tuple, np.lib.stride_tricks.sliding_window_view(values, length).tolist()))
    return sum(count for count in patterns.values() if count > 1) / patterns.total()


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
    return 1 - _entropy(shares) / float(np.log2(period))


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
        "pitch_and_duration": _correlation(played.pitches, logs),
        "neighbours_duration": _correlation(logs[:-1], logs[1:]),
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
        "velocity_neighbours": _correlation(velocities[:-1], velocities[1:]),
        "velocity_and_pitch": _correlation(velocities, played.pitches),
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
"""All features of an excerpt, or those of `pitch_features` alone."""


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
    pitches, names = _as_table([pitch_features(excerpt.moments) for excerpt in excerpts])
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
