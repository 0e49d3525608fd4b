"""The services that commands work with, and the client that carries them. Commands import these, never the client."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import discord
from discord import app_commands

from bot.delivery.deliveries import Deliveries
from bot.delivery.uploads import UploadReader
from bot.model_cards import ModelCard
from bot.store.pieces import Library
from bot.store.server_rules import RuleBook
from core.queue.client import JobQueue


@dataclass(frozen=True, slots=True)
class Services:
    """Everything of the bot that outlives an interaction."""

    queue: JobQueue
    """Jobs of all bots."""
    library: Library
    """Pieces that were delivered."""
    rules: RuleBook
    """Rules of servers."""
    deliveries: Deliveries
    """Interactions that were accepted and are not answered yet."""
    reader: UploadReader
    """Reads the MIDI files that listeners send."""
    cards: tuple[ModelCard, ...] = ()
    """Model cards of the checkpoints in use."""
    started_at: float = field(default_factory=time.time)
    """Seconds since 1970."""

    @property
    def styles(self) -> list[str]:
        """Styles that the checkpoints know, each once."""
        return list(dict.fromkeys(style for card in self.cards for style in card.styles))


class ServiceClient(discord.AutoShardedClient):
    """A discord.py client that carries the services; they are set before it is started."""

    services: Services
    tree: app_commands.CommandTree[Any]


Interaction: TypeAlias = discord.Interaction[ServiceClient]
