"""Slash commands have the options that are declared for them."""

import discord
import pytest
from discord import app_commands

from bot.commands.compose import compose
from bot.commands.continue_ import continue_

CUT = ("from", "keep")
SAID = ("key", "pace", "dynamics", "mood")
TAKES = ("take", "takes")
RENDERED = ("instrument", "tempo", "transpose", "audio")
PLAYED = (*RENDERED, "only_new", "crop")


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (
            compose,
            ["seed", "length", "style", *SAID, "temperature", "top_p", *TAKES, "model", *RENDERED, "crop", "private"],
        ),
        (
            continue_,
            ["file", "piece", "length", *CUT, "style", *SAID, "temperature", "top_p", *TAKES, *PLAYED, "private"],
        ),
    ],
    ids=["compose", "continue"],
)
def test_commands_have_their_options(command: app_commands.Command, names: list[str]):
    """In one order, and only the seed has to be filled: a piece is continued in place of a file."""
    assert [parameter.display_name for parameter in command.parameters] == names
    assert [parameter.display_name for parameter in command.parameters if parameter.required] == [
        name for name in names if name == "seed"
    ]


def test_discord_knows_the_bounds_of_an_option():
    """So its clients refuse what is out of range before it is sent."""
    options = {parameter.display_name: parameter for parameter in compose.parameters}
    assert (options["length"].min_value, options["length"].max_value) == (25, 3000)
    assert (options["top_p"].min_value, options["top_p"].max_value) == (0.1, 1.0)
    assert [choice.value for choice in options["audio"].choices] == ["mp3", "wav", "flac"]
    assert options["style"].autocomplete
    assert options["private"].type is discord.AppCommandOptionType.boolean
