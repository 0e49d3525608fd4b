"""Discord's limits on messages, forms and suggestions. A check raises `Refused`, which names the field."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from .codes import BUTTON, COMPONENTS_V2, FILE_UPLOAD, LABEL, RADIO_GROUP, SELECTS, TEXT_DISPLAY, TEXT_INPUT
from .model import embed_texts, parts
from .places import Json
from .refusals import Refused, check_list, check_text, check_unique, invalid

CONTENT, EMBEDS, EMBED_TEXT, FILES, CHOICES = 2000, 10, 6000, 10, 25
ROWS, BUTTONS, OPTIONS, COMPONENTS = 5, 5, 25, 40
LINK, PREMIUM = 5, 6
"""Styles of buttons that carry an address, and a thing to buy, in place of a custom_id."""
FORM_PARTS, RADIO_OPTIONS, FORM_TEXT = 5, 10, 4000
DESCRIPTION, WAVEFORM = 1024, 256
EMBED_LENGTHS = {"title": 256, "description": 4096}


def check_message(body: Json) -> None:
    """The text parts of a message that is created or edited; a field left out is right."""
    if body.get("content") is not None:
        check_text(body["content"], "content", CONTENT, 0)
    for at, about in enumerate(body.get("attachments") or []):
        if about.get("description") is not None:
            check_text(about["description"], f"attachments.{at}.description", DESCRIPTION, 0)
    check_embeds(body.get("embeds") or [])
    if body.get("flags", 0) & COMPONENTS_V2 and (body.get("content") or body.get("embeds")):
        raise invalid("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "Not with IS_COMPONENTS_V2")
    check_components(body.get("components") or [], v2=bool(body.get("flags", 0) & COMPONENTS_V2))
    if mentions := body.get("allowed_mentions"):
        check_mentions(mentions)
    if body.get("nonce") is not None:
        check_text(str(body["nonce"]), "nonce", 25)


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
    for at, embed in enumerate(check_list(embeds, "embeds", EMBEDS)):
        here = f"embeds.{at}"
        for key, longest in EMBED_LENGTHS.items():
            if embed.get(key) is not None:
                check_text(embed[key], f"{here}.{key}", longest, 0)
        for number, item in enumerate(check_list(embed.get("fields", []), f"{here}.fields", 25)):
            check_text(item.get("name"), f"{here}.fields.{number}.name", 256)
            check_text(item.get("value"), f"{here}.fields.{number}.value", 1024)
        if footer := embed.get("footer"):
            check_text(footer.get("text"), f"{here}.footer.text", 2048)
        if author := embed.get("author"):
            check_text(author.get("name"), f"{here}.author.name", 256)
    if sum(len(text) for embed in embeds for text in embed_texts(embed)) > EMBED_TEXT:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TEXT}")


def check_mentions(mentions: Json) -> None:
    parse = mentions.get("parse") or []
    if unknown := {*parse} - {"roles", "users", "everyone"}:
        raise invalid("allowed_mentions.parse", "BASE_TYPE_CHOICES", f"Value {unknown} must be one of roles, users...")
    for kind in ("users", "roles"):
        ids = check_list(mentions.get(kind) or [], f"allowed_mentions.{kind}", 100)
        if ids and kind in parse:
            raise invalid(f"allowed_mentions.{kind}", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", "Not with parse")


def check_components(components: list[Json], *, v2: bool = False) -> None:
    """Rows of buttons and selects; with IS_COMPONENTS_V2 any layout of up to 40 components."""
    every = list(parts(check_list(components, "components", COMPONENTS if v2 else ROWS)))
    if v2 and len(every) > COMPONENTS:
        raise invalid("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"At most {COMPONENTS} in all")
    for at, row in enumerate(components):
        if row.get("type") != 1 and not v2:
            raise invalid(f"components.{at}.type", "UNION_TYPE_CHOICES", "Value of field must be 1, an action row")
        if row.get("type") == 1:
            inside = check_list(row.get("components"), f"components.{at}.components", BUTTONS, 1)
            if len(inside) > 1 and any(part["type"] in SELECTS for part in inside):
                raise invalid(f"components.{at}", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A select needs its own row")
    for part in every:
        _check_component(part)
    ids = [part["custom_id"] for part in every if part.get("custom_id")]
    check_unique(ids, "components", "COMPONENT_CUSTOM_ID_DUPLICATED")


def _check_component(part: Json) -> None:
    if part.get("required") and part.get("min_values") == 0:
        code = "SELECT_COMPONENT_REQUIRED_ZERO_MIN_VALUES"
        raise invalid("components.min_values", code, "Select menus marked as required cannot have a min_values of 0")
    if part["type"] in (*SELECTS, TEXT_INPUT, RADIO_GROUP, FILE_UPLOAD):
        check_text(part.get("custom_id"), "components.custom_id", 100)
    if part["type"] == BUTTON:
        _check_button(part)
    elif part["type"] in SELECTS:
        _check_select(part)
    elif part["type"] == TEXT_INPUT:
        _check_text_input(part)
    elif part["type"] == RADIO_GROUP:
        _check_options_of(part, RADIO_OPTIONS, 2, 1)
    elif part["type"] == FILE_UPLOAD:
        _check_file_upload(part)


def _check_button(part: Json) -> None:
    if part.get("label") is not None:
        check_text(part["label"], "components.label", 80)
    elif not part.get("emoji") and part.get("style") != PREMIUM:
        raise invalid("components.label", "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji")
    if part.get("style") not in range(1, PREMIUM + 1):
        raise invalid("components.style", "BASE_TYPE_CHOICES", "Value must be one of 1 to 6.")
    if part["style"] == LINK:
        check_text(part.get("url"), "components.url", 512)
    elif part["style"] != PREMIUM:
        check_text(part.get("custom_id"), "components.custom_id", 100)


def _check_select(part: Json) -> None:
    if part["type"] == SELECTS[0]:
        _check_options_of(part, OPTIONS, 1, part.get("max_values", 1))
    if part.get("placeholder"):
        check_text(part["placeholder"], "components.placeholder", 150)


def _check_options_of(part: Json, longest: int, shortest: int, chosen: int) -> None:
    """The options of a select or a radio group, of which at most `chosen` may be so from the beginning."""
    options = check_list(part.get("options"), "components.options", longest, shortest)
    for option in options:
        check_text(option.get("label"), "components.options.label", 100)
        check_text(option.get("value"), "components.options.value", 100)
        if option.get("description") is not None:
            check_text(option["description"], "components.options.description", 100)
    check_unique((option["value"] for option in options), "components.options", "COMPONENT_OPTION_VALUE_DUPLICATED")
    if sum(bool(option.get("default")) for option in options) > chosen:
        raise invalid("components.options", "COMPONENT_SELECT_DEFAULTS_INVALID", f"At most {chosen} can be the default")


def _check_text_input(part: Json) -> None:
    longest, shortest = part.get("max_length") or FORM_TEXT, part.get("min_length") or 0
    if not 0 <= shortest <= longest <= FORM_TEXT:
        raise invalid("components.max_length", "NUMBER_TYPE_MAX", f"Must be at most {FORM_TEXT}")
    check_text(part.get("value") or "", "components.value", longest, 0)
    check_text(part.get("placeholder") or "", "components.placeholder", 100, 0)


def _check_file_upload(part: Json) -> None:
    least, most = part.get("min_values"), part.get("max_values")
    if not 0 <= (1 if least is None else least) <= FILES or not 1 <= (1 if most is None else most) <= FILES:
        raise invalid("components.max_values", "NUMBER_TYPE_MAX", "int value should be less than or equal to 10.")


def check_modal(modal: Json) -> None:
    """A form: up to five labels with a component each, or texts; an action row may hold a text input, as of old."""
    check_text(modal.get("custom_id"), "data.custom_id", 100)
    check_text(modal.get("title"), "data.title", 45)
    top = check_list(modal.get("components"), "data.components", FORM_PARTS, 1)
    for at, part in enumerate(top):
        here = f"data.components.{at}"
        inside = [part.get("component")] if part["type"] == LABEL else part.get("components", [])
        fitting = {LABEL: (TEXT_INPUT, *SELECTS, FILE_UPLOAD, RADIO_GROUP), 1: (TEXT_INPUT,), TEXT_DISPLAY: ()}
        if part["type"] not in fitting or any(inner["type"] not in fitting[part["type"]] for inner in inside):
            raise invalid(f"{here}.type", "UNION_TYPE_CHOICES", "Not a component of a modal")
        if part["type"] == LABEL:
            check_text(part.get("label"), f"{here}.label", 45)
            check_text(part.get("description") or "", f"{here}.description", 100, 0)
            if part["component"].get("disabled") or part["component"].get("label"):
                raise invalid(f"{here}.component", "MODEL_TYPE_CONVERT", "No `disabled`, and no label of its own")
    for part in parts(top):
        _check_component(part)
    check_unique(
        (part["custom_id"] for part in parts(top) if part.get("custom_id")), "data", "COMPONENT_CUSTOM_ID_DUPLICATED"
    )


def check_choices(choices: Any) -> None:
    """The answer to an autocomplete."""
    for at, choice in enumerate(check_list(choices, "data.choices", CHOICES)):
        check_text(choice.get("name"), f"data.choices.{at}.name", 100)
        if isinstance(choice.get("value"), str):
            check_text(choice["value"], f"data.choices.{at}.value", 100)
