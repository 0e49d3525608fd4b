"""Files that a listener sends, as they are read."""

from __future__ import annotations

import io

from pretty_midi import PrettyMIDI

from core.midi.controllers import SUSTAIN
from core.midi.piano import Upload
from tests.support.midi_corpus import (
    LEGAL,
)

GOOD = LEGAL["one note"][0]


def notes_of(upload: Upload) -> list[tuple[float, float, int, int]]:
    [piano] = PrettyMIDI(io.BytesIO(upload.midi)).instruments
    assert upload.notes == len(piano.notes)
    assert not piano.is_drum
    return sorted((note.start, note.end, note.pitch, note.velocity) for note in piano.notes)


def pedal_of(upload: Upload) -> list[tuple[float, int]]:
    [piano] = PrettyMIDI(io.BytesIO(upload.midi)).instruments
    return [(round(move.time, 3), move.value) for move in piano.control_changes if move.number == SUSTAIN]
