"""The base of every button and select: its custom_id says all that it needs, so it works after a restart too, and every
failure is answered."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.language.i18n import speak
from bot.services import Interaction

MAX_SELECT_OPTIONS = 25
"""Options of a select that Discord allows."""


class PersistentItem:
    """Mixin of a DynamicItem whose constructor takes the groups of its template."""

    acts_once = False
    """Whether another press by the same listener within moments is the same wish, and has no answer of its own."""

    @classmethod
    async def from_custom_id(cls, _: discord.Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(**match.groupdict())

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        speak(interaction.locale)
        presses = interaction.client.services.presses
        try:
            if self.acts_once and presses.repeats(interaction):
                await interaction.response.defer()
            else:
                await self.respond(interaction)
        except Exception as error:
            presses.forget(interaction)
            await interaction.client.tree.on_error(interaction, error)

    async def respond(self, interaction: Interaction) -> None:
        """Answer the press, or the choice. An error raised here is said to the one who pressed."""
        raise NotImplementedError
