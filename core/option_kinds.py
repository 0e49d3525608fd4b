"""The kinds of options: how a value is read, written and checked. `core.options` declares the options themselves."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from keyword import iskeyword
from typing import Any, ClassVar, Generic, TypeVar

from core import tonality
from core.errors import BadRequest, shown
from core.models import MODELS, ModelSpec
from core.text import NOTHING, Text

_NOT_IN_A_NAME = frozenset('<>[]`*|~@:/\\"#')
"""Characters of which Discord would make a mention, a link or a heading."""
_LONGEST_NUMBER = 20
"""Digits; a sentence repeats the number."""
_YES, _NO = ("true", "yes", "on", "1", "ja", "是"), ("false", "no", "off", "0", "nein", "否")
_TRUTHS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)

MINUTES, SECONDS = r"(?:m(?:in(?:ute[ns]?)?)?|分钟?)", r"(?:s(?:e[ck](?:onds?|unden?)?)?|秒钟?)"
"""Patterns of the words for them in the languages of the listeners."""
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_TIME = re.compile(
    rf"(\d+):([0-5]\d)|(?=.*[a-z分秒])(?:{_NUMBER}\s*{MINUTES})?\s*(?:{_NUMBER}\s*{SECONDS})?", re.IGNORECASE
)
"""Minutes and seconds, either way."""
_DASH = re.compile("[-–—]")
_PIECE_ID = re.compile("[a-z2-7]{8}")

Value = TypeVar("Value")


class Scope(Enum):
    """The part of a submission that an option is about."""

    REQUEST = "a field of ComposeRequest: the notes that are composed"
    RENDERING = "a field of Rendering: how these notes are played"
    SOURCE = "a field of Origin: what is continued, and how much of it is read"
    REPLY = "the message that brings the piece"


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
    accepted: Text
    """Completes the sentence 'take must be ...' about typed text that is no such value."""
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
    """The name under which a recipe shows an unusual value, where it does."""
    file_mark: Callable[[Value], str] | None = None
    """The part of a file's name that tells an unusual value, where one does."""
    caption: Callable[[Value], str | Text] | None = None
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
            raise self._unreadable(typed) from None

    def _unreadable(self, typed: str) -> BadRequest:
        return BadRequest(
            "{option} must be {accepted}; I can't read '{typed}'",
            option=self.name,
            typed=shown(typed, 20),
            accepted=self.accepted,
        )

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
        """Values that the templates may mention."""
        return {"usual": self.usual}

    def _parse(self, typed: str) -> Value:
        """Raises ValueError or KeyError."""
        raise NotImplementedError

    def _accepts(self, value: Value) -> bool:
        return True


@dataclass(frozen=True, kw_only=True, eq=False)
class WholeNumber(Option[int]):
    """A whole number within a range, both ends included."""

    kind = int
    least: int
    most: int
    unit: str = ""
    """May be typed behind the number."""

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"least": self.least, "most": self.most}

    def _parse(self, typed: str) -> int:
        if len(typed) > _LONGEST_NUMBER:
            raise ValueError
        return int(typed.strip().removesuffix(self.unit))

    def _accepts(self, value: int) -> bool:
        return self.least <= value <= self.most


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps(WholeNumber):
    """A number of steps, whose templates may mention seconds too. It may be typed as a time: `30s`, `1:30`, `2 min`."""

    step_seconds: float

    def _facts(self) -> dict[str, Any]:
        seconds = {"shortest": self.least, "longest": self.most, "seconds": self.usual}
        return (
            super()._facts()
            | {"step": self.step_seconds}
            | {name: n * self.step_seconds for name, n in seconds.items()}
        )

    def _parse(self, typed: str) -> int:
        seconds = _seconds_of(typed)
        return super()._parse(typed) if seconds is None else round(seconds / self.step_seconds)


def _seconds_of(typed: str) -> float | None:
    """The seconds of a time, `30s` or `1:30`; None for anything else, such as a bare number."""
    time = _TIME.fullmatch(typed.strip()) if len(typed) <= _LONGEST_NUMBER else None
    if time is None:
        return None
    minutes, seconds = (float((part or "0").replace(",", ".")) for part in (time[1] or time[3], time[2] or time[4]))
    return 60 * minutes + seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Number(Option[float]):
    """A number within a range, both ends included; a comma may be its decimal point."""

    kind = float
    least: float
    most: float | None = None

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"least": self.least, "most": self.most}

    def _parse(self, typed: str) -> float:
        return float(typed.replace(",", "."))

    def write(self, value: float) -> str:
        return repr(float(value)).removesuffix(".0")  # all of its digits: `read` gives the same number

    def _accepts(self, value: float) -> bool:
        return self.least <= value <= (math.inf if self.most is None else self.most)  # a NaN is not


@dataclass(frozen=True, kw_only=True, eq=False)
class Seconds(Number):
    """A moment or a duration, which may be typed as a time: `90`, `90s`, `1:30`."""

    def _parse(self, typed: str) -> float:
        seconds = _seconds_of(typed)
        return super()._parse(typed) if seconds is None else seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage(Option[str]):
    """From one second to another: `30-60`, `0:30-1:00`; where one of them is left out, from the beginning or to the
    end. A value is written as `30-60` or `30-`; the empty one stands for all."""

    kind = str
    most: float
    """The last second that there may be."""

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"most": self.most}

    def between(self, since: str, until: str) -> str:
        """The value of two bounds that are typed apart, either of which may be empty. Raises BadRequest."""
        for typed in (since, until):
            try:
                self._second(typed)
            except ValueError:
                raise self._unreadable(typed) from None
        return self.read(f"{since}-{until}")

    def bounds(self, value: str) -> tuple[float, float]:
        """The two seconds of a value that `read` gave."""
        since, _, until = value.partition("-")
        return float(since or 0), float(until or math.inf)

    def _parse(self, typed: str) -> str:
        if not typed.strip():
            return ""
        since, until = (self._second(bound) for bound in _DASH.split(typed))
        passage = f"{since or 0:.7g}-{'' if until is None else f'{until:.7g}'}"
        return "" if passage == "0-" else passage

    def _second(self, typed: str) -> float | None:
        if not typed.strip():
            return None
        seconds = _seconds_of(typed)
        second = round(float(typed.replace(",", ".")) if seconds is None else seconds, 2)
        if not 0 <= second <= self.most:  # a NaN is not
            raise ValueError
        return second

    def _accepts(self, value: str) -> bool:
        since, until = self.bounds(value)
        return since < until


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice(Option[str]):
    """One of a few names; typed, `_` stands for a space."""

    kind = str
    choices: tuple[str, ...]

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"known": self.choices}

    def _parse(self, typed: str) -> str:
        return typed.lower().replace("_", " ")

    def write(self, value: str) -> str:
        return value.replace(" ", "_")

    def _accepts(self, value: str) -> bool:
        return value in self.choices


@dataclass(frozen=True, kw_only=True, eq=False)
class Name(Option[str]):
    """A name that only the checkpoint can tell from others; typed, `_` stands for a space."""

    kind = str
    longest: int
    """Characters."""

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"most": self.longest}

    def _parse(self, typed: str) -> str:
        return typed.replace("_", " ")

    def write(self, value: str) -> str:
        return value.replace(" ", "_")

    def _accepts(self, value: str) -> bool:
        return 0 < len(value) <= self.longest and value.isprintable() and not _NOT_IN_A_NAME & set(value)


@dataclass(frozen=True, kw_only=True, eq=False)
class PieceId(Option[str]):
    """The id of a stored piece: 8 letters and digits, which may be copied as they are shown."""

    kind = str

    def _parse(self, typed: str) -> str:
        return typed.strip(" `").lower()

    def _accepts(self, value: str) -> bool:
        return _PIECE_ID.fullmatch(value) is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class KeyName(Option[str]):
    """A musical key by its name, `E♭ major`, however it is typed; or the usual value, which is none."""

    kind = str

    def _parse(self, typed: str) -> str:
        if typed.strip().casefold() == self.usual:
            return str(self.usual)
        if (key := tonality.read(typed)) is None:
            raise ValueError
        return str(key)

    def write(self, value: str) -> str:
        return value.replace("♭", "b").replace("♯", "#").replace(" ", "_")

    def _accepts(self, value: str) -> bool:
        return value == self.read(value)


@dataclass(frozen=True, kw_only=True, eq=False)
class YesNo(Option[bool]):
    """A yes or a no, in several words for each."""

    kind = bool

    def _parse(self, typed: str) -> bool:
        return _TRUTHS[typed.lower()]
