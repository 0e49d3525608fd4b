"""Scores and how pianists played them: each note of a score with its onset, velocity and duration in a performance.

Reads the layout of ASAP: `metadata.csv`, whose rows name a performance, its score and both their annotations, which are
the seconds of the beats, as many in the one as in the other."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pretty_midi import Note

from core.midi.controllers import PEDAL_THRESHOLD
from core.midi.smf import Score, parse

NEAR_BEATS = 0.4
"""How far from its place in the score, in beats, a note may be played and still be recognised."""
LEAST_FOUND = 0.85
"""The share of a score's notes that a performance has at the least: others follow another edition."""


@dataclass(frozen=True, slots=True)
class Playing:
    """How a score's notes were played, each (notes,): seconds and velocities, NaN for a note that was left out."""

    onsets: np.ndarray
    velocities: np.ndarray
    durations: np.ndarray
    pedal: np.ndarray
    """Seconds at which the pedal went down."""


@dataclass(frozen=True, slots=True)
class AlignedPiece:
    """A score, its notes in order, with the seconds of its beats, and the performances of it by the names of their
    files."""

    name: str
    notes: Sequence[Note]
    beats: np.ndarray
    performances: dict[str, Playing]


def aligned_pieces(folder: Path, files: set[str]) -> Iterator[AlignedPiece]:
    """The scores of which two or more performances are among these files, in the order of `metadata.csv`."""
    scores: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (folder / "metadata.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if row["midi_performance"] in files:
                scores[row["midi_score"]].append(row)
    for score, rows in scores.items():
        if len(rows) > 1:
            piece = _aligned(folder, score, rows)
            if len(piece.performances) > 1:
                yield piece


def pace_of(piece: AlignedPiece) -> float:
    """The median of the pianists' seconds for a second of the score."""
    written = np.array([note.start for note in piece.notes])
    return float(np.median([_slope(written, playing.onsets) for playing in piece.performances.values()]))


def _slope(written: np.ndarray, played: np.ndarray) -> float:
    there = np.isfinite(played)
    return float(np.polyfit(written[there], played[there], 1)[0])


def _aligned(folder: Path, score: str, rows: Sequence[dict[str, str]]) -> AlignedPiece:
    notes, _ = _read(folder / score)
    beats = _beats(folder / rows[0]["midi_score_annotations"])
    found = {}
    for row in rows:
        played = _beats(folder / row["performance_annotations"])
        if len(played) == len(beats):
            playing = matched(notes, beats, *_read(folder / row["midi_performance"]), played)
            if np.isfinite(playing.onsets).mean() >= LEAST_FOUND:
                found[row["midi_performance"]] = playing
    return AlignedPiece(score, notes, beats, found)


def _read(path: Path) -> tuple[list[Note], np.ndarray]:
    score: Score = parse(path.read_bytes())
    notes = sorted(note for part in score.parts for note in part.notes)
    return [Note(note.velocity, note.pitch, note.start, note.end) for note in notes], _pedal(score)


def _pedal(score: Score) -> np.ndarray:
    """The seconds at which the pedal goes down."""
    downs = []
    for moves in score.pedals.values():
        was_down = False
        for move in sorted(moves):
            down = move.value >= PEDAL_THRESHOLD
            if down and not was_down:
                downs.append(move.time)
            was_down = down
    return np.array(sorted(downs))


def _beats(path: Path) -> np.ndarray:
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return np.array([float(line[0]) for line in lines if line[-1].startswith(("b", "db"))])


def matched(
    written: Sequence[Note], beats: np.ndarray, played: Sequence[Note], pedal: np.ndarray, played_beats: np.ndarray
) -> Playing:
    """How each written note was played. Both have the same beats, at these seconds."""
    places = np.arange(len(beats))
    there = np.interp([note.start for note in written], beats, places)
    here = np.interp([note.start for note in played], played_beats, places)
    columns = np.full((3, len(written)), np.nan)
    by_pitch: dict[int, list[int]] = defaultdict(list)
    for number, note in enumerate(played):
        by_pitch[note.pitch].append(number)
    pairs = sorted(
        (abs(there[number] - here[other]), number, other)
        for number, note in enumerate(written)
        for other in by_pitch[note.pitch]
        if abs(there[number] - here[other]) < NEAR_BEATS
    )
    taken_there, taken_here = set[int](), set[int]()
    for _, number, other in pairs:
        if number not in taken_there and other not in taken_here:
            taken_there.add(number)
            taken_here.add(other)
            note = played[other]
            columns[:, number] = note.start, note.velocity, note.end - note.start
    return Playing(columns[0], columns[1], columns[2], pedal)
