"""/queue and /cancel: what is in the making, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.commands.options import MAX_SUGGESTION, MAX_SUGGESTIONS
from bot.language import replies
from bot.language.i18n import described, named
from bot.store.pending_replies import Answer

if TYPE_CHECKING:
    from bot.client import Nocturne


@app_commands.command(
    name=named("queue"), description=described("What waits, what is being made, and where your pieces are")
)
async def queue(interaction: discord.Interaction[Nocturne]) -> None:
    await interaction.response.defer(ephemeral=True)
    client = interaction.client
    waiting = len((await client.queue.snapshot()).waiting)
    theirs = [
        replies.progress(job, answer.request, client.deliveries.estimates.wait(answer.job_id), answer.parent)
        for answer in client.deliveries.of(interaction.user.id)
        if (job := await client.queue.job(answer.job_id))
    ]
    await interaction.edit_original_response(content=replies.in_the_making(waiting, theirs))


@app_commands.command(
    name=named("cancel"), description=described("Take back a piece of yours that is not finished, or all of them")
)
@app_commands.describe(piece=described("which one; all that are not finished if left out"))
async def cancel(interaction: discord.Interaction[Nocturne], piece: str | None = None) -> None:
    await interaction.response.defer(ephemeral=True)
    deliveries = interaction.client.deliveries
    meant = [answer for answer in deliveries.of(interaction.user.id) if piece in (None, answer.job_id, _name(answer))]
    for answer in meant:
        await deliveries.cancel(answer.job_id)  # each answer says so itself, as soon as the queue does
    await interaction.edit_original_response(content=replies.taken_back(len(meant), named=piece is not None))


@cancel.autocomplete("piece")
async def suggest_piece(interaction: discord.Interaction[Nocturne], typed: str) -> list[app_commands.Choice[str]]:
    theirs = interaction.client.deliveries.of(interaction.user.id)
    fitting = [answer for answer in theirs if typed.strip().casefold() in _name(answer).casefold()]
    return [app_commands.Choice(name=_name(answer), value=answer.job_id) for answer in fitting[:MAX_SUGGESTIONS]]


def _name(answer: Answer) -> str:
    """What has to be typed for it, without the command."""
    return replies.command(answer.request, answer.rendering).removeprefix("/")[:MAX_SUGGESTION]
