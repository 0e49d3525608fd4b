"""Seeds, with which pieces begin: `random`, or notes written as pitches or names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from core import notation
from core.errors import BadRequest, shown
from core.text import Text, Value

LOWEST_PITCH, HIGHEST_PITCH = 21, 108
"""The keys of a piano, A0 to C8."""
CHORD_SECONDS = 0.4
"""How long each chord of a seed lasts when several follow one another."""
MAX_CHORDS = 25
MAX_CHORD_NOTES = 10
MAX_TYPED = 2000
"""Characters; the longest seed has 1250, `C#4,` for each note."""

ACCEPTED = Text(
    "Try `random`, notes such as `72`, `C5` or `Bb4` (a comma makes a chord, a space goes on to the next note), or"
    " chords such as `Am` or `C major`"
)
ACCEPTED_MELODY = Text("Try notes one at a time, such as `C4 D4 E4 G4`")


class _Refusals(NamedTuple):
    """Templates of the sentences about typed notes that are none, or too many."""

    too_many: Text
    too_long: Text
    empty: Text
    not_understood: Text
    accepted: Text

    def error(self, template: Text, **values: Value) -> BadRequest:
        return BadRequest(Text(template.template, values))


_OF_A_SEED = _Refusals(
    too_many=Text("a seed can have up to {most} chords one after another; this one has {chords}"),
    too_long=Text("a seed can have up to {most} characters; this one has {characters}"),
    empty=Text("the seed is empty. {accepted}"),
    not_understood=Text("I don't understand the seed '{seed}'. {accepted}"),
    accepted=ACCEPTED,
)
_OF_A_MELODY = _Refusals(
    too_many=Text("a typed melody can have up to {most} notes; this one has {chords}. In a MIDI file it may be longer"),
    too_long=Text("a typed melody can have up to {most} characters; this one has {characters}"),
    empty=Text("the melody is empty. {accepted}"),
    not_understood=Text("I don't understand the melody '{seed}'. {accepted}"),
    accepted=ACCEPTED_MELODY,
)

_SHORT = {"major": "", "minor": "m", "7": "7", "minor 7": "m7", "major 7": "maj7", "diminished": "dim"}
_KINDS = {notation.CHORDS[kind]: short for kind, short in _SHORT.items()}
"""How chords are written in short, by their semitones above the root."""
_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = ("C", "D♭", "D", "E♭", "E", "F", "G♭", "G", "A♭", "A", "B♭", "B")


@dataclass(frozen=True, slots=True)
class Seed:
    """Chords one after another, each a rising tuple of MIDI pitches; no chords at all mean `random`. `flats` are the
    pitches that are spelled with a flat; the music is the same."""

    chords: tuple[tuple[int, ...], ...] = ()
    flats: frozenset[int] = field(default=frozenset(), compare=False)

    def __post_init__(self) -> None:
        if len(self.chords) > MAX_CHORDS:
            raise _too_many(self.chords, _OF_A_SEED)
        for chord in self.chords:
            if len(chord) > MAX_CHORD_NOTES:
                raise BadRequest(
                    "a chord can have up to {most} notes; this one has {notes}",
                    notes=len(chord),
                    most=MAX_CHORD_NOTES,
                )
            for pitch in chord:
                if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
                    raise BadRequest(
                        "there is no pitch {pitch} on a piano; its keys are {lowest} (A0) to {highest} (C8)",
                        pitch=pitch,
                        lowest=LOWEST_PITCH,
                        highest=HIGHEST_PITCH,
                    )

    @classmethod
    def parse(cls, text: str) -> Seed:
        """Read what a listener typed, as `ACCEPTED` says. Raises BadRequest."""
        return cls._parse(text, _OF_A_SEED)

    @classmethod
    def melody(cls, text: str) -> Seed:
        """Read a melody that a listener typed, as `parse` does; but a bare letter is a note, in the octave of middle C.
        Raises BadRequest."""
        return cls._parse(text, _OF_A_MELODY, melody=True)

    @classmethod
    def _parse(cls, text: str, refusals: _Refusals, *, melody: bool = False) -> Seed:
        if len(text) > MAX_TYPED:
            raise refusals.error(refusals.too_long, characters=len(text), most=MAX_TYPED)
        typed = notation.plain(text).strip(" ,\t\n")
        if typed.lower() == "random":
            return cls()
        if not typed:
            raise refusals.error(refusals.empty, accepted=refusals.accepted)
        meant = notation.read(text, melody=melody)
        if meant is None:
            raise refusals.error(refusals.not_understood, seed=shown(text), accepted=refusals.accepted)
        if len(meant.chords) > MAX_CHORDS:
            raise _too_many(meant.chords, refusals)
        return cls(meant.chords, meant.flats)

    @property
    def is_random(self) -> bool:
        return not self.chords

    @property
    def names(self) -> str:
        """The seed for people: `random`, `C5`, `C4+E4+G4 C5`, `B♭4`."""
        return " ".join("+".join(map(self._name, chord)) for chord in self.chords) or "random"

    @property
    def chord_names(self) -> str:
        """The seed for people, in short: `Am F C G` where it is such chords and can be typed so, else its `names`."""
        named = " ".join(filter(None, map(self._chord_name, self.chords)))
        meant = notation.read(named) if len(self.chords) > 1 else None
        return named if meant is not None and meant.chords == self.chords else self.names

    @property
    def spelled(self) -> str:
        """The seed as it can be typed again with the same flats: `60,Eb4,67 72`."""
        return " ".join(",".join(map(self._spelled, chord)) for chord in self.chords) or "random"

    def __str__(self) -> str:
        """The seed as it can be typed again: `random`, `72`, `60,64,67 72`."""
        return " ".join(",".join(map(str, chord)) for chord in self.chords) or "random"

    def _chord_name(self, chord: tuple[int, ...]) -> str:
        """`F#m`, of a chord in root position; nothing for any other."""
        kind = _KINDS.get(tuple(pitch - chord[0] for pitch in chord))
        return "" if kind is None else self._name(chord[0])[:-1] + kind

    def _name(self, pitch: int) -> str:
        return note_name(pitch, flat=pitch in self.flats)

    def _spelled(self, pitch: int) -> str:
        return self._name(pitch).replace("♭", "b") if pitch in self.flats else str(pitch)


def _too_many(chords: tuple[tuple[int, ...], ...], refusals: _Refusals) -> BadRequest:
    return refusals.error(refusals.too_many, chords=len(chords), most=MAX_CHORDS)


def note_name(pitch: int, flat: bool = False) -> str:
    """`60` -> `C4` (middle C); a black key has a sharp, or a flat."""
    return f"{(_FLATS if flat else _SHARPS)[pitch % 12]}{pitch // 12 - 1}"
