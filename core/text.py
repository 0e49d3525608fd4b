"""Sentences for people that can be said in another language than English: a template, and values for its places."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = "str | int | float | Text | tuple[str | Text, ...]"


@dataclass(frozen=True, slots=True)
class Language:
    """How a text is said: the defaults are English, as the command line writes it."""

    translated: Callable[[str], str] = str
    """Brings a template, or a word in a list, into the language."""
    number: Callable[[float, str], str] = format
    """Writes a number by one of Python's format specifications, such as `,.1f`."""
    enumeration: Callable[[Sequence[str]], str] = ", ".join
    """Joins the members of a list."""


ENGLISH = Language()


@dataclass(frozen=True, slots=True)
class Text:
    """`Text("at most {most} notes are read", {"most": 5})`; as a string, it is English. Without values the template is
    the sentence itself, braces and all. A value may be a Text too, or a tuple: a list of names or Texts."""

    template: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.said(ENGLISH)

    def __bool__(self) -> bool:
        return bool(self.template)

    def said(self, language: Language) -> str:
        """The sentence in this language."""
        template = language.translated(self.template) if self.template else ""
        values = {name: _said(value, language) for name, value in self.values.items()}
        return _Filled(language).vformat(template, (), values) if values else template

    def to_json(self) -> dict[str, Any]:
        values = {name: _to_json(value) for name, value in self.values.items()}
        return {"template": self.template, "values": values}

    @classmethod
    def from_json(cls, data: dict[str, Any] | str) -> Text:
        """Also of a bare string, which older versions wrote. Raises TypeError or KeyError for what `to_json` did not
        write."""
        if isinstance(data, str):
            return cls(data)
        template, values = data["template"], data["values"]
        if not isinstance(template, str) or not isinstance(values, dict):
            raise TypeError("a text is a template and its values")
        text = cls(template, {name: _from_json(value) for name, value in values.items()})
        try:
            str(text)
        except (LookupError, ValueError, AttributeError) as error:
            raise TypeError("a text has no value for one of its places") from error
        return text


def _said(value: Value, language: Language) -> str | int | float:
    if isinstance(value, Text):
        return value.said(language)
    if isinstance(value, tuple):
        members = (member if isinstance(member, Text) else Text(member) for member in value)
        return language.enumeration([member.said(language) for member in members])
    return value


def _to_json(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_to_json(member) for member in value]
    return value.to_json() if isinstance(value, Text) else value


def _from_json(value: Any, listed: bool = False) -> Any:
    if isinstance(value, dict):
        return Text.from_json(value)
    if isinstance(value, list) and not listed:
        return tuple(_from_json(member, listed=True) for member in value)
    if not isinstance(value, str if listed else str | int | float):
        raise TypeError(f"{type(value).__name__} as a value of a text")
    return value


class _Filled(string.Formatter):
    """Fills the places of a template, numbers with a format specification as the language writes them."""

    def __init__(self, language: Language) -> None:
        self._number = language.number

    def format_field(self, value: Any, specification: str) -> str:
        if specification and isinstance(value, int | float):
            return self._number(value, specification)
        return format(value, specification)


_EMPTY = ""  # a literal inside Text(...) would be collected as a sentence to translate
NOTHING = Text(_EMPTY)
