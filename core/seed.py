"""What a piece begins with: `random`, or notes written as pitches or names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import BadRequest, shown
from core.text import Text

LOWEST_PITCH, HIGHEST_PITCH = 21, 108
"""The keys of a piano, A0 to C8."""
CHORD_SECONDS = 0.4
"""How long each chord of a seed lasts when several follow one another."""
MAX_CHORDS = 25
MAX_CHORD_NOTES = 10
MAX_TYPED = 2000
"""Characters; the longest seed has 1250, `C#4,` for each note."""

ACCEPTED = Text(
    "a seed is 'random', or notes such as 72, C5, F#3 or Bb4 (a comma joins a chord, a space goes on to the next)"
)

_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_NAME = re.compile(r"([a-g])([#♯b♭]?)(-?\d)", re.IGNORECASE)
_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, slots=True)
class Seed:
    """Chords one after another, each a rising tuple of MIDI pitches; no chords at all mean `random`."""

    chords: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if len(self.chords) > MAX_CHORDS:
            raise BadRequest(
                "the seed has {chords} chords one after another, at most {most} are accepted",
                chords=len(self.chords),
                most=MAX_CHORDS,
            )
        for chord in self.chords:
            if len(chord) > MAX_CHORD_NOTES:
                raise BadRequest(
                    "a chord of the seed has {notes} notes, at most {most} are accepted",
                    notes=len(chord),
                    most=MAX_CHORD_NOTES,
                )
            for pitch in chord:
                if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
                    raise BadRequest(
                        "pitch {pitch} is not on a piano, which has {lowest} (A0) to {highest} (C8)",
                        pitch=pitch,
                        lowest=LOWEST_PITCH,
                        highest=HIGHEST_PITCH,
                    )

    @classmethod
    def parse(cls, text: str) -> Seed:
        """Read what a listener typed, as `ACCEPTED` says. Raises BadRequest."""
        if len(text) > MAX_TYPED:
            raise BadRequest(
                "the seed has {characters} characters, at most {most} are read", characters=len(text), most=MAX_TYPED
            )
        joined = ",".join(part.strip() for part in text.split(","))
        if joined.lower() == "random":
            return cls()
        if not joined:
            raise BadRequest("the seed is empty; {accepted}", accepted=ACCEPTED)
        chords = []
        for chord in joined.split():
            pitches = [_pitch(note) for note in chord.split(",")]
            if None in pitches:
                raise BadRequest("the seed '{seed}' is not understood; {accepted}", seed=shown(text), accepted=ACCEPTED)
            chords.append(tuple(sorted({pitch for pitch in pitches if pitch is not None})))
        return cls(tuple(chords))

    @property
    def is_random(self) -> bool:
        return not self.chords

    @property
    def names(self) -> str:
        """The seed for people: `random`, `C5`, `C4+E4+G4 C5`."""
        return " ".join("+".join(map(note_name, chord)) for chord in self.chords) or "random"

    def __str__(self) -> str:
        """The seed as it can be typed again: `random`, `72`, `60,64,67 72`."""
        return " ".join(",".join(map(str, chord)) for chord in self.chords) or "random"


def note_name(pitch: int) -> str:
    """`60` -> `C4` (middle C)."""
    return f"{_SHARPS[pitch % 12]}{pitch // 12 - 1}"


def _pitch(note: str) -> int | None:
    """A MIDI pitch from `72` or `C5`; None for what is neither."""
    if note.isascii() and note.isdecimal() and len(note) <= 3:
        return int(note)
    if match := _NAME.fullmatch(note):
        letter, accidental, octave = match.groups()
        return _SEMITONES[letter.lower()] + _ACCIDENTALS[accidental.lower()] + 12 * (int(octave) + 1)
    return None
