"""MIDI files of a data set, read as moments: as pretty_midi reads them, but with the pedal that it loses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
from pretty_midi import ControlChange, PrettyMIDI

from core.errors import BadData
from core.midi.controllers import SUSTAIN
from core.midi.smf import DRUMS
from core.performance.events import KEY, PITCHES, read
from core.seed import HIGHEST_PITCH, LOWEST_PITCH
from training.data import Recording, read_once

EVENTS_KIND = "performance-2"
"""Names what `read_moments` makes, in the cache."""


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


def read_moments(path: Path) -> np.ndarray:
    """A MIDI file -> its moments. Raises BadData if any note on the piano's keys was lost on the way."""
    midi = read_midi(path)
    moments = read(midi)
    in_file = sum(
        LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH
        for instrument in midi.instruments
        if not instrument.is_drum
        for note in instrument.notes
    )
    if notes_in(moments) != in_file:
        raise BadData(f"{path} has {in_file} notes, of which the events keep {notes_in(moments)}")
    return moments


def notes_in(moments: np.ndarray) -> int:
    return int((moments[:, KEY] < PITCHES).sum())


def moments_of(recordings: Sequence[Recording], cache: Path) -> list[tuple[Recording, np.ndarray]]:
    """The recordings that have notes, with their moments. A file that cannot be read is left out, with a message.
    Raises BadData when none is left of several."""
    entries = [entry for entry in read_once(recordings, read_moments, cache, EVENTS_KIND) if len(entry[1])]
    if recordings and not entries:
        raise BadData(f"no file of the split '{recordings[0].split}' has a note on a piano's keys")
    return entries
