"""Errors as sentences for a listener. The text of an error stands where it is raised."""

from __future__ import annotations

import re
import textwrap

from discord import app_commands

from bot.language.i18n import say
from core.errors import NocturneError
from core.text import Text

SORRY = Text("Sorry, something went wrong on my side. I have made a note of it; please try again in a moment.")
OUTDATED = Text("This command has changed since your Discord loaded it. Reload Discord (Ctrl+R) and try again.")
_LONGEST = 1000
"""Characters of a sentence; Discord takes 2,000 in a message."""


def explain(error: BaseException) -> str:
    """An error in the reader's language: those raised on purpose have a sentence of their own, the rest is `SORRY`."""
    return sentence(say(reason(error)))


def reason(error: BaseException) -> Text:
    """The text that `explain` says."""
    cause = getattr(error, "original", error)  # discord.py wraps what a command raises
    if isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return OUTDATED
    return cause.text if isinstance(cause, NocturneError) else SORRY


def in_a_row(*sentences: str) -> str:
    """Sentences one after another, without those that are empty; not every language has a space between them."""
    joined, *others = [each for each in sentences if each] or [""]
    for other in others:
        joined = say("{first} {second}", first=joined, second=other)
    return joined


def sentence(text: str) -> str:
    """A text as a listener reads it: with a capital, a full stop, and not too long."""
    text = textwrap.shorten(text, _LONGEST, placeholder=" …") if len(text) > _LONGEST else text
    return text[:1].upper() + text[1:] + ("" if re.search(r"[.!?…。！？]$", text) else say("."))
