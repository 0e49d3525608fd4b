"""Another instrument, tempo or pitch for a piece, without composing it again."""

from __future__ import annotations

from pretty_midi import ControlChange, Instrument, PrettyMIDI

from core.midi.controllers import SUSTAIN
from core.options import INSTRUMENTS
from core.rendering.pedal import Span, pedal_of, ringing
from core.request import Rendering
from core.seed import HIGHEST_PITCH, LOWEST_PITCH

LEGATO_SECONDS = 0.5
"""How long a finger stays on a key where the pedal of a piano would have held the note."""

_ORGANS = range(16, 24)  # General MIDI's family of those whose notes do not die away


def edit(music: PrettyMIDI, rendering: Rendering) -> None:
    """Change `music` itself to what `rendering` asks for. A note that would leave the keyboard stays on it, in the next
    octave; organs have no sustain pedal, and are played legato instead."""
    program = INSTRUMENTS[rendering.instrument]
    pedal = pedal_of(music)
    _join_hands(music)
    for part in music.instruments:
        if part.is_drum:
            continue
        part.program = program
        if program in _ORGANS:
            _play_legato(part, pedal)
        for note in part.notes:
            note.pitch = _on_keyboard(note.pitch + rendering.transpose)
    for signature in music.key_signature_changes:
        octave = signature.key_number // 12 * 12  # minor keys come after major ones
        signature.key_number = octave + (signature.key_number + rendering.transpose) % 12
    if rendering.stretch != 1:
        _stretch(music, rendering.stretch)


def _join_hands(music: PrettyMIDI) -> None:
    """Make one part of the two hands, which may share a key."""
    pianos = [part for part in music.instruments if not part.is_drum]
    for hand in pianos[1:]:
        pianos[0].notes += hand.notes
        pianos[0].control_changes += hand.control_changes
        music.instruments.remove(hand)


def _on_keyboard(pitch: int) -> int:
    if pitch > HIGHEST_PITCH:
        return HIGHEST_PITCH - 11 + (pitch - HIGHEST_PITCH - 1) % 12
    if pitch < LOWEST_PITCH:
        return LOWEST_PITCH + (pitch - LOWEST_PITCH) % 12
    return pitch


def _play_legato(part: Instrument, pedal: list[Span]) -> None:
    """Lengthen notes in place of the pedal, which would pile up dozens of them."""
    part.notes.sort(key=lambda note: note.start)
    for note, until in zip(part.notes, ringing(part.notes, pedal, LEGATO_SECONDS), strict=True):
        note.end = until
    part.control_changes = [change for change in part.control_changes if change.number != SUSTAIN]


def _stretch(music: PrettyMIDI, factor: float) -> None:
    """Make everything last `factor` times as long, by the tempo: beats and bars stay where they are."""
    changes = [
        [ControlChange(change.number, change.value, change.time * factor) for change in part.control_changes]
        for part in music.instruments
    ]
    end = music.get_end_time() + 1
    music.adjust_times([0, end], [0, end * factor])
    for part, stretched in zip(music.instruments, changes, strict=True):
        part.control_changes = stretched  # of those at 0, which may be for several controllers, it keeps but one
