"""Music of a sequence that was given its notes: a score as it was performed, or a melody with its accompaniment."""

from __future__ import annotations

import numpy as np
from pretty_midi import Note, PrettyMIDI

from core.midi.smf import TimedNote
from core.performance.events import (
    BIN_CELLS,
    CELL,
    DURATION,
    END,
    KEY,
    PEDAL_DOWN,
    PEDAL_UP,
    PITCHES,
    SHIFT,
    decode,
    write,
)
from core.performance.sequence import EventSequence
from core.performance.spread import spread

MOMENT_SECONDS = 0.05
"""Notes that begin so close to one another are heard at once."""
SHORTEST_SECONDS = 0.03
"""The length that a note keeps at least where it is released early for the sake of another."""


def performed(sequence: EventSequence) -> PrettyMIDI:
    """The score as it was played: as many notes as it has, and a pedal that comes up when the last key does."""
    playing = sequence.playing
    given, struck = playing.given, playing.struck[: playing.settled]
    moments = decode(sequence.events[: len(struck)])
    numbers = np.flatnonzero(struck >= 0)
    moments[numbers, SHIFT] += np.diff(given.rests[struck[numbers]], prepend=0)
    music = write(*spread(_closed(moments), sequence.take))
    if not given.freedom:
        _as_written(music, [given.notes[number] for number in struck[numbers]])
    return music


def _closed(moments: np.ndarray) -> np.ndarray:
    """The moments, and the end at which the last sound stops."""
    onsets = np.cumsum(moments[:, SHIFT])
    end = int((onsets + moments[:, DURATION]).max())
    pedal = moments[moments[:, KEY] >= PITCHES, KEY]
    down = len(pedal) > 0 and pedal[-1] == PEDAL_DOWN
    closing = np.array([[0, PEDAL_UP, 0, 0], [0, END, 0, 0]], dtype=np.int32)[0 if down else 1 :]
    closing[0, SHIFT] = end - int(onsets[-1])
    return np.concatenate([moments, closing])


def _as_written(music: PrettyMIDI, written: list[TimedNote]) -> None:
    """Let every note begin exactly where it is written."""
    held: dict[int, Note] = {}
    for note, score in zip(music.instruments[0].notes, written, strict=True):
        duration = note.end - note.start
        note.start, note.end = score.start, score.start + duration
        if (before := held.get(note.pitch)) is not None:
            note.start = max(note.start, before.start + 2 * CELL / 10)
            before.end = min(before.end, note.start)
        held[note.pitch] = note


def harmonized(sequence: EventSequence) -> PrettyMIDI:
    """The melody exactly where it was given, and its accompaniment, no louder than it and released where it would rub
    against the melody's next note."""
    given, struck = sequence.playing.given, sequence.playing.struck
    moments = sequence.moments()
    sounds = sequence.events[:, KEY] < PITCHES
    moments[0, SHIFT] += int(BIN_CELLS[sequence.events[: sounds.argmax() + 1, SHIFT]].sum())
    music = write(*spread(moments, sequence.take))
    notes = music.instruments[0].notes
    melody = {number: given.notes[note] for number, note in enumerate(struck[sounds][: len(notes)]) if note >= 0}
    for number, written in melody.items():
        notes[number].start, notes[number].end = written.start, written.end
    own = [note for number, note in enumerate(notes) if number not in melody]
    for number in melody:
        _bring_out(notes[number], own)
    return music


def _bring_out(note: Note, others: list[Note]) -> None:
    """Let a melody's note be as loud as any other of its moment, and let go of what clashes with it."""
    near = [other.velocity for other in others if abs(other.start - note.start) <= MOMENT_SECONDS]
    note.velocity = max([note.velocity, *near])
    for other in others:
        if abs(other.pitch - note.pitch) <= 1 and other.start < note.start < other.end:
            other.end = max(note.start, other.start + SHORTEST_SECONDS) if other.pitch != note.pitch else note.start
