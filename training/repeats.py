"""How alike repeats are played within a performance: by a checkpoint, and by pianists.

`python -m training.repeats SCORES DATA` reads scores as `training.interpretation` does. Passages that a score repeats
(`core.performance.repeats`) are looked for in whole pieces; how loud a note is struck, how long its key is held and how
long it takes to the next moment, each beside its mean within some seconds, is correlated with the same of the note that
it repeats:

- `same`: both as one pianist, or one take, played them;
- `another`: the one as one of them played it, the other as another, which is what the score explains;
- `own`: as `same`, beside the mean of the others, which is what is one's own, and remembered."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.models import CHECKPOINTS
from core.performance.composer import MODEL, PerformanceComposer
from core.performance.events import CELL
from core.performance.foresight import Windows
from core.performance.repeats import earlier_notes
from training.aligned import Playing
from training.commands import count, run_command
from training.interpretation import Passage, correlation, held_out_pieces, passages, performed, playing_of

SECONDS = 420.0
"""The longest part of a piece."""
FEWEST_REPEATED = 60
"""Notes that a piece repeats, at least; others say little."""
MEAN_SECONDS = 3.0
"""Seconds before and after a note of the mean that its playing is measured beside."""
MOST_STRETCH = 1.5
"""The greatest logarithm of played by written time that counts: others are notes that were taken for one another."""
NAMES = ("velocity", "duration", "time")


class Repeats(NamedTuple):
    """Which notes, or moments, `later` ones repeat, by their numbers."""

    later: np.ndarray
    earlier: np.ndarray


class Written:
    """A passage's notes in the `order` of their moments, what it repeats of them, and what of its moments."""

    def __init__(self, passage: Passage) -> None:
        starts, ends, pitches = np.array([(note.start, note.end, note.pitch) for note in passage.notes]).T
        cells = np.round(starts / CELL).astype(int)
        self.order = np.lexsort((pitches, cells))
        cells = cells[self.order]
        self.onsets = cells * CELL
        self.durations = np.maximum((ends - starts)[self.order], CELL)
        self.moments, first, self.own = np.unique(self.onsets, return_index=True, return_inverse=True)
        earlier = earlier_notes(cells, pitches[self.order].astype(int))
        later = np.flatnonzero(earlier >= 0)
        self.notes = Repeats(later, earlier[later])
        begins = later[np.isin(later, first[:-1])]
        self.gaps = Repeats(self.own[begins], self.own[earlier[begins]])


def deviations(written: Written, playing: Playing) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How each note is struck and held, and how much longer than written each moment but the last takes, beside their
    means; in the order of NAMES."""
    velocities, durations, onsets = (
        values[written.order] for values in (playing.velocities, playing.durations, playing.onsets)
    )
    there = np.isfinite(onsets)
    own, count = written.own[there], len(written.moments)
    with np.errstate(invalid="ignore"):  # of a moment of which nothing is played
        struck = np.bincount(own, onsets[there], count) / np.bincount(own, minlength=count)
    stretch = np.log(np.maximum(np.diff(struck), CELL) / np.diff(written.moments))
    stretch[abs(stretch) > MOST_STRETCH] = np.nan
    held = np.log(np.maximum(durations, CELL) / written.durations)
    return (
        _beside_mean(velocities, written.onsets),
        _beside_mean(held, written.onsets),
        _beside_mean(stretch, written.moments[:-1]),
    )


def _beside_mean(values: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """The values, less the mean of those within some seconds; NaN stays."""
    known = np.isfinite(values)
    windows = Windows(onsets[known])
    return values - windows.mean(values[known], onsets, MEAN_SECONDS, MEAN_SECONDS)


def alike(written: Written, playings: Sequence[Playing]) -> dict[str, dict[str, float]]:
    """For each of NAMES the mean correlations of a passage that several play."""
    found = zip(*(deviations(written, playing) for playing in playings), strict=True)
    repeats = (written.notes, written.notes, written.gaps)
    return {name: _correlations(*each) for name, *each in zip(NAMES, repeats, found, strict=True)}


def _correlations(repeats: Repeats, players: Sequence[np.ndarray]) -> dict[str, float]:
    """Of deviations of each of several players, (notes,)."""
    others = [np.nanmean([*players[:number], *players[number + 1 :]], axis=0) for number in range(len(players))]
    pairs = {
        "same": [(one, one) for one in players],
        "another": [(one, other) for one in players for other in players if one is not other],
        "own": [(one - rest, one - rest) for one, rest in zip(players, others, strict=True)],
    }
    return {
        name: float(np.nanmean([correlation(first[repeats.earlier], again[repeats.later]) for first, again in each]))
        for name, each in pairs.items()
    }


def mean_over(found: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The means over passages."""
    return {
        name: {kind: round(float(np.nanmean([one[name][kind] for one in found])), 2) for kind in found[0][name]}
        for name in NAMES
    }


def repeating(scores: Path, data: Path) -> Iterator[tuple[Passage, Written]]:
    """Held-out pieces that repeat something, whole or the beginnings of long ones."""
    for piece in held_out_pieces(scores, data):
        [passage] = passages(piece, 1, SECONDS)
        written = Written(passage)
        if len(written.notes.later) >= FEWEST_REPEATED:
            yield passage, written


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.repeats", description=__doc__)
    parser.add_argument("scores", type=Path, help="folder of scores and their performances, as ASAP has them")
    parser.add_argument("data", type=Path, help="folder in MAESTRO's layout that says which are held out")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / MODEL, help="(default: %(default)s)")
    parser.add_argument("--takes", type=count, default=2, help="of each, 2 or more (default: %(default)s)")
    options = parser.parse_args(arguments)
    composer = PerformanceComposer.load(options.checkpoint)
    ours, theirs = [], []
    for passage, written in repeating(options.scores, options.data):
        takes = [playing_of(passage, performed(composer, passage, take)) for take in range(options.takes)]
        ours.append(alike(written, takes))
        theirs.append(alike(written, passage.pianists))
    print(json.dumps({"pieces": len(ours), "performed": mean_over(ours), "pianists": mean_over(theirs)}, indent=2))


if __name__ == "__main__":
    run_command("training.repeats", main)
