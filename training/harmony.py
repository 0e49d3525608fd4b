"""How a checkpoint harmonizes: `python -m training.harmony` has it accompany twenty melodies, which are made here.

Each melody is sixteen bars in a key of its own, of four phrases: steps and now and then a leap, longer notes at the
ends of phrases, and the tonic last. What is measured is what a listener would mind: whether the melody is there and
heard, and how often the accompaniment rubs against it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pretty_midi import Note, PrettyMIDI

from core.midi.beats import PLAIN
from core.midi.writer import Strike, Track, written
from core.models import CHECKPOINTS
from core.options import STEP_SECONDS
from core.performance.composer import MODEL, PerformanceComposer
from core.performance.interpretation import MOMENT_SECONDS
from core.request import ComposeRequest
from core.seed import Seed
from core.tasks import HARMONIZE
from training.commands import run_command

MELODIES = 20
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))
_STEPS, _CHANCES = (-3, -2, -1, 1, 2, 3), (0.06, 0.14, 0.3, 0.3, 0.14, 0.06)
_RHYTHMS = ((1, 1, 1, 1), (2, 1, 1), (1.5, 0.5, 1, 1), (1, 1, 2), (1, 0.5, 0.5, 2))
_PHRASE_END = (1, 3)
"""Beats of the last bar of a phrase."""


def melody(number: int) -> list[Note]:
    """One of the melodies, in seconds."""
    random = np.random.default_rng(number)
    scale, tonic, beat = _SCALES[number % 2], 60 + 5 * number % 12, random.uniform(0.4, 0.7)
    degree, time, notes = 7, 0.0, list[Note]()
    for bar in range(16):
        rhythm = _PHRASE_END if bar % 4 == 3 else _RHYTHMS[random.integers(len(_RHYTHMS))]
        for beats in rhythm:
            degree = int(np.clip(degree + random.choice(_STEPS, p=_CHANCES), 2, 14))
            last = bar == 15 and beats == rhythm[-1]
            octave, step = divmod(7 if last else degree, 7)
            pitch = tonic + 12 * octave + scale[step]
            notes.append(Note(80, pitch, time, time + 0.95 * beat * beats))
            time += beat * beats
    return notes


def request_for(notes: Sequence[Note], take: int, style: str) -> ComposeRequest:
    strikes = [Strike(round(1000 * note.start), round(1000 * note.end), note.pitch, note.velocity) for note in notes]
    length = int(np.ceil(notes[-1].end / STEP_SECONDS))
    score = written([Track("Melody", strikes)], PLAIN)
    return ComposeRequest(Seed(), take=take, task=HARMONIZE, score=score, length=length, style=style)


def figures(notes: Sequence[Note], music: PrettyMIDI) -> dict[str, float]:
    """Figures of a melody that was harmonized: how many of its notes are missing or too soft, and of the accompaniment
    the number of notes, the share that sounds a semitone from a note of the melody, and the share above it."""
    played = music.instruments[0].notes
    wanted = set(map(_place, notes))
    kept = [note for note in played if _place(note) in wanted]
    others = [note for note in played if _place(note) not in wanted]
    soft = sum(
        any(other.velocity > note.velocity for other in others if abs(other.start - note.start) <= MOMENT_SECONDS)
        for note in kept
    )
    beside = [(other, [note for note in notes if _overlap(note, other)]) for other in others]
    return {
        "missing": len(notes) - len(kept),
        "too_soft": soft,
        "others": len(others),
        "clashing": sum(any(abs(note.pitch - other.pitch) == 1 for note in over) for other, over in beside),
        "above": sum(any(other.pitch > note.pitch for note in over) for other, over in beside),
        "seconds": notes[-1].end,
    }


def _place(note: Note) -> tuple[int, int]:
    return note.pitch, round(1000 * note.start)


def _overlap(one: Note, other: Note) -> bool:
    return bool(one.start < other.end and other.start < one.end)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.harmony", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / MODEL, help="(default: %(default)s)")
    parser.add_argument("--style", default="any", help="(default: %(default)s)")
    parser.add_argument("--output", type=Path, help="folder for the harmonies")
    options = parser.parse_args(arguments)
    composer = PerformanceComposer.load(options.checkpoint)
    composer.warm_up()
    found = []
    for number in range(MELODIES):
        notes = melody(number)
        music = composer.compose(request_for(notes, number, options.style)).music
        found.append(figures(notes, music))
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            music.write(str(options.output / f"{number:02}.mid"))
    print(json.dumps(_summed(found), indent=2))


def _summed(found: Sequence[dict[str, float]]) -> dict[str, Any]:
    total = {name: sum(one[name] for one in found) for name in found[0]}
    return {
        "melodies": len(found),
        "notes_missing": total["missing"],
        "notes_too_soft": total["too_soft"],
        "accompaniment_notes_a_second": round(total["others"] / total["seconds"], 2),
        "share_a_semitone_away": round(total["clashing"] / total["others"], 4),
        "share_above": round(total["above"] / total["others"], 4),
    }


if __name__ == "__main__":
    run_command("training.harmony", main)
