"""Deleting pieces with the message that shows them: who may, and how much goes. The buttons are in pieces.py and
takes.py."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import discord

from bot.language.i18n import say
from bot.services import Interaction
from bot.store.piece_table import Stored
from bot.store.pieces import GONE
from core.errors import BadRequest
from core.text import Text

NOT_YOURS_TO_DELETE = Text("Only the person who asked for this piece, or who may manage messages here, can delete it.")
MESSAGE_REMOVED = Text(
    "This message is removed. The piece was made elsewhere, so only the person who asked for it can delete the rest."
)


async def delete(interaction: Interaction, pieces: Sequence[Stored]) -> None:
    """Remove the message under which the button was pressed, and rows and files of its pieces, which were made
    together. Whoever manages messages manages those of one server: of pieces that were made elsewhere they remove the
    message alone."""
    check_deletion(interaction, pieces[0])
    await interaction.response.defer()
    everything = interaction.user.id == pieces[0].user_id or pieces[0].guild_id == interaction.guild_id
    for stored in pieces if everything else ():
        await interaction.client.services.library.remove(stored.id)
    await _remove_message(interaction)
    if not everything:
        await interaction.followup.send(say(MESSAGE_REMOVED), ephemeral=True)


def check_deletion(interaction: Interaction, stored: Stored) -> None:
    """Raises BadRequest for somebody who may not delete the piece, nor this message of it."""
    if interaction.user.id != stored.user_id and not _manages_messages(interaction):
        raise BadRequest(NOT_YOURS_TO_DELETE)


async def delete_remains(interaction: Interaction) -> None:
    """Remove the message of a piece that is gone, for whoever asked for that message or manages messages. Raises
    BadRequest for others."""
    if not _asked_for_message(interaction) and not _manages_messages(interaction):
        raise BadRequest(GONE)
    await interaction.response.defer()
    await _remove_message(interaction)


def _asked_for_message(interaction: Interaction) -> bool:
    """Whether the message answers an interaction of theirs, or mentions them, as one that took long does."""
    message = interaction.message
    if message is None:
        return False
    asked = message.interaction_metadata
    return asked.user == interaction.user if asked else interaction.user.id in message.raw_mentions


def _manages_messages(interaction: Interaction) -> bool:
    return interaction.guild_id is not None and interaction.permissions.manage_messages


async def _remove_message(interaction: Interaction) -> None:
    with suppress(discord.NotFound):  # deleted twice, the message is gone already
        await interaction.delete_original_response()
