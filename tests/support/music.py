"""Small pieces to play, and ears to hear them with."""

import io
from collections.abc import Sequence

import numpy as np
import soundfile
from pretty_midi import ControlChange, Instrument, Note, PrettyMIDI

from core.composer import Composition, Progress, Settled
from core.request import ComposeRequest

PEDAL = 64


def piano(*notes: Note, pedal: Sequence[tuple[float, int]] = ()) -> PrettyMIDI:
    """Notes, and the pedal as (seconds, value)."""
    midi = PrettyMIDI()
    midi.instruments.append(Instrument(program=0))
    midi.instruments[0].notes.extend(notes)
    midi.instruments[0].control_changes.extend(ControlChange(PEDAL, value, time) for time, value in pedal)
    return midi


def composed(*notes: Note, pedal: Sequence[tuple[float, int]] = ()) -> PrettyMIDI:
    """The same in ticks of a millisecond, as the default model composes it."""
    midi = PrettyMIDI(resolution=500, initial_tempo=120)
    midi.instruments = piano(*notes, pedal=pedal).instruments
    return midi


def scale(seconds: float, velocity: int = 80) -> PrettyMIDI:
    """Two notes a second, up and down two octaves."""
    return piano(
        *(Note(velocity, 60 + 2 * abs(step % 24 - 12), step / 2, step / 2 + 0.5) for step in range(int(2 * seconds)))
    )


def played(midi: PrettyMIDI) -> list[Note]:
    """The notes of both hands, in the order in which they begin."""
    notes = [note for hand in midi.instruments for note in hand.notes]
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def as_bytes(midi: PrettyMIDI) -> bytes:
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()


def decode(mp3: bytes) -> tuple[np.ndarray, int]:
    """The samples of an MP3, (samples, 2), -1 to 1, and how many there are a second."""
    return soundfile.read(io.BytesIO(mp3), always_2d=True)


def decibels(samples: np.ndarray) -> float:
    """The peak in dBFS, for integer samples and for floats."""
    full = 32768 if samples.dtype == np.int16 else 1.0
    return float(20 * np.log10(np.abs(samples.astype(float)).max() / full))


class Pianist:
    """A composer that needs no network: the seed's first chord, then a scale that begins at a note of its take."""

    model = "performance"
    checkpoint = "0123456789ab"
    places = 1

    def compose(
        self,
        request: ComposeRequest,
        progress: Progress = lambda share: None,
        settled: Settled = lambda so_far: None,
    ) -> Composition:
        progress(0.0)
        midi = scale(request.seconds, velocity=40 + request.take % 80)
        for pitch in request.seed.chords[0] if request.seed.chords else ():
            midi.instruments[0].notes.append(Note(100, pitch, 0.0, 0.4))
        progress(1.0)
        return Composition(midi)

    def attention(self, music: PrettyMIDI) -> tuple[list[str], list[np.ndarray]] | None:
        return None

    def warm_up(self) -> None:
        pass

    def warm_up_fully(self) -> None:
        pass
