"""Discord's limits on the commands that an app registers. A check raises `Refused`, which names the field."""

from __future__ import annotations

import re
from typing import Any

from .limits import CHOICES, OPTIONS
from .places import Json
from .refusals import Refused, check_list, check_text, check_unique, invalid

COMMANDS, COMMAND_TEXT = {1: 100, 2: 15, 3: 15}, 8000
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
LARGEST = {INTEGER: 2**53 - 1, NUMBER: 2**53}

_NAME = re.compile(r"[-_'\w]{1,32}")
"""Letters and digits of any script, `-`, `_` and `'`."""


def check_commands(commands: Any, *, in_guild: bool) -> None:
    """A bulk overwrite of an application's commands."""
    for kind, most in COMMANDS.items():
        if sum(command.get("type", 1) == kind for command in check_list(commands, "commands", 130)) > most:
            raise Refused(400, 30032, f"Maximum number of application commands reached ({most}).")
    check_unique(((c.get("type", 1), c.get("name")) for c in commands), "name", "APPLICATION_COMMANDS_DUPLICATE_NAME")
    for at, command in enumerate(commands):
        _check_command(command, str(at), in_guild=in_guild)


def _check_command(command: Json, here: str, *, in_guild: bool) -> None:
    if command.get("type", 1) == 1:
        _name(command.get("name"), f"{here}.name")
        check_text(command.get("description"), f"{here}.description", 100)
        _check_options(command.get("options") or [], f"{here}.options")
    else:
        check_text(command.get("name"), f"{here}.name", 32)
        if command.get("description") or command.get("options"):
            raise invalid(
                f"{here}.description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", "Not on a context menu"
            )
    if not in_guild:
        _among(command.get("contexts"), f"{here}.contexts", (0, 1, 2))
        _among(command.get("integration_types"), f"{here}.integration_types", (0, 1))
    if _command_text(command) > COMMAND_TEXT:
        raise invalid(here, "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({COMMAND_TEXT})")


def _name(name: Any, path: str) -> None:
    check_text(name, path, 32)
    if not _NAME.fullmatch(name) or name != name.lower():
        raise invalid(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _among(values: Any, path: str, accepted: tuple[int, ...]) -> None:
    """A list that may be left out, else has some of `accepted`, none twice."""
    if values is None:
        return
    check_unique(check_list(values, path, len(accepted), 1), path, "SET_TYPE_ALREADY_CONTAINS_VALUE")
    if not {*values} <= {*accepted}:
        raise invalid(path, "BASE_TYPE_CHOICES", f"Value must be one of {accepted}.")


def _check_options(options: Any, here: str, depth: int = 0) -> None:
    check_unique((option.get("name") for option in check_list(options, here, OPTIONS)), here, "OPTION_NAMES_NOT_UNIQUE")
    nested = [option.get("type") in (SUBCOMMAND, GROUP) for option in options]
    if any(nested) and not all(nested):
        raise invalid(here, "APPLICATION_COMMAND_OPTIONS_MIXED", "Subcommands do not mix with plain options")
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        raise invalid(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options must come first")
    for at, option in enumerate(options):
        path = f"{here}.{at}"
        _name(option.get("name"), f"{path}.name")
        check_text(option.get("description"), f"{path}.description", 100)
        if option.get("type") not in range(SUBCOMMAND, ATTACHMENT + 1):
            raise invalid(f"{path}.type", "BASE_TYPE_CHOICES", "Value must be one of 1 to 11.")
        if option["type"] in (SUBCOMMAND, GROUP):
            if depth > (option["type"] == SUBCOMMAND):
                raise invalid(f"{path}.type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Nested too deep")
            _check_options(option.get("options") or [], f"{path}.options", depth + 1)
        else:
            _check_values(option, path)


def _check_values(option: Json, path: str) -> None:
    """Choices, ranges and autocomplete of one plain option."""
    kind, choices = option["type"], option.get("choices") or []
    if kind not in (STRING, INTEGER, NUMBER) and (choices or option.get("autocomplete")):
        raise invalid(path, "APPLICATION_COMMAND_OPTION_CHOICES_INVALID", "Choices are for text and numbers")
    if choices and option.get("autocomplete"):
        raise invalid(path, "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE", "Choices exclude autocomplete")
    for at, choice in enumerate(check_list(choices, f"{path}.choices", CHOICES)):
        check_text(choice.get("name"), f"{path}.choices.{at}.name", 100)
        if not fits_kind(choice.get("value"), kind) or len(str(choice["value"])) > 100:
            raise invalid(f"{path}.choices.{at}.value", "BASE_TYPE_BAD_TYPE", "The value is not of the option's type")
    check_unique(
        (choice["name"] for choice in choices), f"{path}.choices", "APPLICATION_COMMAND_OPTIONS_CHOICES_NOT_UNIQUE"
    )
    for key in ("min_value", "max_value"):
        if option.get(key) is not None and not (kind in LARGEST and fits_kind(option[key], kind)):
            raise invalid(f"{path}.{key}", "NUMBER_TYPE_BOUNDS", "Only for numbers, and of the option's type")
    for key, least in (("min_length", 0), ("max_length", 1)):
        if option.get(key) is not None and not (kind == STRING and least <= option[key] <= 6000):
            raise invalid(f"{path}.{key}", "NUMBER_TYPE_BOUNDS", f"Only for text, {least} to 6000")


def fits_kind(value: Any, kind: int) -> bool:
    """Whether a value of an option is of its type."""
    if kind in LARGEST:
        plain = isinstance(value, int if kind == INTEGER else (int, float)) and not isinstance(value, bool)
        return plain and abs(value) <= LARGEST[kind]
    return isinstance(value, bool if kind == BOOLEAN else str)


def _command_text(command: Json) -> int:
    """Characters of names, descriptions and values, of the options and choices too."""
    own = sum(len(str(command.get(key) or "")) for key in ("name", "description", "value"))
    return own + sum(_command_text(part) for key in ("options", "choices") for part in command.get(key) or [])
