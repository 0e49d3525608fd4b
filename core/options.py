"""Every option of a piece, declared once. Slash commands, the command line, typed text, the checks of a request,
recipes, file names and titles of pictures are all made from these declarations.

A new option is a declaration here, a field of the same name in ComposeRequest or Rendering, and the code that uses it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from keyword import iskeyword
from typing import Any, ClassVar, Generic, TypeVar

from core.errors import BadRequest, shown
from core.models import DEFAULT_MODEL, MODELS, ModelSpec
from core.text import NOTHING, Text

STEP_SECONDS = 0.2
"""One step of `length`: the article's frame."""
ANY_STYLE = "any"
INSTRUMENTS = {
    "grand": 0,
    "bright": 1,
    "electric grand": 2,
    "honky-tonk": 3,
    "electric": 4,
    "harpsichord": 6,
    "clavinet": 7,
    "celesta": 8,
    "glockenspiel": 9,
    "music box": 10,
    "vibraphone": 11,
    "marimba": 12,
    "xylophone": 13,
    "dulcimer": 15,
    "organ": 16,
    "church organ": 19,
    "reed organ": 20,
    "accordion": 21,
    "guitar": 24,
    "harp": 46,
}
"""Instruments that a piece can be played on, and their programs in General MIDI, counted from 0."""
AUDIO_FORMATS = ("mp3", "wav", "flac")
"""Each is also the suffix of such a file; the first is the usual one, and what the others are replaced by."""

_NOT_IN_A_NAME = frozenset('<>[]`*|~@:/\\"#')
"""Characters of which Discord would make a mention, a link or a heading."""
_LONGEST_NUMBER = 20
"""Digits; a sentence repeats the number."""
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

Value = TypeVar("Value")


class Scope(Enum):
    """The part of an order that an option is about."""

    REQUEST = "a field of ComposeRequest: the notes that are composed"
    RENDERING = "a field of Rendering: how these notes are played"
    SOURCE = "how much is read of a file that is continued"
    REPLY = "the message that brings the piece"


def slug(text: str) -> str:
    """`60,64,67 72` -> `60-64-67-72`: what any file system takes, and not too much of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-")


@dataclass(frozen=True, kw_only=True, eq=False)
class Option(Generic[Value]):
    """An option of a piece. Its subclasses say what kind of value it has."""

    kind: ClassVar[type]
    """Python's type of a value."""

    name: str
    """As it is typed in Discord and, with `-` in place of `_`, on the command line; also the field of its scope."""
    scope: Scope
    about: Text
    """Template of `description`."""
    accepted: Text = NOTHING
    """Completes the sentence 'accepted is ...' about typed text that is no such value; where it may be typed."""
    refusal: Text = NOTHING
    """Template of the sentence about a value that is out of range, which its place `{name of the option}` takes."""
    usual: Any = None
    """The value where it is left out; None where there is none, or where the model says."""
    usual_of: Callable[[ModelSpec], Value] | None = None
    """The usual value where the model says."""
    commands: tuple[str, ...] = ("compose", "continue")
    """Commands that have it."""
    command_line: bool = True
    """Whether these commands of `python -m core` have it too."""
    metavar: str | None = None
    """The value's name in the command line's help, where it is not the option's."""
    label: Text = NOTHING
    """The name under which a finished piece shows an unusual value, where it does."""
    file_mark: Callable[[Value], str] | None = None
    """The part of a file's name that tells an unusual value, where one does."""
    caption: Callable[[Value], str] | None = None
    """The part of a picture's title that tells an unusual value, where one does."""

    @property
    def parameter(self) -> str:
        """A name for it that Python takes."""
        return f"{self.name}_" if iskeyword(self.name) else self.name

    @property
    def description(self) -> Text:
        """Meaning, unit, range and usual value, in at most 100 characters."""
        return self._filled(self.about, self.usual)

    def usual_for(self, model: str) -> Any:
        """The value where it is left out and `model` composes."""
        return self.usual_of(MODELS[model]) if self.usual_of else self.usual

    def read(self, typed: str) -> Value:
        """The value of typed text, in whatever range. Raises BadRequest."""
        try:
            return self._parse(typed)
        except (ValueError, KeyError):
            raise BadRequest(
                "{option} is '{typed}', accepted is {accepted}",
                option=self.name,
                typed=shown(typed, 20),
                accepted=self.accepted,
            ) from None

    def write(self, value: Value) -> str:
        """The value as `read` reads it, without a space."""
        return str(value)

    def check(self, value: Value) -> None:
        """Raises BadRequest for a value that is out of range."""
        if not self._accepts(value):
            raise BadRequest(self._filled(self.refusal, shown(value) if isinstance(value, str) else value))

    def _filled(self, template: Text, value: Any) -> Text:
        """The template with the option's facts, and a value, in their places."""
        facts = self._facts() | {self.name: value}
        return Text(template.template, {name: fact for name, fact in facts.items() if fact is not None})

    def _facts(self) -> dict[str, Any]:
        """What the templates may mention."""
        return {"usual": self.usual}

    def _parse(self, typed: str) -> Value:
        """Raises ValueError or KeyError."""
        raise NotImplementedError

    def _accepts(self, value: Value) -> bool:
        return True


@dataclass(frozen=True, kw_only=True, eq=False)
class WholeNumber(Option[int]):
    kind = int
    least: int
    most: int

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"least": self.least, "most": self.most}

    def _parse(self, typed: str) -> int:
        if len(typed) > _LONGEST_NUMBER:
            raise ValueError
        return int(typed)

    def _accepts(self, value: int) -> bool:
        return self.least <= value <= self.most


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps(WholeNumber):
    """A number of steps, whose templates may mention seconds too."""

    def _facts(self) -> dict[str, Any]:
        seconds = {"shortest": self.least, "longest": self.most, "seconds": self.usual}
        return super()._facts() | {"step": STEP_SECONDS} | {name: n * STEP_SECONDS for name, n in seconds.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Number(Option[float]):
    kind = float
    least: float
    most: float | None = None

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"least": self.least, "most": self.most}

    def _parse(self, typed: str) -> float:
        return float(typed.replace(",", "."))

    def write(self, value: float) -> str:
        return f"{value:g}"

    def _accepts(self, value: float) -> bool:
        return self.least <= value <= (math.inf if self.most is None else self.most)  # a NaN is not


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice(Option[str]):
    kind = str
    choices: tuple[str, ...]

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"known": ", ".join(self.choices)}

    def _parse(self, typed: str) -> str:
        return typed.lower().replace("_", " ")

    def write(self, value: str) -> str:
        return value.replace(" ", "_")

    def _accepts(self, value: str) -> bool:
        return value in self.choices


@dataclass(frozen=True, kw_only=True, eq=False)
class Name(Option[str]):
    kind = str
    longest: int
    """Characters."""

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"most": self.longest}

    def _parse(self, typed: str) -> str:
        return typed

    def _accepts(self, value: str) -> bool:
        return 0 < len(value) <= self.longest and value.isprintable() and not _NOT_IN_A_NAME & set(value)


@dataclass(frozen=True, kw_only=True, eq=False)
class YesNo(Option[bool]):
    kind = bool

    def _parse(self, typed: str) -> bool:
        return _TRUTHS[typed.lower()]


LENGTH = Steps(
    name="length",
    scope=Scope.REQUEST,
    least=25,
    usual=500,
    most=3000,
    metavar="STEPS",
    about=Text(
        "in steps of {step:g} s: {least} ({shortest:g} s) to {most} ({longest:g} s);"
        " {usual} ({seconds:g} s) if left out"
    ),
    accepted=Text("a whole number of steps of 0.2 s, such as 500 for 100 s"),
    refusal=Text("length {length} is outside {least} to {most} steps of {step:g} s ({shortest:g} to {longest:g} s)"),
)
FROM = Number(
    name="from",
    scope=Scope.SOURCE,
    commands=("continue",),
    least=0.0,
    metavar="SECONDS",
    about=Text("go on from this second of it; from its end if left out"),
)
STYLE = Name(
    name="style",
    scope=Scope.REQUEST,
    usual=ANY_STYLE,
    longest=60,
    about=Text("whose manner to play in; any if left out"),
    accepted=Text("the name of a style"),
    refusal=Text("the style '{style}' is not a name, which has 1 to {most} letters, digits or spaces"),
    label=Text("Style"),
    file_mark=slug,
)
TEMPERATURE = Number(
    name="temperature",
    scope=Scope.REQUEST,
    least=0.1,
    usual=1.0,
    most=2.0,
    metavar="T",
    about=Text("{least:g} (careful) to {most:g} (wild); {usual:g} if left out"),
    accepted=Text("a number, such as 0.9"),
    refusal=Text("temperature {temperature:g} is outside {least:g} to {most:g}"),
    file_mark=lambda value: f"t{round(100 * value)}",
)
TOP_P = Number(
    name="top_p",
    scope=Scope.REQUEST,
    least=0.1,
    usual_of=lambda model: model.usual_top_p,
    most=1.0,
    metavar="P",
    about=Text("{least:g} (the likeliest choices alone) to {most:g} (all); what suits the model if left out"),
    accepted=Text("a number, such as 0.95"),
    refusal=Text("top_p {top_p:g} is outside {least:g} to {most:g}"),
    label=Text("Top p"),
    file_mark=lambda value: f"p{round(100 * value)}",
)
TAKE = WholeNumber(
    name="take",
    scope=Scope.REQUEST,
    least=0,
    most=2**32 - 1,
    metavar="NUMBER",
    about=Text("the number of the draw: the same one makes the same piece again; a fresh one if left out"),
    accepted=Text("a whole number"),
    refusal=Text("take {take} is outside 0 to {most}"),
    file_mark=lambda value: f"take{value}",
    caption=lambda value: f"take {value}",
)
MODEL = Choice(
    name="model",
    scope=Scope.REQUEST,
    commands=("compose",),
    choices=tuple(MODELS),
    usual=DEFAULT_MODEL,
    about=Text("who composes; {model} if left out"),
    accepted=Text("the name of a model"),
    refusal=Text("there is no model '{model}', only {known}"),
)
INSTRUMENT = Choice(
    name="instrument",
    scope=Scope.RENDERING,
    choices=tuple(INSTRUMENTS),
    usual="grand",
    about=Text("what it is played on; a grand piano if left out"),
    accepted=Text("the name of an instrument"),
    refusal=Text("there is no instrument '{instrument}', only {known}"),
    file_mark=slug,
    caption=str,
)
TEMPO = WholeNumber(
    name="tempo",
    scope=Scope.RENDERING,
    least=25,
    usual=100,
    most=400,
    metavar="PERCENT",
    about=Text("in percent of the composed speed, {least} to {most}"),
    accepted=Text("a whole number of percent"),
    refusal=Text("tempo {tempo} is outside {least} to {most} percent"),
    file_mark=lambda value: f"{value}pct",
    caption=lambda value: f"{value} %",
)
TRANSPOSE = WholeNumber(
    name="transpose",
    scope=Scope.RENDERING,
    least=-24,
    usual=0,
    most=24,
    metavar="SEMITONES",
    about=Text("in semitones, -{most} to {most}"),
    accepted=Text("a whole number of semitones"),
    refusal=Text("transpose {transpose} is outside -{most} to {most} semitones"),
    file_mark=lambda value: f"{'up' if value > 0 else 'down'}{abs(value)}",
    caption=lambda value: f"{value:+d}".replace("-", "−"),
)
AUDIO = Choice(
    name="audio",
    scope=Scope.RENDERING,
    choices=AUDIO_FORMATS,
    usual=AUDIO_FORMATS[0],
    about=Text("the file to listen to: mp3 plays in every Discord app, wav and flac lose nothing"),
    accepted=Text("the name of a file format"),
    refusal=Text("there is no audio format '{audio}', only {known}"),
)
PRIVATE = YesNo(
    name="private",
    scope=Scope.REPLY,
    command_line=False,
    about=Text("only you see the answer"),
    accepted=Text("yes or no"),
)

OPTIONS: tuple[Option[Any], ...] = (
    LENGTH,
    FROM,
    STYLE,
    TEMPERATURE,
    TOP_P,
    TAKE,
    MODEL,
    INSTRUMENT,
    TEMPO,
    TRANSPOSE,
    AUDIO,
    PRIVATE,
)
"""In the order in which Discord shows them and a recipe tells them."""


def options_of(command: str) -> list[Option[Any]]:
    return [option for option in OPTIONS if command in option.commands]


def options_in(scope: Scope) -> list[Option[Any]]:
    return [option for option in OPTIONS if option.scope is scope]
