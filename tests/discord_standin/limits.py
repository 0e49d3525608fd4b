"""Discord's limits on what an app sends: a check raises `Refused` with code 50035, which names the field."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from .model import (
    BUTTON,
    COMPONENTS_V2,
    FILE_UPLOAD,
    LABEL,
    RADIO_GROUP,
    SELECTS,
    TEXT_DISPLAY,
    TEXT_INPUT,
    Json,
    embed_texts,
    parts,
)

CONTENT, EMBEDS, EMBED_TEXT, FILES, CHOICES = 2000, 10, 6000, 10, 25
ROWS, BUTTONS, OPTIONS, COMPONENTS = 5, 5, 25, 40
FORM_PARTS, RADIO_OPTIONS, FORM_TEXT = 5, 10, 4000
COMMANDS, COMMAND_TEXT = {1: 100, 2: 15, 3: 15}, 8000
DESCRIPTION, WAVEFORM = 1024, 256
EMBED_LENGTHS = {"title": 256, "description": 4096}
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
LARGEST = {INTEGER: 2**53 - 1, NUMBER: 2**53}

# Letters and digits of any script, `-`, `_` and `'`.
_NAME = re.compile(r"[-_'\w]{1,32}")


class Refused(Exception):
    """A request that Discord turns down, with its HTTP status and its own error code."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code}: {message}" + (f" {errors}" if errors else ""))
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def to_json(self) -> Json:
        return {"message": self.message, "code": self.code} | ({"errors": self.errors} if self.errors else {})


def invalid(path: str, code: str, message: str) -> Refused:
    """A refusal that names the field: `invalid("data.content", ...)`."""
    errors: Json = {"_errors": [{"code": code, "message": message}]}
    for key in reversed(path.split(".")):
        errors = {key: errors}
    return Refused(400, 50035, "Invalid Form Body", errors)


def _text(value: Any, path: str, longest: int, shortest: int = 1) -> None:
    if not isinstance(value, str):
        raise invalid(path, "BASE_TYPE_REQUIRED", "This field is required")
    if not shortest <= len(value) <= longest:
        raise invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")


def _list(value: Any, path: str, longest: int, shortest: int = 0) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(path, "BASE_TYPE_BAD_TYPE", "Must be a list")
    if not shortest <= len(value) <= longest:
        raise invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
    return value


def _unique(values: Iterable[Any], path: str, code: str) -> None:
    values = list(values)
    if len({*values}) != len(values):
        raise invalid(path, code, "Must be unique")


# Messages


def check_message(body: Json) -> None:
    """The text parts of a message that is created or edited; a field left out is right."""
    if body.get("content") is not None:
        _text(body["content"], "content", CONTENT, 0)
    for at, about in enumerate(body.get("attachments") or []):
        if about.get("description") is not None:
            _text(about["description"], f"attachments.{at}.description", DESCRIPTION, 0)
    check_embeds(body.get("embeds") or [])
    if body.get("flags", 0) & COMPONENTS_V2 and (body.get("content") or body.get("embeds")):
        raise invalid("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "Not with IS_COMPONENTS_V2")
    check_components(body.get("components") or [], v2=bool(body.get("flags", 0) & COMPONENTS_V2))
    if mentions := body.get("allowed_mentions"):
        check_mentions(mentions)
    if body.get("nonce") is not None:
        _text(str(body["nonce"]), "nonce", 25)


def check_voice_message(body: Json, content_types: list[str]) -> None:
    """A message with IS_VOICE_MESSAGE: one audio file with its duration and its waveform, and nothing else."""
    if any(body.get(key) for key in ("content", "embeds", "components", "sticker_ids", "poll")):
        raise Refused(400, 50159, "Voice messages do not support additional content.")
    if len(content_types) != 1 or not content_types[0].startswith("audio/"):
        raise Refused(400, 50160, "Voice messages must have a single audio attachment.")
    [about] = body.get("attachments") or [{}]
    try:
        waveform = base64.b64decode(about["waveform"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise Refused(400, 50161, "Voice messages must have supporting metadata.") from None
    if not about.get("duration_secs") or not 0 < len(waveform) <= WAVEFORM:
        raise Refused(400, 50161, "Voice messages must have supporting metadata.")


def check_embeds(embeds: list[Json]) -> None:
    for at, embed in enumerate(_list(embeds, "embeds", EMBEDS)):
        here = f"embeds.{at}"
        for key, longest in EMBED_LENGTHS.items():
            if embed.get(key) is not None:
                _text(embed[key], f"{here}.{key}", longest, 0)
        for number, item in enumerate(_list(embed.get("fields", []), f"{here}.fields", 25)):
            _text(item.get("name"), f"{here}.fields.{number}.name", 256)
            _text(item.get("value"), f"{here}.fields.{number}.value", 1024)
        if footer := embed.get("footer"):
            _text(footer.get("text"), f"{here}.footer.text", 2048)
        if author := embed.get("author"):
            _text(author.get("name"), f"{here}.author.name", 256)
    if sum(len(text) for embed in embeds for text in embed_texts(embed)) > EMBED_TEXT:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TEXT}")


def check_mentions(mentions: Json) -> None:
    parse = mentions.get("parse") or []
    if unknown := {*parse} - {"roles", "users", "everyone"}:
        raise invalid("allowed_mentions.parse", "BASE_TYPE_CHOICES", f"Value {unknown} must be one of roles, users...")
    for kind in ("users", "roles"):
        ids = _list(mentions.get(kind) or [], f"allowed_mentions.{kind}", 100)
        if ids and kind in parse:
            raise invalid(f"allowed_mentions.{kind}", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", "Not with parse")


def check_components(components: list[Json], *, v2: bool = False) -> None:
    """Rows of buttons and selects; with IS_COMPONENTS_V2 any layout of up to 40 components."""
    every = list(parts(_list(components, "components", COMPONENTS if v2 else ROWS)))
    if v2 and len(every) > COMPONENTS:
        raise invalid("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"At most {COMPONENTS} in all")
    for at, row in enumerate(components):
        if row.get("type") != 1 and not v2:
            raise invalid(f"components.{at}.type", "UNION_TYPE_CHOICES", "Value of field must be 1, an action row")
        if row.get("type") == 1:
            inside = _list(row.get("components"), f"components.{at}.components", BUTTONS, 1)
            if len(inside) > 1 and any(part["type"] in SELECTS for part in inside):
                raise invalid(f"components.{at}", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A select needs its own row")
    for part in every:
        _check_component(part)
    ids = [part["custom_id"] for part in every if part.get("custom_id")]
    _unique(ids, "components", "COMPONENT_CUSTOM_ID_DUPLICATED")


def _check_component(part: Json) -> None:
    if part.get("required") and part.get("min_values") == 0:
        code = "SELECT_COMPONENT_REQUIRED_ZERO_MIN_VALUES"
        raise invalid("components.min_values", code, "Select menus marked as required cannot have a min_values of 0")
    if part["type"] == BUTTON:
        if part.get("label") is not None:
            _text(part["label"], "components.label", 80)
        elif not part.get("emoji") and part.get("style") != 6:
            raise invalid("components.label", "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji")
        if part.get("style") not in range(1, 7):
            raise invalid("components.style", "BASE_TYPE_CHOICES", "Value must be one of 1 to 6.")
        if part["style"] == 5:
            _text(part.get("url"), "components.url", 512)
        elif part["style"] != 6:
            _text(part.get("custom_id"), "components.custom_id", 100)
    elif part["type"] in SELECTS:
        _text(part.get("custom_id"), "components.custom_id", 100)
        if part["type"] == SELECTS[0]:
            _check_options_of(part, OPTIONS, 1, part.get("max_values", 1))
        if part.get("placeholder"):
            _text(part["placeholder"], "components.placeholder", 150)
    elif part["type"] == TEXT_INPUT:
        _check_text_input(part)
    elif part["type"] == RADIO_GROUP:
        _text(part.get("custom_id"), "components.custom_id", 100)
        _check_options_of(part, RADIO_OPTIONS, 2, 1)
    elif part["type"] == FILE_UPLOAD:
        _text(part.get("custom_id"), "components.custom_id", 100)
        least, most = part.get("min_values"), part.get("max_values")
        if not 0 <= (1 if least is None else least) <= FILES or not 1 <= (1 if most is None else most) <= FILES:
            raise invalid("components.max_values", "NUMBER_TYPE_MAX", "int value should be less than or equal to 10.")


def _check_options_of(part: Json, longest: int, shortest: int, chosen: int) -> None:
    """The options of a select or a radio group, of which at most `chosen` may be so from the beginning."""
    options = _list(part.get("options"), "components.options", longest, shortest)
    for option in options:
        _text(option.get("label"), "components.options.label", 100)
        _text(option.get("value"), "components.options.value", 100)
        if option.get("description") is not None:
            _text(option["description"], "components.options.description", 100)
    _unique((option["value"] for option in options), "components.options", "COMPONENT_OPTION_VALUE_DUPLICATED")
    if sum(bool(option.get("default")) for option in options) > chosen:
        raise invalid("components.options", "COMPONENT_SELECT_DEFAULTS_INVALID", f"At most {chosen} can be the default")


def _check_text_input(part: Json) -> None:
    _text(part.get("custom_id"), "components.custom_id", 100)
    longest, shortest = part.get("max_length") or FORM_TEXT, part.get("min_length") or 0
    if not 0 <= shortest <= longest <= FORM_TEXT:
        raise invalid("components.max_length", "NUMBER_TYPE_MAX", f"Must be at most {FORM_TEXT}")
    _text(part.get("value") or "", "components.value", longest, 0)
    _text(part.get("placeholder") or "", "components.placeholder", 100, 0)


def check_modal(modal: Json) -> None:
    """A form: up to five labels with a component each, or texts; an action row may hold a text input, as of old."""
    _text(modal.get("custom_id"), "data.custom_id", 100)
    _text(modal.get("title"), "data.title", 45)
    top = _list(modal.get("components"), "data.components", FORM_PARTS, 1)
    for at, part in enumerate(top):
        here = f"data.components.{at}"
        inside = [part.get("component")] if part["type"] == LABEL else part.get("components", [])
        fitting = {LABEL: (TEXT_INPUT, *SELECTS, FILE_UPLOAD, RADIO_GROUP), 1: (TEXT_INPUT,), TEXT_DISPLAY: ()}
        if part["type"] not in fitting or any(inner["type"] not in fitting[part["type"]] for inner in inside):
            raise invalid(f"{here}.type", "UNION_TYPE_CHOICES", "Not a component of a modal")
        if part["type"] == LABEL:
            _text(part.get("label"), f"{here}.label", 45)
            _text(part.get("description") or "", f"{here}.description", 100, 0)
            if part["component"].get("disabled") or part["component"].get("label"):
                raise invalid(f"{here}.component", "MODEL_TYPE_CONVERT", "No `disabled`, and no label of its own")
    for part in parts(top):
        _check_component(part)
    _unique(
        (part["custom_id"] for part in parts(top) if part.get("custom_id")), "data", "COMPONENT_CUSTOM_ID_DUPLICATED"
    )


def check_choices(choices: Any) -> None:
    """The answer to an autocomplete."""
    for at, choice in enumerate(_list(choices, "data.choices", CHOICES)):
        _text(choice.get("name"), f"data.choices.{at}.name", 100)
        if isinstance(choice.get("value"), str):
            _text(choice["value"], f"data.choices.{at}.value", 100)


# Commands


def check_commands(commands: Any, *, in_guild: bool) -> None:
    """A bulk overwrite of an application's commands."""
    for kind, most in COMMANDS.items():
        if sum(command.get("type", 1) == kind for command in _list(commands, "commands", 130)) > most:
            raise Refused(400, 30032, f"Maximum number of application commands reached ({most}).")
    _unique(((c.get("type", 1), c.get("name")) for c in commands), "name", "APPLICATION_COMMANDS_DUPLICATE_NAME")
    for at, command in enumerate(commands):
        _check_command(command, str(at), in_guild=in_guild)


def _check_command(command: Json, here: str, *, in_guild: bool) -> None:
    if command.get("type", 1) == 1:
        _name(command.get("name"), f"{here}.name")
        _text(command.get("description"), f"{here}.description", 100)
        _check_options(command.get("options") or [], f"{here}.options")
    else:
        _text(command.get("name"), f"{here}.name", 32)
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
    _text(name, path, 32)
    if not _NAME.fullmatch(name) or name != name.lower():
        raise invalid(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _among(values: Any, path: str, accepted: tuple[int, ...]) -> None:
    """A list that may be left out, else has some of `accepted`, none twice."""
    if values is None:
        return
    _unique(_list(values, path, len(accepted), 1), path, "SET_TYPE_ALREADY_CONTAINS_VALUE")
    if not {*values} <= {*accepted}:
        raise invalid(path, "BASE_TYPE_CHOICES", f"Value must be one of {accepted}.")


def _check_options(options: Any, here: str, depth: int = 0) -> None:
    _unique((option.get("name") for option in _list(options, here, OPTIONS)), here, "OPTION_NAMES_NOT_UNIQUE")
    nested = [option.get("type") in (SUBCOMMAND, GROUP) for option in options]
    if any(nested) and not all(nested):
        raise invalid(here, "APPLICATION_COMMAND_OPTIONS_MIXED", "Subcommands do not mix with plain options")
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        raise invalid(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options must come first")
    for at, option in enumerate(options):
        path = f"{here}.{at}"
        _name(option.get("name"), f"{path}.name")
        _text(option.get("description"), f"{path}.description", 100)
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
    for at, choice in enumerate(_list(choices, f"{path}.choices", CHOICES)):
        _text(choice.get("name"), f"{path}.choices.{at}.name", 100)
        if not fits_kind(choice.get("value"), kind) or len(str(choice["value"])) > 100:
            raise invalid(f"{path}.choices.{at}.value", "BASE_TYPE_BAD_TYPE", "The value is not of the option's type")
    _unique((choice["name"] for choice in choices), f"{path}.choices", "APPLICATION_COMMAND_OPTIONS_CHOICES_NOT_UNIQUE")
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
