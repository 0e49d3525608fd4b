"""Music as the article sees it: five frames a second, each one word that lists the pitches that sound in it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pretty_midi import Instrument, Note, PrettyMIDI

FRAMES_PER_SECOND = 5
SILENCE = "e"
"""The word of a frame in which nothing sounds."""
VELOCITY = 100
"""The one velocity of a piece by the article's model."""


def piano_roll(midi: PrettyMIDI) -> np.ndarray:
    """The pitches that sound in each frame of 0.2 s, from the first frame that sounds: (frames, 128) of bool.

    All instruments but drums count, since some data sets write one piano on several tracks. A pitch that the sustain
    pedal holds sounds. A silent piece has no frames."""
    roll = midi.get_piano_roll(fs=FRAMES_PER_SECOND).T > 0
    return roll[roll.any(axis=1).argmax() :] if roll.any() else roll[:0]


def words_of(roll: np.ndarray) -> list[str]:
    """(frames, 128) piano roll -> one word a frame: `49,68` for pitches 49 and 68, `e` for none."""
    return [word_of(np.flatnonzero(frame)) for frame in roll]


def word_of(pitches: Iterable[int]) -> str:
    """The word of the frame in which these rising pitches sound."""
    return ",".join(map(str, pitches)) or SILENCE


def pitches_of(word: str) -> tuple[int, ...]:
    """`49,68` -> (49, 68), `e` -> ()."""
    return () if word == SILENCE else tuple(map(int, word.split(",")))


def roll_of(words: list[str]) -> np.ndarray:
    """One word a frame -> (frames, 128) piano roll; the inverse of `words_of`."""
    roll = np.zeros((len(words), 128), dtype=bool)
    for frame, word in enumerate(words):
        roll[frame, list(pitches_of(word))] = True
    return roll


def midi_of(roll: np.ndarray, frames_per_second: float = FRAMES_PER_SECOND) -> PrettyMIDI:
    """(frames, 128) piano roll -> a piano piece. A note starts where its pitch's row rises and ends where it falls.
    More frames a second than were trained on make the piece faster, as the article did with 7 or 8."""
    silence = np.zeros((1, 128), dtype=np.int8)
    change = np.diff(np.concatenate([silence, roll.astype(np.int8), silence]), axis=0)
    # by pitch, then by time: the nth rise of a pitch's row belongs to its nth fall
    pitches, starts = np.nonzero(change.T == 1)
    _, ends = np.nonzero(change.T == -1)
    piano = Instrument(program=0, name="Piano")
    piano.notes = [
        Note(VELOCITY, int(pitch), start / frames_per_second, end / frames_per_second)
        for pitch, start, end in sorted(zip(pitches, starts, ends, strict=True), key=lambda note: (note[1], note[0]))
    ]
    midi = PrettyMIDI()
    midi.instruments.append(piano)
    return midi


def grid_of(midi: PrettyMIDI) -> np.ndarray:
    """The (frames, 128) piano roll that `midi_of` wrote at 5 frames a second: its inverse, also after the piece was in
    a file, whose ticks put some notes a hair before their frame, where `piano_roll` would see them one frame early."""
    notes = [note for instrument in midi.instruments for note in instrument.notes]
    ends = [round(note.end * FRAMES_PER_SECOND) for note in notes]
    roll = np.zeros((max(ends, default=0), 128), dtype=bool)
    for note, end in zip(notes, ends, strict=True):
        roll[round(note.start * FRAMES_PER_SECOND) : end, note.pitch] = True
    return roll
