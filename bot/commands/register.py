"""The table of everything that a listener can type or press, and its registration with the client."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from bot.commands.about import about
from bot.commands.arrange import ArrangeSelect, CropButton, CropForm, NewPartButton, PlayButton
from bot.commands.compose import compose
from bot.commands.continue_ import ContinueForm, continue_, continue_message
from bot.commands.defaults import DefaultSelect, defaults
from bot.commands.edit import EditForm
from bot.commands.forget import ForgetButton, forget
from bot.commands.forms import AgainButton, Form, read_form
from bot.commands.harmonize import harmonize, harmonize_message
from bot.commands.history import HistorySelect, PageButton, history
from bot.commands.perform import perform, perform_message
from bot.commands.pieces import PieceButton, piece, piece_view
from bot.commands.queue import CancelButton, cancel, cancel_view, queue
from bot.commands.server_settings import RULE_SELECTS, settings
from bot.commands.takes import DeleteAllButton, KeepButton, MoreButton, takes_view
from bot.commands.welcome import StartButton, greet, help_, panel
from bot.delivery.messenger import Views
from bot.services import ServiceClient

COMMANDS: tuple[app_commands.Command[Any, ..., Any] | app_commands.ContextMenu, ...] = (
    compose,
    continue_,
    continue_message,
    perform,
    perform_message,
    harmonize,
    harmonize_message,
    piece,
    history,
    defaults,
    forget,
    queue,
    cancel,
    settings,
    panel,
    about,
    help_,
)
"""In the order in which Discord lists them."""
COMPONENTS = (
    StartButton,
    CancelButton,
    PieceButton,
    KeepButton,
    MoreButton,
    DeleteAllButton,
    ArrangeSelect,
    PlayButton,
    CropButton,
    NewPartButton,
    PageButton,
    HistorySelect,
    ForgetButton,
    AgainButton,
    DefaultSelect,
    *RULE_SELECTS,
)
"""Buttons and selects; each is recognized by its custom_id, in messages of earlier runs too."""

FORMS: tuple[type[Form], ...] = (EditForm, ContinueForm, CropForm)
"""Forms that outlive a restart."""

VIEWS = Views(cancel_view, piece_view, takes_view)
"""Components of messages that the bot sends by itself, outside a command."""


def register(client: ServiceClient) -> None:
    """Let the client answer to all of them. Discord learns of the commands when the client starts."""
    for command in COMMANDS:
        client.tree.add_command(command)
    client.add_dynamic_items(*COMPONENTS)
    client.forms = {form.name: form for form in FORMS}

    async def on_guild_join(guild: discord.Guild) -> None:
        await greet(client, guild)

    # discord.py calls them by these names
    client.on_guild_join = on_guild_join  # type: ignore[attr-defined]
    client.on_interaction = read_form  # type: ignore[attr-defined]
