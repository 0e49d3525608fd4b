"""The options of slash commands, made from their declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from discord import app_commands

from bot.commands.suggestions import suggest_keys, suggest_lengths, suggest_styles
from bot.language.translator import described
from core.option_kinds import Choice, Number, Option, WholeNumber
from core.options import KEY, LENGTH, STYLE, options_of
from core.text import Text

_SUGGEST: dict[Option[Any], Any] = {STYLE: suggest_styles, LENGTH: suggest_lengths, KEY: suggest_keys}
"""Options whose values are suggested while they are typed."""

_Callback = TypeVar("_Callback", bound=Callable[..., Any])


def with_options(command: str) -> Callable[[_Callback], _Callback]:
    """Give a slash command's callback a parameter for each option that the command has. It takes them as keywords, with
    None for what was left out."""
    options = options_of(command)
    choices = {each.parameter: _choices(each) for each in options if isinstance(each, Choice)}
    suggested = {each.parameter: _SUGGEST[each] for each in options if each in _SUGGEST}
    decorators: tuple[Callable[[_Callback], _Callback], ...] = (
        app_commands.describe(**{each.parameter: described(each.description) for each in options}),
        app_commands.rename(**{each.parameter: each.name for each in options if each.parameter != each.name}),
        app_commands.choices(**choices),
        app_commands.autocomplete(**suggested),
    )

    def decorate(callback: _Callback) -> _Callback:
        signature = inspect.signature(callback)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters = [*own, *map(_parameter, options)]
        # discord.py reads a command's parameters from the signature of its callback
        callback.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        for decorator in decorators:
            callback = decorator(callback)
        return callback

    return decorate


def _parameter(option: Option[Any]) -> inspect.Parameter:
    annotation: Any = option.kind
    if isinstance(option, WholeNumber | Number):
        bounded: Any = app_commands.Range
        annotation = bounded[option.kind, option.least, option.most]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.parameter, kind, default=None, annotation=annotation | None)


def _choices(option: Choice) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=described(Text(name)), value=name) for name in option.choices]
