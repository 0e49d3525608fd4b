"""MIDI files of a data set, as pretty_midi reads them but with the pedal that it loses."""

from __future__ import annotations

from pathlib import Path

import mido
from pretty_midi import ControlChange, PrettyMIDI

from core.midi.controllers import SUSTAIN

DRUMS = 9
"""The channel of the drums, counted from 0."""


def read_midi(path: Path) -> PrettyMIDI:
    """The file with its sustain pedal, also where that is in a track of its own.

    Many files keep each hand in a track and the pedal in a third one. pretty_midi drops what stands in a track for a
    channel that has no notes there. Here that pedal is given to the first instrument that is no drum: the model plays
    all of them together as one piano, whatever their channels. The channel of the drums has no pedal."""
    file = mido.MidiFile(str(path))
    midi = PrettyMIDI(mido_object=file)  # from here on the times in `file` are ticks from its start
    pianos = [instrument for instrument in midi.instruments if not instrument.is_drum]
    if pianos:
        pianos[0].control_changes += [
            ControlChange(SUSTAIN, message.value, midi.tick_to_time(message.time))
            for track in file.tracks
            for message in pedal_alone(track)
        ]
    return midi


def pedal_alone(track: mido.MidiTrack) -> list[mido.Message]:
    """The moves of the sustain pedal in a track for channels on which nothing is struck there."""
    struck = {message.channel for message in track if message.type == "note_on" and message.velocity}
    return [
        message
        for message in track
        if message.type == "control_change" and message.control == SUSTAIN and message.channel not in struck | {DRUMS}
    ]
