"""The pieces that a performance network learns from: those of some folders, less what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.performance.architecture import ANY
from training.data import Recording, data_folder, of_split, read_folder, style_of
from training.held_out import learnable
from training.midi import moments_of
from training.plan import DataFolder
from training.windows import TrainingPiece


def read_training(
    folders: Sequence[DataFolder], cache: Path, known: Sequence[str] = (ANY,), only: Sequence[str] | None = None
) -> tuple[list[TrainingPiece], tuple[str, ...]]:
    """The training pieces of all folders, and the styles: those `known`, then any others that are in the folders, or of
    those `only` these. Training pieces that are the music of a validation or test piece of any of the folders are left
    out. Raises BadData when nothing is left."""
    kept = learnable([read_folder(data_folder(entry.folder)) for entry in folders], cache)
    found = {style_of(recording.composer) for read in kept for recording, _ in read}
    styles = (*known, *sorted((found if only is None else set(only)) - set(known), key=str.casefold))
    return [piece for entry, read in zip(folders, kept, strict=True) for piece in _pieces(entry, read, styles)], styles


def _pieces(
    entry: DataFolder, read: Sequence[tuple[Recording, np.ndarray]], styles: Sequence[str]
) -> list[TrainingPiece]:
    numbers = {style: number for number, style in enumerate(styles)}
    return [
        TrainingPiece(moments, numbers.get(style_of(recording.composer), 0), entry.share, not entry.clips)
        for recording, moments in read
    ]


def read_validation(folder: str, cache: Path) -> list[np.ndarray]:
    """The moments of the folder's validation pieces."""
    return [moments for _, moments in moments_of(of_split(read_folder(data_folder(folder)), "validation"), cache)]


def excerpts(pieces: Sequence[np.ndarray], events: int) -> list[np.ndarray]:
    """Some of the pieces, evenly chosen, about `events` in all: enough to see how a run does."""
    every = max(sum(map(len, pieces)) // max(events, 1), 1)
    return list(pieces[::every])
