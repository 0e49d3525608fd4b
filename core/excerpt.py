"""The opening of a piece, for another piece to go on from."""

from __future__ import annotations

import io

from pretty_midi import PrettyMIDI


def opening(midi: bytes, seconds: float) -> bytes:
    """What begins in the first `seconds` of a piece; its first note always stays. `midi` is a file of ours."""
    music = PrettyMIDI(io.BytesIO(midi))
    first = min((note.start for part in music.instruments for note in part.notes), default=0.0)
    until = max(seconds, first + 1e-3)
    for part in music.instruments:
        part.notes = [note for note in part.notes if note.start < until]
        part.control_changes = [change for change in part.control_changes if change.time < until]
    file = io.BytesIO()
    music.write(file)
    return file.getvalue()
