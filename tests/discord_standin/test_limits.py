"""limits.py: messages, commands and forms at Discord's limits and beyond them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.discord_standin.command_limits import check_commands
from tests.discord_standin.limits import check_choices, check_message, check_modal, check_voice_message
from tests.discord_standin.refusals import Refused


def labelled(**component: object) -> dict[str, object]:
    return {"type": 18, "label": "Label", "component": {"custom_id": "part"} | component}


@pytest.mark.parametrize(
    "part",
    [
        {"type": 4, "custom_id": "part"},
        labelled(type=2, style=1, label="A button"),
        labelled(type=4, label="Has a label already"),
        labelled(type=4, value="too long", max_length=3),
        labelled(type=21, options=[{"label": "one", "value": "1"}]),
        labelled(type=3, options=[{"label": "twice", "value": "1"}] * 2),
        labelled(type=3, options=[{"label": "one", "value": "1"}], disabled=True),
        labelled(type=19, max_values=11),
        labelled(type=19, required=True, min_values=0),
        labelled(type=4) | {"label": "a" * 46},
        labelled(type=4) | {"description": "a" * 101},
    ],
)
def test_forms_that_discord_refuses(part: dict[str, object]):
    """A component without a label, one that no form has, and what is too long or too much."""
    check_modal({"custom_id": "form", "title": "Form", "components": [labelled(type=4)]})
    with pytest.raises(Refused):
        check_modal({"custom_id": "form", "title": "Form", "components": [part]})


def button(**changes: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Cancel", "custom_id": "cancel"} | changes


def row(*components: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(components)}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"content": "x" * 2001}, "content"),
        ({"embeds": [{"title": "x"}] * 11}, "embeds"),
        ({"embeds": [{"title": "x" * 257}]}, "title"),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, "embeds"),
        ({"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}, "fields"),
        ({"embeds": [{"fields": [{"name": "n", "value": ""}]}]}, "value"),
        ({"components": [row(button())] * 6}, "components"),
        ({"components": [row(*(button(custom_id=str(n)) for n in range(6)))]}, "components"),
        ({"components": [row(button(label="x" * 81))]}, "label"),
        ({"components": [row(button(custom_id="x" * 101))]}, "custom_id"),
        ({"components": [row(button(), button())]}, "components"),
        ({"components": [button()]}, "type"),
        ({"allowed_mentions": {"parse": ["users"], "users": ["1"]}}, "users"),
        ({"nonce": "x" * 26}, "nonce"),
    ],
)
def test_messages_beyond_the_limits(body: dict[str, Any], field: str):
    """A message that is too long, too wide or ambiguous is refused with 50035, which names the field."""
    with pytest.raises(Refused) as refused:
        check_message(body)
    assert refused.value.code == 50035
    assert f"'{field}': {{'_errors'" in str(refused.value)


def test_a_message_at_the_limits():
    """All at once, up to the last character, is taken."""
    buttons = [row(*(button(custom_id=f"{r}{n}", label="x" * 80) for n in range(5))) for r in range(5)]
    embeds = [{"title": "x" * 256, "description": "x" * 344}] * 10
    check_message({"content": "x" * 2000, "embeds": embeds, "components": buttons, "nonce": "x" * 25})


def command(**changes: Any) -> dict[str, Any]:
    return {"type": 1, "name": "compose", "description": "Compose"} | changes


def option(name: str = "seed", **changes: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "What it begins with"} | changes


@pytest.mark.parametrize(
    "commands",
    [
        [command(name="Compose")],
        [command(name="com pose")],
        [command(name="x" * 33)],
        [command(description="")],
        [command(description="x" * 101)],
        [command(), command()],
        [command(contexts=[0, 0])],
        [command(integration_types=[2])],
        [command(options=[option(str(n)) for n in range(26)])],
        [command(options=[option(), option()])],
        [command(options=[option("a"), option("b", required=True)])],
        [command(options=[option("a", type=1), option("b")])],
        [command(options=[option(choices=[{"name": "a", "value": "a"}], autocomplete=True)])],
        [command(options=[option(choices=[{"name": str(n), "value": "a"} for n in range(26)])])],
        [command(options=[option(type=4, choices=[{"name": "a", "value": "a"}])])],
        [command(options=[option(type=4, min_value=0.5)])],
        [command(options=[option(max_length=6001)])],
        [command(options=[option(str(n), choices=many) for n in range(4)])]
        if (many := [{"name": f"{n:0100}", "value": f"{n:0100}"} for n in range(10)])
        else [],
    ],
)
def test_commands_beyond_the_limits(commands: list[dict[str, Any]]):
    """A registration that Discord would not take is refused as a whole."""
    with pytest.raises(Refused):
        check_commands(commands, in_guild=False)


def test_suggestions_beyond_the_limits():
    """At most 25 suggestions of at most 100 characters."""
    check_choices([{"name": "x" * 100, "value": "x" * 100}] * 25)
    for choices in (
        [{"name": "a", "value": "a"}] * 26,
        [{"name": "x" * 101, "value": "a"}],
        [{"name": "", "value": "a"}],
    ):
        with pytest.raises(Refused):
            check_choices(choices)


@pytest.mark.parametrize(
    ("body", "content_types", "code"),
    [
        ({"content": "hello"}, ["audio/ogg"], 50159),
        ({"components": [{"type": 1}]}, ["audio/ogg"], 50159),
        ({}, [], 50160),
        ({}, ["audio/ogg", "audio/ogg"], 50160),
        ({}, ["application/octet-stream"], 50160),
        ({"attachments": [{"id": "0", "waveform": "AAAA"}]}, ["audio/ogg"], 50161),
        ({"attachments": [{"id": "0", "duration_secs": 3.0}]}, ["audio/ogg"], 50161),
        ({"attachments": [{"id": "0", "duration_secs": 3.0, "waveform": "A" * 344}]}, ["audio/ogg"], 50161),
    ],
)
def test_a_voice_message_is_a_sound_and_nothing_else(body: dict[str, Any], content_types: list[str], code: int):
    """Discord's own error codes: for other content, for files, and for what a recording has to say about itself."""
    with pytest.raises(Refused) as refusal:
        check_voice_message(body, content_types)
    assert refusal.value.code == code


def test_a_voice_message_is_taken():
    """With 256 points, the most there may be."""
    waveform = "A" * 340 + "AA=="  # 256 bytes
    body = {"attachments": [{"id": "0", "duration_secs": 3.0, "waveform": waveform}]}
    check_voice_message(body, ["audio/ogg"])


def test_a_description_has_a_limit():
    """A file's has 1,024 characters at most."""
    check_message({"attachments": [{"id": "0", "description": "x" * 1024}]})
    with pytest.raises(Refused, match="attachments"):
        check_message({"attachments": [{"id": "0", "description": "x" * 1025}]})
