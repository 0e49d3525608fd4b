"""Learn what a score tells of how it is played: `python -m training.foresight SCORES DATA OUTPUT.npz`.

SCORES are scores with performances (`training.aligned`), of which the training split of DATA, a folder as MAESTRO lays
out its own, is learnt from. What each is taught is the mean of a score's pianists; a long piece counts by the root of
its notes."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.performance.foresight import Foresight, distinct_onsets, moment_features, note_features
from core.performance.regression import Regression
from training.aligned import AlignedPiece, aligned_pieces, pace_of
from training.commands import run_command
from training.data import data_folder, of_split, read_folder

PENALTY = 0.02
"""The factor of a squared weight, beside the mean squared error of standardised features."""
FEWEST_NOTES = 100
SHORTEST, LONGEST = 0.02, 20.0
"""Seconds to which durations are clipped before their logarithm is taken."""
MOST_STRETCH = 1.0
"""The most that the logarithm of one time counts: what is beyond is a fermata, or a mistake."""


class Lesson(NamedTuple):
    """Examples for a regression: (rows, features), what is to be foreseen, (rows,), and how much each counts,
    (rows,)."""

    features: np.ndarray
    truth: np.ndarray
    weights: np.ndarray


def lessons(piece: AlignedPiece) -> dict[str, Lesson]:
    """The examples of a piece, by the names of `Foresight`."""
    pianists = list(piece.performances.values())
    pace = pace_of(piece)
    onsets = pace * np.array([note.start for note in piece.notes])
    durations = pace * np.maximum([note.end - note.start for note in piece.notes], SHORTEST)
    pitches = np.array([note.pitch for note in piece.notes], dtype=float)
    loudness = np.nanmean([each.velocities - np.nanmean(each.velocities) for each in pianists], axis=0)
    held = np.nanmean([np.log(np.clip(each.durations, SHORTEST, LONGEST)) for each in pianists], axis=0)
    notes, known = note_features(onsets, pitches, durations), np.isfinite(loudness)
    weights = np.full(known.sum(), known.sum() ** -0.5)
    moments, own = distinct_onsets(onsets)
    gaps = np.diff(moments)
    stretched = np.mean([_stretched(moments, own, each.onsets) for each in pianists], axis=0)
    return {
        "loudness": Lesson(notes[known], loudness[known], weights),
        "held": Lesson(notes[known], held[known], weights),
        "tempo": Lesson(
            moment_features(onsets, pitches, durations), stretched, np.sqrt(gaps) / np.sqrt(np.sqrt(gaps).sum())
        ),
    }


def _stretched(moments: np.ndarray, own: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """The logarithm of played by written time from each moment to the next, beside the pianist's usual one."""
    known = np.isfinite(onsets)
    count = np.bincount(own[known], minlength=len(moments))
    summed = np.bincount(own[known], onsets[known], minlength=len(moments))
    there = count > 0
    played = np.interp(moments, moments[there], summed[there] / count[there])
    logs = np.log(np.maximum(np.diff(played), 0.005) / np.diff(moments))
    return np.clip(logs - np.median(logs), -MOST_STRETCH, MOST_STRETCH)


def learnt(taught: Iterable[Lesson]) -> Regression:
    """Ridge regression on all lessons."""
    features, truth, weights = (np.concatenate(parts) for parts in zip(*taught, strict=True))
    mean = np.average(features, axis=0, weights=weights)
    scale = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights)) + 1e-6
    standard, shares = (features - mean) / scale, weights[:, None] / weights.sum()
    intercept = np.average(truth, weights=weights)
    moments = (standard * shares).T @ standard + PENALTY * np.eye(features.shape[1])
    return Regression(mean, scale, np.linalg.solve(moments, (standard * shares).T @ (truth - intercept)), intercept)


def training_pieces(scores: Path, data: Path) -> Iterator[AlignedPiece]:
    recordings = of_split(read_folder(data_folder(str(data))), "train")
    for piece in aligned_pieces(scores, {str(one.path.relative_to(data)) for one in recordings}):
        if len(piece.notes) >= FEWEST_NOTES:
            yield piece


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.foresight", description=__doc__)
    parser.add_argument("scores", type=Path, help="folder of scores and their performances, as ASAP has them")
    parser.add_argument("data", type=Path, help="folder in MAESTRO's layout that says which are for training")
    parser.add_argument("output", type=Path, help="the file to write")
    options = parser.parse_args(arguments)
    taught = [lessons(piece) for piece in training_pieces(options.scores, options.data)]
    regressions = {name: learnt(lesson[name] for lesson in taught) for name in Foresight._fields}
    for name in ("loudness", "tempo"):  # both are beside a mean that the performance has anyway
        regressions[name] = regressions[name]._replace(intercept=np.zeros(()))
    Foresight(**regressions).save(options.output)
    print(f"learnt from {len(taught)} pieces")


if __name__ == "__main__":
    run_command("training.foresight", main)
