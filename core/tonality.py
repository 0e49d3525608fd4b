"""A key, such as E♭ major: its name, its signature, and the ways in which people type it."""

from __future__ import annotations

import re
from typing import NamedTuple

from core import notation
from core.text import Text

_MAJOR_NAMES = tuple(
    str(name)
    for name in (
        Text("C major"),
        Text("D♭ major"),
        Text("D major"),
        Text("E♭ major"),
        Text("E major"),
        Text("F major"),
        Text("F♯ major"),
        Text("G major"),
        Text("A♭ major"),
        Text("A major"),
        Text("B♭ major"),
        Text("B major"),
    )
)
_MINOR_NAMES = tuple(
    str(name)
    for name in (
        Text("C minor"),
        Text("C♯ minor"),
        Text("D minor"),
        Text("E♭ minor"),
        Text("E minor"),
        Text("F minor"),
        Text("F♯ minor"),
        Text("G minor"),
        Text("G♯ minor"),
        Text("A minor"),
        Text("B♭ minor"),
        Text("B minor"),
    )
)
_LONGEST = 20
"""Characters of a key's name, in whatever language."""
_TRIADS = {notation.CHORDS["major"]: False, notation.CHORDS["minor"]: True}
_GERMAN_MINOR = re.compile("h|[cdefgah]is|[dgch]es|[ae]s")
"""Small letters alone are a minor key in German: `fis` is F♯ minor, `Fis` major. In English they say nothing."""
_CHINESE = {"降": "b", "升": "#"}
_CHINESE_NAME = re.compile("([降升])?([a-g])([大小])调", re.IGNORECASE)


class Key(NamedTuple):
    """`tonic` is a pitch class, 0 for C."""

    tonic: int
    minor: bool

    @property
    def signature(self) -> int:
        """The tonic of the major key that has the same signature."""
        return (self.tonic + 3) % 12 if self.minor else self.tonic

    @property
    def sharps(self) -> int:
        """The sharps of its signature; flats are negative."""
        sharps = 7 * self.signature % 12
        most = 5 if self.minor and self.tonic == 3 else 6  # E flat minor has six flats, F sharp major six sharps
        return sharps if sharps <= most else sharps - 12

    def shifted(self, semitones: int) -> Key:
        return Key((self.tonic + semitones) % 12, self.minor)

    def flattens(self, pitch: int) -> bool:
        """Whether a black key is spelled with a flat, as in the harmonic chromatic scale of this key, which reaches
        from its flat second to its sharp fourth on the line of fifths: D minor has C♯, its leading tone, and B♭."""
        tonic = self.sharps + (3 if self.minor else 0)  # fifths from C
        return 7 * pitch % 12 > tonic + 6

    def __str__(self) -> str:
        """`E♭ minor`."""
        return (_MINOR_NAMES if self.minor else _MAJOR_NAMES)[self.tonic]

    @property
    def short(self) -> str:
        """`Ebm`, as the tags of a recording have it."""
        tonic = str(self).partition(" ")[0]
        return tonic.replace("♭", "b").replace("♯", "#") + ("m" if self.minor else "")


ALL_KEYS = tuple(Key(tonic, minor) for minor in (False, True) for tonic in range(12))


def read(text: str) -> Key | None:
    """The key that is meant by `E♭ major`, `Eb`, `Es-Dur`, `fis`, `c-moll`, `Cm` or `降E大调`; None for no key."""
    typed = _CHINESE_NAME.sub(_translated, notation.plain(text).replace("_", " ").strip())
    if _GERMAN_MINOR.fullmatch(typed):
        typed += " moll"
    meant = notation.read(typed) if len(typed) <= _LONGEST else None
    if meant is None or len(meant.chords) != 1:
        return None
    root = meant.chords[0][0]
    minor = _TRIADS.get(tuple(pitch - root for pitch in meant.chords[0]))
    return None if minor is None else Key(root % 12, minor)


def _translated(match: re.Match[str]) -> str:
    return f"{match[2]}{_CHINESE.get(match[1], '')} {'major' if match[3] == '大' else 'minor'}"
