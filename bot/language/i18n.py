"""Texts in the language of their reader. English stands in the code; `locales/` has the translations."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache

from bot.language.catalogue import catalogue
from bot.language.formats import formats
from core.text import Language, Text, Value

_locale: ContextVar[str] = ContextVar("locale", default="")


def speak(locale: object) -> None:
    """Choose the language of all that is said from here on in this task and in those that it starts. `locale` is one of
    Discord's, such as `de`; where there is no translation into it, everything is said in English."""
    _locale.set(str(locale))


def spoken() -> Language:
    """The reader's language."""
    return language(_locale.get())


def say(text: str | Text, /, **values: Value) -> str:
    """The text in the reader's language, with the values in its places."""
    text = text if isinstance(text, Text) else Text(text, values)
    return text.said(spoken())


def say_some(one: str, many: str, count: int, /, **values: Value) -> str:
    """A text in the reader's language whose words depend on `count`, which is one of its values too."""
    template = catalogue(_locale.get()).ngettext(one, many, count)
    return Text(template, {"count": count, **values}).said(spoken())


def number(value: float, specification: str) -> str:
    """The number by one of Python's format specifications, as the reader's language writes it: `1,014`, `1.014`."""
    return spoken().number(value, specification)


def date(moment: float) -> str:
    """The day of a moment, in seconds since 1970: `Nov 27, 2026`, `27.11.2026`. It is that of UTC, as nobody's time
    zone is known."""
    return formats(_locale.get()).day(moment)


def rounded_number(value: float) -> str:
    """A large number as it is said: `5.6 million`, `5,6 Millionen`, `556万`."""
    return formats(_locale.get()).rounded(value)


@cache
def language(locale: str) -> Language:
    """The language of one of Discord's locales; English where there are no translations for it."""
    form = formats(locale)
    return Language(catalogue(locale).gettext, form.number, form.enumeration)
