"""Write the fingerprint of what the networks learn from: `python -m training.fingerprint DATA [DATA ...]`.

DATA are folders in MAESTRO's layout, all those that a network was trained on. As in its training, pieces that are the
music of a validation or test piece of any of the folders are left out. With `--measure` the fingerprint's figures are
compared with the true ones for the first folder's other splits, which nothing was learnt from."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.performance.events import KEY, PITCHES
from core.performance.fingerprint import FILE, Fingerprint
from training.commands import add_cache_option, run_command
from training.data import data_folder, read_folder
from training.held_out import learnable
from training.likeness import Corpus
from training.midi import moments_of

PIECE_NOTES = 1200
"""Notes of each piece that are measured, its first: as many as a generated piece of 100 s has."""


def pitches_of(moments: np.ndarray) -> np.ndarray:
    """The pitches of a piece's notes, in order."""
    return moments[moments[:, KEY] < PITCHES, KEY]


def measured(fingerprint: Fingerprint, corpus: Corpus, pieces: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """For each piece the longest run of notes that it shares with the corpus, and what the fingerprint says."""
    beginnings = [moments[: np.searchsorted(np.cumsum(moments[:, KEY] < PITCHES), PIECE_NOTES)] for moments in pieces]
    return [(corpus.longest_run(moments), fingerprint.longest_run(pitches_of(moments))) for moments in beginnings]


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    folders = [read_folder(data_folder(name)) for name in options.data]
    training = [moments for of_folder in learnable(folders, options.cache) for _, moments in of_folder]
    fingerprint = Fingerprint.of(map(pitches_of, training))
    fingerprint.save(options.output)
    figures = {
        "pieces": len(training),
        "notes": sum(len(pitches_of(moments)) for moments in training),
        "filled": round(fingerprint.filled, 4),
    }
    print(json.dumps(figures))
    if options.measure:
        others = [recording for recording in folders[0] if recording.split != "train"]
        unseen = [moments for _, moments in moments_of(others, options.cache)]
        print("shared  said")
        for shared, said in sorted(measured(fingerprint, Corpus(training), unseen)):
            print(f"{shared:6}  {said:4}")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.fingerprint", description=__doc__)
    parser.add_argument("data", nargs="+", help="folders with a CSV of MAESTRO's columns, or `maestro`: download it")
    parser.add_argument("--output", type=Path, default=FILE, help="(default: %(default)s)")
    parser.add_argument("--measure", action="store_true", help="compare it with the true figures, some minutes")
    add_cache_option(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command("training.fingerprint", main)
