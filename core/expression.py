"""Words for how a piece is to sound, and what they stand for: its pace, its dynamics, and moods, which set both.

The numbers are those of pianists: of 6,912 minutes in ASAP's and MAESTRO's training splits (two recordings of a piece
at the most), the quantiles 10, 30, 50, 70 and 90 % of notes a second, and 5, 25, 50, 75 and 95 % of the mean velocity,
which differs less."""

from __future__ import annotations

from typing import NamedTuple

from core.text import Text

ANY = str(Text("any"))
"""The word where nothing is asked for."""
PACES = {
    str(word): notes_a_second
    for word, notes_a_second in (
        (Text("very slow"), 4.1),
        (Text("slow"), 6.6),
        (Text("moderate"), 9.3),
        (Text("fast"), 11.8),
        (Text("very fast"), 16.0),
    )
}
"""Notes a second, chords and all."""
DYNAMICS = {
    str(word): velocity
    for word, velocity in (
        (Text("very soft"), 44.0),
        (Text("soft"), 55.0),
        (Text("medium"), 63.0),
        (Text("loud"), 69.0),
        (Text("very loud"), 76.5),
    )
}
"""Mean velocities, of 127."""


class Mood(NamedTuple):
    """The meaning of a mood: a mode, a word in `PACES` and one in `DYNAMICS`."""

    minor: bool
    pace: str
    dynamics: str


MOODS = {
    str(word): mood
    for word, mood in (
        (Text("calm"), Mood(False, "slow", "soft")),
        (Text("sad"), Mood(True, "slow", "soft")),
        (Text("joyful"), Mood(False, "fast", "loud")),
        (Text("stormy"), Mood(True, "very fast", "very loud")),
        (Text("solemn"), Mood(True, "very slow", "medium")),
        (Text("playful"), Mood(False, "fast", "soft")),
    )
}


class Expression(NamedTuple):
    """What a request asks for, a mood's meaning included: the name of a key or else a mode, and the words for pace and
    dynamics; None where nothing is asked for."""

    key: str | None
    minor: bool | None
    pace: str | None
    dynamics: str | None

    @classmethod
    def of(cls, key: str, pace: str, dynamics: str, mood: str) -> Expression:
        """The expression of a request's options, each `ANY` where it is left out; they count more than the mood."""
        meant = MOODS.get(mood)
        return cls(
            key=_said(key),
            minor=meant.minor if meant and not _said(key) else None,
            pace=_said(pace) or (meant.pace if meant else None),
            dynamics=_said(dynamics) or (meant.dynamics if meant else None),
        )

    @property
    def words(self) -> tuple[Text, ...]:
        """`minor`, `slow`, `soft`: what is asked for, in words."""
        mode = None if self.minor is None else Text("minor") if self.minor else Text("major")
        words = [
            self.key and Text(self.key),
            mode,
            self.pace and Text(self.pace),
            self.dynamics and Text(self.dynamics),
        ]
        return tuple(word for word in words if word)


def _said(word: str) -> str | None:
    return None if word == ANY else word
