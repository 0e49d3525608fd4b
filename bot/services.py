"""The services that commands work with, and the client that carries them. Commands import these, never the client."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import discord
from discord import app_commands

from bot.delivery.deliveries import Deliveries
from bot.delivery.presses import Presses
from bot.delivery.uploads import UploadReader
from bot.model_cards import ModelCard
from bot.store.defaults import DefaultsBook
from bot.store.pieces import Library
from bot.store.server_rules import RuleBook
from bot.store.sweeper import Sweeper
from core.queue.client import JobQueue
from core.styles import listed

PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, embed_links=True, attach_files=True, send_voice_messages=True
)
"""Permissions that an invitation asks for, since a piece that comes very late has to be a message of its own."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything of the bot that outlives an interaction."""

    queue: JobQueue
    """Jobs of all bots."""
    library: Library
    """Pieces that were delivered."""
    sweeper: Sweeper
    """Removes those that were kept long enough."""
    rules: RuleBook
    """Rules of servers."""
    defaults: DefaultsBook
    """Listeners' own defaults."""
    deliveries: Deliveries
    """Interactions that were accepted and are not answered yet."""
    reader: UploadReader
    """Reads the MIDI files that listeners send."""
    cards: tuple[ModelCard, ...] = ()
    """Model cards of the checkpoints in use."""
    source_url: str | None = None
    """The address of the source code, which /about links to."""
    started_at: float = field(default_factory=time.time)
    """Seconds since 1970."""
    presses: Presses = field(default_factory=Presses)
    """Presses of the last moments."""

    @property
    def styles(self) -> list[str]:
        """Styles that the checkpoints know, each once, as they are listed."""
        return listed(style for card in self.cards for style in card.styles)


class ServiceClient(discord.AutoShardedClient):
    """A discord.py client that carries the services; they are set before it is started."""

    services: Services
    tree: app_commands.CommandTree[Any]
    forms: Mapping[str, Any] = MappingProxyType({})
    """Forms that listeners fill in, by the first word of their custom_ids."""
    synced: Sequence[app_commands.AppCommand] = ()
    """The commands as Discord has them, with their ids."""

    def mention(self, name: str) -> str:
        """The slash command as a listener can click it; only its name before Discord has told the ids."""
        ids = (command.mention for command in self.synced if command.name == name)
        return next(ids, f"`/{name}`")


Interaction: TypeAlias = discord.Interaction[ServiceClient]
