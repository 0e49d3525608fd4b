"""From an interaction that asks for a piece to what it is owed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import discord

from bot.answers import Answer
from bot.options import Wish
from bot.patience import UNREACHABLE, patiently

if TYPE_CHECKING:
    from bot.client import Nocturne

ACKNOWLEDGE_PATIENCE = (0.2, 0.4)
"""Discord gives 3 s in all."""
_ACKNOWLEDGED_ALREADY = 40060


async def acknowledge(interaction: discord.Interaction[Nocturne], private: bool) -> None:
    """Say that an answer will follow, as a message of its own. When only Discord's receipt was lost, saying it again
    fails, and all is well."""
    defer = interaction.response.defer
    try:
        await patiently(lambda: defer(ephemeral=private, thinking=True), UNREACHABLE, ACKNOWLEDGE_PATIENCE)
    except discord.HTTPException as error:
        if error.code != _ACKNOWLEDGED_ALREADY:
            raise


def answer_of(interaction: discord.Interaction[Nocturne], wish: Wish, remark: str = "") -> Answer:
    return Answer(
        job_id=str(interaction.id),
        request=wish.request,
        user_id=interaction.user.id,
        channel_id=interaction.channel_id,
        application_id=interaction.application_id,
        token=interaction.token,
        private=wish.private,
        size_limit=interaction.filesize_limit,
        reachable=interaction.is_guild_integration() or interaction.context.dm_channel is True,
        accepted_at=time.time(),
        rendering=wish.rendering,
        remark=remark,
    )
