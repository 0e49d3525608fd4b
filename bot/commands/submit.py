"""Submitting: from an interaction that asks for a piece to a pending reply."""

from __future__ import annotations

import asyncio
import time

import discord

from bot.commands.options import Submission
from bot.delivery.retry import ACKNOWLEDGED_ALREADY, DISCORD_UNREACHABLE, Retry
from bot.services import Interaction
from bot.store.database import STORE_UNREACHABLE
from bot.store.pending_reply import FRESH, Destination, PendingReply, Source
from bot.store.pieces import Stored
from bot.store.server_rules import Rules
from core.errors import BadRequest, StoreError


async def acknowledge(interaction: Interaction, private: bool) -> None:
    """Tell Discord that a reply will follow, as a message of its own. When only Discord's receipt was lost, another
    attempt fails, and all is well."""
    retry = Retry(DISCORD_UNREACHABLE, interaction.client.services.deliveries.timing.acknowledge_delays)
    try:
        await retry(interaction.response.defer, ephemeral=private, thinking=True)
    except discord.HTTPException as error:
        if error.code != ACKNOWLEDGED_ALREADY:
            raise


async def admit(interaction: Interaction) -> Rules:
    """Let somebody ask for a piece here and now; returns the rules that hold here. Raises BadRequest, QueueError and
    StoreError where they may not."""
    services, user_id, guild_id = interaction.client.services, interaction.user.id, interaction.guild_id
    try:
        async with asyncio.timeout(services.deliveries.timing.admit):
            await asyncio.to_thread(services.library.disk.check)
            await services.deliveries.admission.check(user_id)
            rules = await services.rules.get(guild_id)
            rules.allow_channel(interaction.channel_id, getattr(interaction.channel, "parent_id", None))
            await services.rules.allow_today(rules, guild_id, user_id)
    except TimeoutError:
        raise StoreError(STORE_UNREACHABLE) from None
    return rules


async def submit(
    interaction: Interaction,
    submission: Submission,
    rules: Rules,
    source: Source = FRESH,
    parent: str = "",
    aside: bool = False,
) -> None:
    """Accept a submission under these rules. `parent` is the id of the stored piece that it continues; `aside`: only
    the one who asks sees the progress. Raises BadRequest, TooManyJobs, QueueFull and StoreError."""
    rules.allow_length(submission.request.length)
    destination = destination_of(interaction, private=submission.private or rules.private)
    pending = PendingReply(str(interaction.id), submission.request, destination, source, submission.rendering, parent)
    await interaction.client.services.deliveries.accept(
        pending, lambda: acknowledge(interaction, aside or destination.private), rules
    )


def destination_of(interaction: Interaction, private: bool) -> Destination:
    """The destination of the reply to an interaction."""
    return Destination(
        user_id=interaction.user.id,
        channel_id=interaction.channel_id,
        application_id=interaction.application_id,
        token=interaction.token,
        private=private,
        size_limit=interaction.filesize_limit,
        reachable=interaction.is_guild_integration() or interaction.context.dm_channel is True,
        accepted_at=time.time(),
        guild_id=interaction.guild_id,
        locale=str(interaction.locale),
    )


async def find_piece(interaction: Interaction, piece_id: str) -> Stored:
    """A stored piece. Raises BadRequest when it is gone, or private and another's."""
    stored = await interaction.client.services.library.get(piece_id)
    if stored.private and stored.user_id != interaction.user.id:
        raise BadRequest("this piece is private, and not yours")
    return stored
