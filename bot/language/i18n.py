"""Texts in the language of their reader. English stands in the code; `locales/` has the translations."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Literal

from babel.core import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_percent, get_decimal_symbol, get_group_symbol

from core.text import Language, Text, Value

LOCALES = Path(__file__).with_name("locales")

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
    """The day of a moment, in seconds since 1970: `27 Nov 2026`, `27.11.2026`. It is that of UTC, as nobody's time zone
    is known."""
    return format_date(datetime.fromtimestamp(moment, UTC), locale=_babel_locale(_locale.get()))


def rounded_number(value: float) -> str:
    """A large number as it is said: `5.6 million`, `5,6 Millionen`, `556万`."""
    locale = _babel_locale(_locale.get())
    style: Literal["long", "short"] = "long" if "long" in locale.compact_decimal_formats else "short"
    return format_compact_decimal(float(f"{value:.2e}"), format_type=style, locale=locale, fraction_digits=1)


@cache
def language(locale: str) -> Language:
    """The language of one of Discord's locales; English where there are no translations for it."""
    spoken = _babel_locale(locale)
    decimal, group = get_decimal_symbol(spoken), get_group_symbol(spoken)

    def written(value: float, specification: str) -> str:
        if specification.endswith("%"):
            return format_percent(value, locale=spoken)
        return format(value, specification).translate({ord("."): decimal, ord(","): group})

    def enumeration(members: Sequence[str]) -> str:
        return format_list(members, locale=spoken)

    return Language(catalogue(locale).gettext, written, enumeration)


def _babel_locale(locale: str) -> Locale:
    known = isinstance(catalogue(locale), GNUTranslations)
    return Locale.parse(locale, sep="-") if known else Locale("en")


@cache
def catalogue(locale: str) -> NullTranslations:
    """The translations for a locale; for one that there are none for, those that leave everything as it is."""
    file = LOCALES / f"{locale}.po"
    if not locale.replace("-", "").isalpha() or not file.is_file():
        return NullTranslations()
    with file.open("rb") as source:
        catalogue = read_po(source, locale=locale.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
