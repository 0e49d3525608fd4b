"""Sentences for people that can be said in another language than English: a template, and values for its places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = "str | int | float | Text"


@dataclass(frozen=True, slots=True)
class Text:
    """`Text("at most {most} notes are read", {"most": 5})`; as a string, it is English. Without values the template is
    the sentence itself, braces and all. A value may be a Text too."""

    template: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.said(lambda template: template)

    def __bool__(self) -> bool:
        return bool(self.template)

    def said(self, translated: Callable[[str], str]) -> str:
        """The sentence in the language to which `translated` brings a template."""
        template = translated(self.template) if self.template else ""
        values = {
            name: value.said(translated) if isinstance(value, Text) else value for name, value in self.values.items()
        }
        return template.format_map(values) if values else template

    def to_json(self) -> dict[str, Any]:
        values = {name: value.to_json() if isinstance(value, Text) else value for name, value in self.values.items()}
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
        read = {name: cls.from_json(value) if isinstance(value, dict) else value for name, value in values.items()}
        if unfit := [value for value in read.values() if not isinstance(value, str | int | float | Text)]:
            raise TypeError(f"{type(unfit[0]).__name__} as a value of a text")
        text = cls(template, read)
        try:
            str(text)
        except (LookupError, ValueError, AttributeError) as error:
            raise TypeError("a text has no value for one of its places") from error
        return text


_EMPTY = ""  # a literal inside Text(...) would be collected as a sentence to translate
NOTHING = Text(_EMPTY)
