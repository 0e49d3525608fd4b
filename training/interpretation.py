"""How a checkpoint performs scores, beside pianists who played the same ones.

`python -m training.interpretation SCORES DATA` reads scores and their performances (`training.aligned`): the
files that DATA, a folder as MAESTRO lays out its own, has in its held-out splits. Excerpts of the scores, without their
velocities and pedal and at the pianists' mean tempo, are performed; what is compared with the pianists is

- velocity and local tempo: the correlation with the mean of the pianists, beside that of each pianist with the others;
- a two-sample test of how the keys are played: the AUC of classifiers that are asked about pieces they have not seen;
- how often the pedal goes down, and whether every note is there."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pretty_midi import Note, PrettyMIDI

from core.midi.beats import PLAIN
from core.midi.controllers import PEDAL_THRESHOLD, SUSTAIN
from core.midi.writer import Strike, Track, playable, written
from core.models import CHECKPOINTS
from core.performance.composer import MODEL, PerformanceComposer
from core.request import ComposeRequest
from core.seed import LOWEST_PITCH, Seed
from core.tasks import PERFORM
from training.aligned import AlignedPiece, Playing, aligned_pieces, pace_of
from training.commands import count, run_command
from training.data import data_folder, of_split, read_folder
from training.two_sample import CLASSIFIERS, auc, playing_features

SECONDS, EXCERPTS = 60.0, 30
"""The length of an excerpt, and how many there are."""
MOST_PIANISTS = 6
"""Pianists of an excerpt who are listened to."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a score as pianists played it: its notes in seconds at their mean tempo, its beats, and how each
    played it."""

    piece: str
    notes: Sequence[Note]
    beats: np.ndarray
    pianists: Sequence[Playing]


def passages(piece: AlignedPiece, count: int, seconds: float = SECONDS) -> list[Passage]:
    """As many parts of a piece, evenly through it, of so many seconds as the pianists play it, or all of it."""
    pianists = [piece.performances[name] for name in sorted(piece.performances)][:MOST_PIANISTS]
    pace = pace_of(piece)
    beats, length = piece.beats * pace, seconds
    last = max(beats[0], beats[-1] - length)
    begins = [beats[np.argmin(abs(beats - moment))] for moment in np.linspace(beats[0], last, count)]
    return [_passage(piece, pianists, pace, begin, begin + length) for begin in dict.fromkeys(begins)]


def _passage(piece: AlignedPiece, pianists: Sequence[Playing], pace: float, since: float, until: float) -> Passage:
    onsets = np.array([note.start * pace for note in piece.notes])
    named = {
        (round(onset, 3), note.pitch): number
        for number, (onset, note) in enumerate(zip(onsets, piece.notes, strict=True))
    }
    chosen = np.array([n for (onset, _), n in sorted(named.items()) if since - 1e-3 <= onset < until])
    notes = [
        Note(64, piece.notes[n].pitch, onsets[n] - since, piece.notes[n].end * pace - since) for n in chosen.tolist()
    ]
    beats = piece.beats * pace
    return Passage(
        piece.name, notes, beats[(beats >= since) & (beats < until)] - since, [_part(each, chosen) for each in pianists]
    )


def _part(playing: Playing, chosen: np.ndarray) -> Playing:
    onsets = playing.onsets[chosen]
    since, until = np.nanmin(onsets), np.nanmax(onsets)
    pedal = playing.pedal[(playing.pedal >= since) & (playing.pedal < until)] - since
    return Playing(onsets - since, playing.velocities[chosen], playing.durations[chosen], pedal)


def score_file(passage: Passage) -> bytes:
    """The notes as a file that says nothing of how they are played."""
    starts = [round(1000 * note.start) for note in passage.notes]
    strikes = [
        Strike(start, max(round(1000 * note.end), start + 1), note.pitch, 64)
        for start, note in zip(starts, passage.notes, strict=True)
    ]
    return written([Track("Piano", playable(sorted(strikes)))], PLAIN)


def performed(composer: PerformanceComposer, passage: Passage, take: int, freedom: int = 100) -> PrettyMIDI:
    """The passage as the network plays it."""
    request = ComposeRequest(Seed(), take=take, task=PERFORM, score=score_file(passage), length=3000, freedom=freedom)
    return composer.compose(request).music


def playing_of(passage: Passage, music: PrettyMIDI) -> Playing:
    """How the passage's notes are played in `music`, where a key's first note is its first there too."""
    piano = music.instruments[0]
    by_pitch = defaultdict(list)
    for note in sorted(piano.notes, key=lambda note: note.start):
        by_pitch[note.pitch].append(note)
    columns = np.full((3, len(passage.notes)), np.nan)
    for number, written_note in enumerate(passage.notes):
        if queue := by_pitch[written_note.pitch]:
            note = queue.pop(0)
            columns[:, number] = note.start, note.velocity, note.end - note.start
    downs = [
        change.time for change in piano.control_changes if change.number == SUSTAIN and change.value >= PEDAL_THRESHOLD
    ]
    return Playing(columns[0], columns[1], columns[2], np.array(downs))


def flat(passage: Passage) -> Playing:
    """The passage exactly as it is written."""
    notes = passage.notes
    return Playing(
        np.array([note.start for note in notes]),
        np.full(len(notes), 64.0),
        np.array([note.end - note.start for note in notes]),
        np.zeros(0),
    )


def tempo(passage: Passage, playing: Playing) -> np.ndarray:
    """The logarithm of how much longer than written each beat is played; NaN before the first note and after the
    last."""
    onsets = np.array([note.start for note in passage.notes])
    there = np.isfinite(playing.onsets)
    moments, places = np.unique(np.round(onsets[there], 3), return_inverse=True)
    played = np.bincount(places, playing.onsets[there]) / np.bincount(places)
    beats = np.interp(passage.beats, moments, played, left=np.nan, right=np.nan)
    return np.log(np.maximum(np.diff(beats), 0.02) / np.diff(passage.beats))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Where both are known; NaN where either is the same throughout."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < 3 or not one[known].std() or not other[known].std():
        return float("nan")
    return float(np.corrcoef(one[known], other[known])[0, 1])


def likeness(passage: Passage, playing: Playing, others: Sequence[Playing]) -> dict[str, float]:
    """The correlation of velocity and local tempo with the means of others who play the same."""
    loud = np.nanmean([_centred(other.velocities) for other in others], axis=0)
    slow = np.nanmean([tempo(passage, other) for other in others], axis=0)
    return {
        "velocity": correlation(playing.velocities, loud),
        "tempo": correlation(tempo(passage, playing), slow),
        "pedal": len(playing.pedal) / (np.nanmax(playing.onsets) / 60),
    }


def _centred(values: np.ndarray) -> np.ndarray:
    return values - np.nanmean(values)


def rows(passage: Passage, playing: Playing) -> dict[str, float]:
    """Features of how the keys are played, without the pedal."""
    there = np.flatnonzero(np.isfinite(playing.onsets))
    order = there[np.argsort(playing.onsets[there], kind="stable")]
    onsets = np.round(1000 * playing.onsets[order]).astype(int)
    keys = np.array([passage.notes[number].pitch - LOWEST_PITCH for number in order])
    durations = np.maximum(np.round(1000 * playing.durations[order]), 1)
    moments = np.stack([np.diff(onsets, prepend=0), keys, playing.velocities[order], durations], axis=1)
    return playing_features(moments.astype(np.int32))


def lost_or_added(passage: Passage, music: PrettyMIDI) -> int:
    """How many notes are missing, or there without being written."""
    asked = Counter(note.pitch for note in passage.notes)
    played = Counter(note.pitch for note in music.instruments[0].notes)
    return (asked - played).total() + (played - asked).total()


def compare(found: Sequence[tuple[Passage, PrettyMIDI]]) -> dict[str, Any]:
    """The figures of the performances beside those of the pianists."""
    ours, theirs, lost = [], [], 0
    table, truth, groups = [], [], []
    for passage, music in found:
        playing = playing_of(passage, music)
        lost += lost_or_added(passage, music)
        ours.append(likeness(passage, playing, passage.pianists))
        for number, pianist in enumerate(passage.pianists):
            others = [*passage.pianists[:number], *passage.pianists[number + 1 :]]
            theirs.append(likeness(passage, pianist, others))
        for one, ours_here in [(playing, 1), *((pianist, 0) for pianist in passage.pianists)]:
            table.append(list(rows(passage, one).values()))
            truth.append(ours_here)
            groups.append(passage.piece)
    values = np.array(table)
    figures: dict[str, Any] = {"excerpts": len(found), "notes_lost_or_added": lost}
    for name in ("velocity", "tempo", "pedal"):
        figures[name] = {
            who: round(float(np.nanmean([one[name] for one in of])), 3)
            for who, of in (("performed", ours), ("pianists", theirs))
        }
    figures["two_sample"] = {name: auc(make, values, np.array(truth), groups) for name, make in CLASSIFIERS.items()}
    return figures


def held_out_pieces(scores: Path, data: Path) -> list[AlignedPiece]:
    """The pieces that are held out of training."""
    recordings = read_folder(data_folder(str(data)))
    names = {str(one.path.relative_to(data)) for split in ("validation", "test") for one in of_split(recordings, split)}
    return list(aligned_pieces(scores, names))


def held_out(scores: Path, data: Path, excerpts: int) -> Iterator[Passage]:
    """Passages of these pieces, as many of one as of another."""
    pieces = held_out_pieces(scores, data)
    for number, piece in enumerate(pieces):
        share = excerpts // len(pieces) + (number < excerpts % len(pieces))
        yield from passages(piece, share)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.interpretation", description=__doc__)
    parser.add_argument("scores", type=Path, help="folder of scores and their performances, as ASAP has them")
    parser.add_argument("data", type=Path, help="folder in MAESTRO's layout that says which are held out")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / MODEL, help="(default: %(default)s)")
    parser.add_argument("--excerpts", type=count, default=EXCERPTS, help="(default: %(default)s)")
    parser.add_argument("--take", type=int, default=1, help="of the first (default: %(default)s)")
    parser.add_argument("--freedom", type=int, default=100, help="(default: %(default)s)")
    parser.add_argument("--output", type=Path, help="folder for the performances")
    options = parser.parse_args(arguments)
    excerpts = list(held_out(options.scores, options.data, options.excerpts))
    composer = PerformanceComposer.load(options.checkpoint)
    composer.warm_up()
    began, found = time.perf_counter(), []
    for number, passage in enumerate(excerpts):
        music = performed(composer, passage, options.take + number, options.freedom)
        found.append((passage, music))
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            music.write(str(options.output / f"{number:02}.mid"))
    seconds = sum(music.get_end_time() for _, music in found)
    figures = compare(found) | {"times_real_time": round(seconds / (time.perf_counter() - began), 1)}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    run_command("training.interpretation", main)
