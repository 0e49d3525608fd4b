"""What the bot says, in the language of the one who reads it. English stands in the code; `locales/` has the others."""

from __future__ import annotations

import io
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

import discord
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from discord import app_commands

from core.text import Text, Value

LOCALES = Path(__file__).with_name("locales")

_locale: ContextVar[str] = ContextVar("locale", default="")


def speak(locale: discord.Locale | str) -> None:
    """From here on, in this task and those that it starts, say everything in this language, where we can."""
    _locale.set(str(locale))


def say(text: str | Text, /, **values: Value) -> str:
    """The text in the reader's language, with the values in its places."""
    text = text if isinstance(text, Text) else Text(text, values)
    return text.said(_catalogue(_locale.get()).gettext)


def say_some(one: str, many: str, count: int, /, **values: Value) -> str:
    """The same for a text whose words depend on `count`, which is in the values too."""
    template = _catalogue(_locale.get()).ngettext(one, many, count)
    return str(Text(template, {"count": count, **values}))


def described(text: str | Text, /, **values: Value) -> app_commands.locale_str:
    """The description of a command or an option, which the Translator below brings to other languages."""
    text = text if isinstance(text, Text) else Text(text, values)
    return app_commands.locale_str(str(text), text=text)


def named(name: str) -> app_commands.locale_str:
    """The name of a command, which the Translator brings to other languages too."""
    return app_commands.locale_str(name)


class Translator(app_commands.Translator):
    """For what Discord shows by itself: names and descriptions of commands. Options keep their names, so that a recipe
    can be typed by everybody, and choices too, which clients send in place of their values."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        catalogue, where = _catalogue(str(locale)), app_commands.TranslationContextLocation
        if not isinstance(catalogue, GNUTranslations):
            return None
        if context.location is where.command_name:
            said = catalogue.gettext(string.message)
        elif context.location in (where.command_description, where.parameter_description):
            said = string.extras.get("text", Text(string.message)).said(catalogue.gettext)
        else:
            return None
        return said if said != string.message else None


@cache
def _catalogue(locale: str) -> NullTranslations:
    """The translations for a locale; for one that we do not speak, those that leave everything as it is."""
    file = LOCALES / f"{locale}.po"
    if not locale.replace("-", "").isalpha() or not file.is_file():
        return NullTranslations()
    with file.open("rb") as source:
        catalogue = read_po(source, locale=locale.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
