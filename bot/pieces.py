"""The buttons on a piece. What one needs to know is in its custom_id, so it goes on working after a restart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot import replies

if TYPE_CHECKING:
    from bot.client import Nocturne


class CancelButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"cancel:(?P<job>[0-9]+)"):
    """Takes a job back while it waits or runs; only for the one who asked for it."""

    def __init__(self, job_id: str) -> None:
        style = discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label="Cancel", style=style, custom_id=f"cancel:{job_id}"))
        self.job_id = job_id

    @classmethod
    async def from_custom_id(cls, _: discord.Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(match["job"])

    async def callback(self, interaction: discord.Interaction[Nocturne]) -> None:  # type: ignore[override]
        try:
            deliveries = interaction.client.deliveries
            requester = deliveries.requester(self.job_id)
            if requester is None:
                await interaction.response.send_message(replies.OVER_ALREADY, ephemeral=True)
            elif requester != interaction.user.id:
                await interaction.response.send_message(replies.NOT_YOURS, ephemeral=True)
            else:
                await interaction.response.defer()
                await deliveries.cancel(self.job_id)  # the answer says so as soon as the queue does
        except Exception as error:
            await interaction.client.tree.on_error(interaction, error)


def cancel_view(job_id: str) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(CancelButton(job_id))
    return view
