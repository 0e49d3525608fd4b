"""Seeds, with which pieces begin: `random`, or notes written as pitches or names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from core import notation
from core.errors import BadRequest, shown
from core.text import ENGLISH, Language, Text, Value
from core.tonality import Key

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
_SHARPS = tuple(
    str(name)
    for name in (
        Text("C"),
        Text("C♯"),
        Text("D"),
        Text("D♯"),
        Text("E"),
        Text("F"),
        Text("F♯"),
        Text("G"),
        Text("G♯"),
        Text("A"),
        Text("A♯"),
        Text("B"),
    )
)
_FLATS = {1: str(Text("D♭")), 3: str(Text("E♭")), 6: str(Text("G♭")), 8: str(Text("A♭")), 10: str(Text("B♭"))}


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
        """The seed by names that can be typed again: `random`, `C5`, `C4+E4+G4 C#5`, `B♭4`."""
        return " ".join("+".join(map(self._name, chord)) for chord in self.chords) or "random"

    def said(self, language: Language = ENGLISH, key: Key | None = None) -> str:
        """The seed for people: `Am F C G` where it is such chords and can be typed so, else `C4+E4+G4 C♯5`. A black key
        that was not typed with a flat is spelled as the piece's key has it."""

        def said(pitch: int) -> str:
            return said_note(pitch, language, key, flat=pitch in self.flats)

        if self._is_progression:
            return " ".join(said(chord[0])[:-1] + _KINDS[_above_root(chord)] for chord in self.chords)
        return " ".join("+".join(map(said, chord)) for chord in self.chords) or "random"

    @property
    def _is_progression(self) -> bool:
        """Whether it is several chords that can be typed in short."""
        if len(self.chords) < 2 or any(_above_root(chord) not in _KINDS for chord in self.chords):
            return False
        typed = " ".join(self._name(chord[0])[:-1] + _KINDS[_above_root(chord)] for chord in self.chords)
        meant = notation.read(typed)
        return meant is not None and meant.chords == self.chords

    @property
    def spelled(self) -> str:
        """The seed as it can be typed again with the same flats: `60,Eb4,67 72`."""
        return " ".join(",".join(map(self._spelled, chord)) for chord in self.chords) or "random"

    def __str__(self) -> str:
        """The seed as it can be typed again: `random`, `72`, `60,64,67 72`."""
        return " ".join(",".join(map(str, chord)) for chord in self.chords) or "random"

    def _name(self, pitch: int) -> str:
        return note_name(pitch, flat=pitch in self.flats)

    def _spelled(self, pitch: int) -> str:
        return self._name(pitch).replace("♭", "b") if pitch in self.flats else str(pitch)


def _too_many(chords: tuple[tuple[int, ...], ...], refusals: _Refusals) -> BadRequest:
    return refusals.error(refusals.too_many, chords=len(chords), most=MAX_CHORDS)


def _above_root(chord: tuple[int, ...]) -> tuple[int, ...]:
    """The semitones of a chord above its lowest note."""
    return tuple(pitch - chord[0] for pitch in chord)


def note_name(pitch: int, flat: bool = False) -> str:
    """`60` -> `C4` (middle C), and `61` -> `C#4` or `D♭4`, which can be typed again."""
    return f"{_step(pitch, flat).replace('♯', '#')}{pitch // 12 - 1}"


def said_note(pitch: int, language: Language, key: Key | None = None, flat: bool = False) -> str:
    """`60` -> `C4`, and `61` -> `C♯4` or, with a flat or in a key that has it so, `D♭4`; `Des4` in German."""
    flat = flat or (key is not None and key.flattens(pitch))
    return f"{language.translated(_step(pitch, flat))}{pitch // 12 - 1}"


def _step(pitch: int, flat: bool) -> str:
    """The name of a pitch without its octave."""
    step = pitch % 12
    return _FLATS.get(step, _SHARPS[step]) if flat else _SHARPS[step]
