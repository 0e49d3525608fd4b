"""Excerpts of one length, generated and human, for a comparison that neither length nor rounding can give away.

Times are kept here at 1 ms and not on the model's grid of 10 ms, since a listener's .mid has them so: whether a grid
shows is part of what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.errors import BadData
from core.performance.events import CELL, DURATION, KEY, PEDAL_DOWN, PITCHES, SHIFT, in_order, read
from training.data import Recording, read_once, style_of
from training.midi import read_midi

PRECISION = 0.001
"""Seconds in a unit of time of what is read here."""
FINE_KIND = "fine-2"
"""Names what `read_fine` makes, in the cache."""
RECORDINGS_A_PIECE = 2
"""The most recordings of one human piece, so that the often recorded ones do not drown the others."""
PLACES = ("beginning", "middle", "end")
"""Where human excerpts are cut, one place a recording, in turn: generated pieces begin and end within theirs."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`moments` as in `core.performance.events` but in units of 1 ms; `piece` names the music, whoever plays it."""

    moments: np.ndarray
    piece: str
    style: str

    def in_cells(self) -> np.ndarray:
        """The moments with times in the model's cells of 10 ms, and in the order that they have there."""
        cells = self.moments.copy()
        onsets = _to_cells(np.cumsum(self.moments[:, SHIFT]))
        cells[:, DURATION] = _to_cells(np.cumsum(self.moments[:, SHIFT]) + self.moments[:, DURATION]) - onsets
        cells[:, SHIFT] = onsets
        cells = in_order(cells)
        cells[:, SHIFT] = np.diff(cells[:, SHIFT], prepend=0)
        return cells


def _to_cells(times: np.ndarray) -> np.ndarray:
    units = round(CELL / PRECISION)  # whole numbers: 145 ms by 10 ms is less than 14.5 in floating point
    return ((times + units // 2) // units).astype(np.int32)


def read_fine(path: Path) -> np.ndarray:
    """A MIDI file -> its moments in units of 1 ms."""
    return read(read_midi(path), PRECISION)


def cut(moments: np.ndarray, first: float, seconds: float) -> np.ndarray:
    """The excerpt of so many seconds from `first` (seconds) on, with onsets counted from there. A pedal that is down
    there is put down at once; notes that sound on stay whole. There is no end."""
    onsets = np.cumsum(moments[:, SHIFT]) * PRECISION
    before = moments[onsets < first, KEY]
    pedal = before[before >= PITCHES][-1:]
    chosen = moments[(onsets >= first) & (onsets < first + seconds) & (moments[:, KEY] <= PEDAL_DOWN)].copy()
    if not len(chosen):
        return chosen
    chosen[0, SHIFT] = round((onsets[onsets >= first][0] - first) / PRECISION)
    if not (pedal == PEDAL_DOWN).any():
        return chosen
    return np.concatenate([np.array([[0, PEDAL_DOWN, 0, 0]], dtype=chosen.dtype), chosen])


def played_span(moments: np.ndarray) -> tuple[float, float]:
    """The onsets of the first and the last note, in seconds."""
    onsets = np.cumsum(moments[:, SHIFT])[moments[:, KEY] < PITCHES] * PRECISION
    return float(onsets[0]), float(onsets[-1])


def human_recordings(recordings: Sequence[Recording]) -> list[Recording]:
    """The recordings that are compared with: up to `RECORDINGS_A_PIECE` of each piece, in the order of their paths."""
    chosen: dict[tuple[str, str], list[Recording]] = {}
    for recording in sorted(recordings, key=lambda recording: recording.path):
        of_piece = chosen.setdefault((recording.composer, recording.title), [])
        if len(of_piece) < RECORDINGS_A_PIECE:
            of_piece.append(recording)
    return [recording for of_piece in chosen.values() for recording in of_piece]


def read_human(recordings: Sequence[Recording], cache: Path) -> list[Excerpt]:
    """Whole human pieces; those that cannot be read or have next to no notes are left out."""
    return [
        Excerpt(moments, f"{recording.composer}: {recording.title}", style_of(recording.composer))
        for recording, moments in read_once(human_recordings(recordings), read_fine, cache, FINE_KIND)
        if _has_notes(moments)
    ]


def read_generated(folder: Path) -> list[Excerpt]:
    """Whole generated pieces, the .mid files in a folder and those below it. Style `any` have those in the folder
    itself, the others that of the folder in which they are. Raises BadData when there are none."""
    pieces = [
        Excerpt(read_fine(path), str(path), "any" if path.parent == folder else path.parent.name)
        for path in sorted(folder.glob("**/*.mid"))
    ]
    if not pieces:
        raise BadData(f"{folder} holds no .mid files")
    return pieces


def _has_notes(moments: np.ndarray) -> bool:
    return int((moments[:, KEY] < PITCHES).sum()) > 20


def beginnings(pieces: Sequence[Excerpt], seconds: float) -> list[Excerpt]:
    """The first `seconds` of each piece, from its first note on, or all of a shorter one."""
    return [
        replace(piece, moments=cut(piece.moments, played_span(piece.moments)[0], seconds))
        for piece in pieces
        if _has_notes(piece.moments)
    ]


def from_fixed_places(pieces: Sequence[Excerpt], seconds: float) -> list[Excerpt]:
    """An excerpt of each piece that is long enough: of the first its beginning, of the second its middle, of the third
    its end, and so on in turn."""
    spans = [(piece, *played_span(piece.moments)) for piece in pieces]
    long_enough = [(piece, begin, end) for piece, begin, end in spans if end - begin >= seconds]
    excerpts = []
    for number, (piece, begin, end) in enumerate(long_enough):
        place = number % len(PLACES) / (len(PLACES) - 1)
        first = begin + (end + PRECISION - seconds - begin) * place
        excerpts.append(replace(piece, moments=cut(piece.moments, first, seconds)))
    return [excerpt for excerpt in excerpts if _has_notes(excerpt.moments)]
