"""Features of the notes alone: which keys are struck in which fifth of a second, and nothing of how they are played.

By these the critic tells generated music from human, and the two-sample test of `training.evaluate`."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from core.midi.keys import profile
from core.performance.events import PITCHES
from core.seed import LOWEST_PITCH
from core.tonality import ALL_KEYS

FRAME = 0.2
"""Seconds to which onsets are floored."""
LOCAL_SECONDS = 10.0
"""Stretches in which harmony and density are looked at locally."""

_PROFILES = np.array([profile(key) for key in ALL_KEYS])
KEY_PROFILES = (_PROFILES - _PROFILES.mean(axis=1, keepdims=True)) / _PROFILES.std(axis=1, keepdims=True) / 12
"""One row a key, such that its product with standardised shares is their correlation."""
DIATONIC = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1])
SCALES = np.array([np.roll(DIATONIC, tonic) for tonic in range(12)])


def piano_roll(onsets: np.ndarray, pitches: np.ndarray, units: int) -> np.ndarray:
    """(frames, 88), True where a key is struck, from the frame of the first note to that of the last. Onsets are whole
    numbers, `units` of them in a frame; pitches are indices of keys."""
    frames = (onsets - onsets[0]) // units
    roll = np.zeros((frames[-1] + 1, PITCHES), dtype=bool)
    roll[frames, pitches] = True
    return roll


def pitch_features(roll: np.ndarray) -> dict[str, float]:
    """All features by name, of a piano roll of `FRAME` seconds a frame with a note or more."""
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
    classes = np.bincount((np.nonzero(roll)[1] + LOWEST_PITCH) % 12, minlength=12)
    return classes / max(classes.sum(), 1)


def entropy(shares: np.ndarray) -> float:
    """Bits in these shares, which add up to 1."""
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
        "pitch_class_entropy": entropy(shares),
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
        np.mean([entropy(share) for share in shares]),
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
    """Rhythm, from the numbers of keys struck in each frame: (frames,)."""
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
        **{f"pulse_{lag}": correlation(counts[:-lag], counts[lag:]) for lag in (1, 2, 3, 4, 6, 8)},
    }


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """0 where there is too little to correlate."""
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
    """Repetition: patterns of keys that come back, and what is struck some frames later once more."""
    pitches = np.nonzero(roll)[1]
    features = {f"patterns_of_{length}_again": repeated_share(pitches, length) for length in (3, 5, 8)}
    for lag in (1, 2, 4, 8, 16, 32):
        features[f"again_after_{lag}"] = float((roll[:-lag] & roll[lag:]).sum() / max(roll[:-lag].sum(), 1))
    return features


def repeated_share(values: np.ndarray, length: int) -> float:
    """The share of patterns of so many values that occur more than once."""
    if len(values) < length:
        return 0.0
    patterns = Counter(map(tuple, np.lib.stride_tricks.sliding_window_view(values, length).tolist()))
    return sum(count for count in patterns.values() if count > 1) / patterns.total()
