"""Notes and chords as people type them -> pitches: `72`, `C5`, `C4+E4+G4`, `[60, 64, 67]`, `Am F C G`, `Cis4`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

CHORD_OCTAVE = 4
"""The octave of a chord's root, and of a note of a chord or of a melody that names none."""

CHORDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "minor 7": (0, 3, 7, 10),
    "major 7": (0, 4, 7, 11),
    "diminished": (0, 3, 6),
    "diminished 7": (0, 3, 6, 9),
    "augmented": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "6": (0, 4, 7, 9),
    "minor 6": (0, 3, 7, 9),
}
"""Semitones above the root."""
_KINDS = {
    **{name.replace(" ", ""): name for name in CHORDS},
    **dict.fromkeys(("", "M", "maj", "dur"), "major"),
    **dict.fromkeys(("m", "min", "moll", "mi"), "minor"),
    **dict.fromkeys(("dom7", "dur7"), "7"),
    **dict.fromkeys(("dom6", "maj6", "major6", "dur6"), "6"),
    **dict.fromkeys(("m7", "min7", "moll7", "mi7"), "minor 7"),
    **dict.fromkeys(("M7", "maj7", "Δ"), "major 7"),
    **dict.fromkeys(("dim", "°"), "diminished"),
    **dict.fromkeys(("dim7", "°7"), "diminished 7"),
    **dict.fromkeys(("aug",), "augmented"),
    **dict.fromkeys(("sus",), "sus4"),
    **dict.fromkeys(("m6", "min6"), "minor 6"),
}
"""How each kind of chord is written; only `M` and `m` differ in nothing but case."""

_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11, "h": 11}
_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
_SHIFTS = {"": 0, "#": 1, "♯": 1, "is": 1, "b": -1, "♭": -1, "es": -1, "s": -1}
_ROOT = r"([a-h])(is|es|(?<=[ae])s(?!us)|[#♯b♭])?"
_NOTE = re.compile(rf"{_ROOT}(-?\d)", re.IGNORECASE)
_CHORD = re.compile(rf"{_ROOT}([a-zΔ°]*[267]?4?)", re.IGNORECASE)
_GERMAN = re.compile(r"(?<![a-z])(h|h?[cdfgae]is|[dgch]es|[ae]s)(?![a-z])|dur\b|moll\b", re.IGNORECASE)
_TWO_WORDS = re.compile(
    rf"(?<![a-z]){_ROOT}(?:[ -]+(major|minor|dur|moll|diminished|dim|augmented|aug|maj|min)\b|(?= +[67]\b))"
    r"(?: *([67])\b)?",
    re.IGNORECASE,
)
_SIGN = re.compile(r"(?<![a-z][a-g])(?<=[a-g])[ -](sharp|flat)\b(?: (?=\d(?!\d)))?", re.IGNORECASE)
_MIDDLE_C = re.compile(r"middle c\b|mittleres c\b|中央 ?c", re.IGNORECASE)
_PARENTHESIS = re.compile(r"\(([^()]*)\)")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", ord("、"): ",", ord("–"): "-"}

Chord = tuple[int, ...]


class Notation(NamedTuple):
    """Chords one after another, each a rising tuple of pitches, and which pitches were spelled with a flat."""

    chords: tuple[Chord, ...]
    flats: frozenset[int]


def plain(text: str) -> str:
    """The text in letters of usual width, without letters that nobody sees."""
    return "".join(letter for letter in text.translate(_FULL_WIDTH) if unicodedata.category(letter) != "Cf")


def read(text: str, *, melody: bool = False) -> Notation | None:
    """None for what is not understood. A comma or a plus joins a chord, a space goes on to the next; what stands in
    parentheses after its own notes, as in a suggestion, is no second time. In a `melody` a bare letter is a note, else
    a major chord."""
    text = _MIDDLE_C.sub("C4", plain(text)).translate({ord(bracket): " " for bracket in "[]{}"})
    text = _SIGN.sub(lambda match: "#" if match[1].lower() == "sharp" else "b", text)
    reader = _Reader(german=_GERMAN.search(text) is not None, melody=melody)
    chords: list[Chord] = []
    for place, part in enumerate(_PARENTHESIS.split(text)):
        more = reader.chords(part)
        if more is None:
            return None
        if place % 2 == 0 or chords[-len(more) :] != more:
            chords += more
    return Notation(tuple(chords), frozenset(reader.flats)) if chords else None


class _Reader:
    def __init__(self, german: bool, melody: bool) -> None:
        """In German B is B flat, and H is what is B elsewhere."""
        self._german, self._melody = german, melody
        self.flats: set[int] = set()

    def chords(self, text: str) -> list[Chord] | None:
        """The chords of a text without parentheses."""
        joined = re.sub(r"\s*[,+]\s*", ",", _TWO_WORDS.sub(_one_word, text)).strip(", \t\n")
        joined = re.sub(r"(?<=\d)-(?=[0-9a-hA-H])", ",", joined)
        groups = [group.strip(",").split(",") for group in re.sub(r",+(?=\s|$)", "", joined).split()]
        progression = any(self._is_chord_name(name) for group in groups for name in group)
        chords: list[Chord] = []
        for group in groups:
            more = self._group(group, progression)
            if more is None:
                return None
            chords += more
        return chords

    def _group(self, names: list[str], progression: bool) -> list[Chord] | None:
        """The chords of a group that commas join: one of all its notes, or several by name."""
        if len(names) == 1 or any(self._is_chord_name(name) for name in names):
            named = [self._chord(name, progression) for name in names]
            return None if None in named else [chord for chord in named if chord]
        pitches = [self._pitch(f"{name}{CHORD_OCTAVE}" if name.isalpha() else name) for name in names]
        return None if None in pitches else [_rising(pitch for pitch in pitches if pitch is not None)]

    def _is_chord_name(self, name: str) -> bool:
        """Whether it can be nothing else: a note has an octave, and one letter may be a note of a chord."""
        match = _CHORD.fullmatch(name)
        return match is not None and not _NOTE.fullmatch(name) and bool(match[3]) and _kind(match[3]) is not None

    def _chord(self, name: str, progression: bool) -> Chord | None:
        """A note, or a chord by name. `C7` is a note unless chords are around it; `B♭7` is no note that a piece's
        own spelling has, and always a chord."""
        note = _NOTE.fullmatch(name)
        seventh = note is not None and note[3] == "7" and (progression or self._shift(note) < 0)
        if (pitch := self._pitch(name)) is not None and not seventh:
            return (pitch,)
        match = _CHORD.fullmatch(name)
        kind = _kind(match[3]) if match else None
        if match is None or kind is None:
            return None
        if self._melody and not match[3]:
            return self._chord(f"{name}{CHORD_OCTAVE}", progression)
        return self._named(match, kind)

    def _named(self, match: re.Match[str], kind: str) -> Chord:
        root = 12 * (CHORD_OCTAVE + 1) + self._semitone(match)
        shift = self._shift(match)
        flat_steps = {3, 6, 10} if shift == 0 else set(range(12)) if shift < 0 else set()
        self.flats |= {root + step for step in CHORDS[kind] if step in flat_steps and (root + step) % 12 in _BLACK_KEYS}
        return _rising(root + step for step in CHORDS[kind])

    def _pitch(self, name: str) -> int | None:
        """From `72` or `C5`; None for what is neither."""
        if name.isascii() and name.isdecimal() and len(name) <= 3:
            return int(name)
        match = _NOTE.fullmatch(name)
        if match is None:
            return None
        pitch = self._semitone(match) + 12 * (int(match[3]) + 1)
        if self._shift(match) < 0 and pitch % 12 in _BLACK_KEYS:
            self.flats.add(pitch)
        return pitch

    def _semitone(self, match: re.Match[str]) -> int:
        return _SEMITONES[match[1].lower()] + self._shift(match)

    def _shift(self, match: re.Match[str]) -> int:
        sign = (match[2] or "").lower()
        return -1 if self._german and not sign and match[1] in "bB" else _SHIFTS[sign]


def _one_word(match: re.Match[str]) -> str:
    """`C minor 7` -> `Cminor7`; `C 7` is no note."""
    root, sign, kind, number = (part or "" for part in match.groups())
    return f"{root}{sign}{kind or 'dom'}{number}"


def _kind(text: str) -> str | None:
    return _KINDS.get(text) or _KINDS.get(text.lower())


def _rising(pitches: Iterable[int]) -> Chord:
    return tuple(sorted(set(pitches)))
