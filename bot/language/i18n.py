"""Texts in the language of their reader. English stands in the code; `locales/` has the translations."""

from __future__ import annotations

import io
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from core.text import Text, Value

LOCALES = Path(__file__).with_name("locales")

_locale: ContextVar[str] = ContextVar("locale", default="")


def speak(locale: object) -> None:
    """Choose the language of all that is said from here on in this task and in those that it starts. `locale` is one of
    Discord's, such as `de`; where there is no translation into it, everything is said in English."""
    _locale.set(str(locale))


def say(text: str | Text, /, **values: Value) -> str:
    """The text in the reader's language, with the values in its places."""
    text = text if isinstance(text, Text) else Text(text, values)
    return text.said(catalogue(_locale.get()).gettext)


def say_some(one: str, many: str, count: int, /, **values: Value) -> str:
    """A text in the reader's language whose words depend on `count`, which is one of its values too."""
    template = catalogue(_locale.get()).ngettext(one, many, count)
    return str(Text(template, {"count": count, **values}))


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
