"""What every button and select has in common: it says what it means in its custom_id, so it goes on working after a
restart, and whatever fails is answered."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.language.i18n import speak
from bot.services import Interaction


class Pressing:
    """For a DynamicItem, whose arguments are the groups of its template."""

    @classmethod
    async def from_custom_id(cls, _: discord.Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(**match.groupdict())

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        speak(interaction.locale)
        try:
            await self.pressed(interaction)
        except Exception as error:
            await interaction.client.tree.on_error(interaction, error)

    async def pressed(self, interaction: Interaction) -> None:
        """Do what it is there for. What this raises is said to the one who pressed."""
        raise NotImplementedError
