"""From an interaction that asks for a piece to what it is owed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import discord

from bot.commands.options import Wish
from bot.delivery.retry import ACKNOWLEDGED_ALREADY, UNREACHABLE, patiently
from bot.language import replies
from bot.services import Interaction
from bot.store.database import STORE_UNREACHABLE
from bot.store.pending_replies import Answer
from bot.store.pieces import Stored
from bot.store.server_rules import Rules
from core.errors import BadRequest, StoreError

ACKNOWLEDGE_PATIENCE = (0.2, 0.4)
ADMIT_SECONDS = 1.5
"""Discord gives 3 s in all."""


async def acknowledge(interaction: Interaction, private: bool) -> None:
    """Say that an answer will follow, as a message of its own. When only Discord's receipt was lost, saying it again
    fails, and all is well."""
    defer = interaction.response.defer
    try:
        await patiently(lambda: defer(ephemeral=private, thinking=True), UNREACHABLE, ACKNOWLEDGE_PATIENCE)
    except discord.HTTPException as error:
        if error.code != ACKNOWLEDGED_ALREADY:
            raise


async def admitted(interaction: Interaction) -> Rules:
    """The rules that hold where somebody asks for a piece. Raises BadRequest or QueueError where, or when, they may
    not ask."""
    services, user_id, guild_id = interaction.client.services, interaction.user.id, interaction.guild_id
    services.deliveries.check(user_id)
    try:
        async with asyncio.timeout(ADMIT_SECONDS):
            await services.deliveries.make_sure_of_room()
            rules = await services.rules.get(guild_id)
            rules.allow_channel(interaction.channel_id, getattr(interaction.channel, "parent_id", None))
            services.deliveries.check(user_id, guild_id, rules.at_once)
            await services.rules.allow_today(rules, guild_id, user_id)
    except TimeoutError:
        raise StoreError(STORE_UNREACHABLE) from None
    return rules


async def ask(
    interaction: Interaction,
    wish: Wish,
    rules: Rules,
    **source: Any,
) -> None:
    """Take on what somebody wishes for, by the rules; `source` is what else an Answer says about where it is from.
    Raises BadRequest and QueueError."""
    rules.allow_length(wish.request.length)
    private = wish.private or rules.private
    answer = Answer(
        job_id=str(interaction.id),
        request=wish.request,
        user_id=interaction.user.id,
        channel_id=interaction.channel_id,
        application_id=interaction.application_id,
        token=interaction.token,
        private=private,
        size_limit=interaction.filesize_limit,
        reachable=interaction.is_guild_integration() or interaction.context.dm_channel is True,
        accepted_at=time.time(),
        rendering=wish.rendering,
        guild_id=interaction.guild_id,
        locale=str(interaction.locale),
        **source,
    )
    await interaction.client.services.deliveries.accept(answer, lambda: acknowledge(interaction, private))


async def looked_up(interaction: Interaction, piece_id: str) -> Stored:
    """A stored piece. Raises BadRequest when it is gone, or private and another's."""
    stored = await interaction.client.services.library.get(piece_id)
    if stored.private and stored.user_id != interaction.user.id:
        raise BadRequest(replies.PRIVATE)
    return stored
