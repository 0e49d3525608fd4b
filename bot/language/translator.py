"""Names and descriptions of commands and choices, which Discord shows by itself, in the languages of its users."""

from __future__ import annotations

from gettext import GNUTranslations

import discord
from discord import app_commands

from bot.language.i18n import catalogue, language
from core.text import Text, Value


def described(text: str | Text, /, **values: Value) -> app_commands.locale_str:
    """The description of a command or an option, for the Translator."""
    text = text if isinstance(text, Text) else Text(text, values)
    return app_commands.locale_str(str(text), text=text)


def named(name: str) -> app_commands.locale_str:
    """The name of a command, for the Translator."""
    return app_commands.locale_str(name)


class Translator(app_commands.Translator):
    """Translates names and descriptions of commands, and names of choices. Options keep their names, so that
    a recipe can be typed by everybody."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        translations, where = catalogue(str(locale)), app_commands.TranslationContextLocation
        if not isinstance(translations, GNUTranslations):
            return None
        if context.location is where.command_name:
            said = translations.gettext(string.message)
        elif context.location in (where.command_description, where.parameter_description, where.choice_name):
            said = string.extras.get("text", Text(string.message)).said(language(str(locale)))
        else:
            return None
        return said if said != string.message else None
