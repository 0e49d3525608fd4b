"""A Piece comes back through the queue for a ComposeRequest: plain data, checked where it is made."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import Any

from core.option_kinds import Scope
from core.options import AUDIO, slugged_key
from core.recipe import Recipe, unusual_options
from core.records import check_types, decoded, known_fields, of_type
from core.tasks import COMPOSE, WORDS
from core.text import NOTHING, Text


@dataclass(frozen=True, slots=True)
class Composed:
    """The notes that a request became before, to be rendered in another way."""

    checkpoint: str
    """Hexadecimal digits of the checkpoint's hash."""
    midi: bytes
    """The .mid before any rendering changed it."""
    shared_at_most: int | None = None
    """As in `Heard`: no rendering has notes that were not composed."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"midi": base64.b64encode(self.midi).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Composed:
        return cls(**known_fields(cls, data) | {"midi": decoded(data["midi"])})


@dataclass(frozen=True, slots=True)
class Heard:
    """Facts about the sound of a piece, for whoever cannot see or play it."""

    seconds: float
    """The duration of the sound, the ringing of the last notes included."""
    lowest: int
    highest: int
    """Pitches."""
    loudest: float
    """The second at which it is loudest."""
    key: str | None = None
    """The name of its key, `E♭ major`; empty where it is not clear, None in pieces of older versions."""
    new_from: float | None = None
    """The second at which the new part of a continuation begins, where what it continues is heard before."""
    shared_at_most: int | None = None
    """Notes of the longest passage that may stand in the music which the model learnt from; None where it was not
    measured."""
    ended_early: bool = False
    """Whether it ends before the length asked for, since the model got stuck."""

    def __post_init__(self) -> None:
        check_types(self)


@dataclass(frozen=True, slots=True)
class Piece:
    """A finished piece. One whose rendering has the form of a voice message or a video is that file alone, as `audio`,
    and has no picture."""

    recipe: Recipe
    duration: float
    """Seconds of music."""
    notes: int
    """Their number."""
    midi: bytes
    """A .mid of the notes as they are rendered."""
    audio: bytes
    """A recording in `audio_format`; empty where it fits into no message."""
    picture: bytes
    """A .png of the piano roll."""
    seconds: dict[str, float]
    """Durations of the stages of the making, by name."""
    audio_format: str = AUDIO.usual
    """One of `AUDIO_FORMATS`: the one that was wished for, or MP3 where that was too large."""
    composed: bytes = b""
    """The .mid before the rendering changed it, with which another rendering begins; `midi` where it is left out."""
    attention: tuple[bytes, ...] = ()
    """A .png of the attention of each block of the network, where the model attends."""
    heard: Heard | None = None
    """None for pieces of older versions."""
    waveform: bytes = b""
    """The shape of a voice message, a byte a point."""
    strip: bytes = b""
    """A .png of the piano roll in one row, with its number, where it is one of several takes side by side."""

    def __post_init__(self) -> None:
        if not self.composed:
            object.__setattr__(self, "composed", self.midi)

    @property
    def name(self) -> str:
        """A file name without suffix, of what is heard: `nocturne-c-minor-take5`. Another piece may have the same."""
        request, key = self.recipe.request, self.heard.key if self.heard else None
        made = "" if request.task == COMPOSE and not request.primer else WORDS[request.task]
        kind = "variation" if request.origin.is_opening else made
        marks = [
            option.file_mark(value)
            for option, value in unusual_options(request, self.recipe.rendering)
            if option.file_mark and option.scope is Scope.RENDERING
        ]
        parts = [slugged_key(key) if key else "", kind, f"take{request.take}", *marks]
        return "-".join(filter(None, ["nocturne", *parts]))

    @property
    def seconds_heard(self) -> float:
        """Seconds that it sounds, the ringing of the last notes included where that is known."""
        return self.heard.seconds if self.heard else self.duration

    @property
    def remark(self) -> Text:
        """A sentence for the listener when the sound is not in the format that was wished for, else empty."""
        wished = self.recipe.rendering.audio
        if wished == self.audio_format:
            return NOTHING
        return Text(
            "This piece is too large to send as {wished}, so here it is as {format}.",
            {"wished": wished.upper(), "format": self.audio_format.upper()},
        )

    @property
    def end_remark(self) -> Text:
        """A sentence for the listener when the model got stuck, so that the piece is shorter than asked for, else
        empty."""
        if not (self.heard and self.heard.ended_early):
            return NOTHING
        return Text("It ends before the length you asked for: I got stuck there, and no other way on was better.")

    def to_json(self) -> dict[str, Any]:
        files = {key: base64.b64encode(getattr(self, key)).decode() for key in _FILES}
        return {
            "recipe": self.recipe.to_json(),
            "duration": self.duration,
            "notes": self.notes,
            "seconds": self.seconds,
            "audio_format": self.audio_format,
            "attention": [base64.b64encode(picture).decode() for picture in self.attention],
            "heard": asdict(self.heard) if self.heard else None,
            **files,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Piece:
        data = known_fields(cls, data)
        files = {key: decoded(data[key]) for key in _FILES if key in data}  # those of older versions have fewer
        attention = tuple(decoded(picture) for picture in of_type(list, data.get("attention", [])))
        heard = Heard(**known_fields(Heard, data["heard"])) if data.get("heard") else None
        recipe = Recipe.from_json(data["recipe"])
        return cls(**data | files | {"recipe": recipe, "attention": attention, "heard": heard})


_FILES = ("midi", "audio", "picture", "composed", "waveform", "strip")
