"""/queue, /cancel and the Cancel button: unfinished pieces, and how they are cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands

from bot.commands.components import PersistentItem
from bot.commands.submit import in_time
from bot.commands.suggestions import MAX_SUGGESTION, MAX_SUGGESTIONS, is_part
from bot.delivery.takes import together
from bot.language import recipes, replies
from bot.language.i18n import say, say_some
from bot.language.sentences import in_a_row
from bot.language.translator import described, named
from bot.language.words import brief
from bot.services import Interaction, Services
from bot.store.pending_reply import PendingReply
from core.queue.jobs import Job, JobState
from core.text import Text

OVER_ALREADY = Text("This piece is already finished or cancelled.")
NOT_YOURS_TO_CANCEL = Text("Only the person who asked for this piece can cancel it.")


@app_commands.command(name=named("queue"), description=described("How many pieces wait, and how far yours are"))
async def queue(interaction: Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    services = interaction.client.services
    waiting = len((await services.queue.snapshot()).waiting)
    theirs = [await _standing(services, pending) for pending in services.deliveries.of(interaction.user.id)]
    absence = services.deliveries.estimates.workers.absence
    notes = [say(absence)] if absence else []
    await interaction.edit_original_response(content="\n\n".join([in_the_making(waiting, theirs), *notes]))


async def _standing(services: Services, pending: PendingReply) -> str:
    """The standing of a piece: being read, in the queue or in the making."""
    jobs = [(job_id, await services.queue.standing(job_id)) for job_id in pending.job_ids]
    if pending.unread and not any(job for _, job in jobs):
        return replies.unread(pending)
    job = together([job or Job(job_id, JobState.QUEUED) for job_id, job in jobs])  # one is perhaps just being put
    wait, reached = services.deliveries.estimates.wait(job.id), services.deliveries.reached(pending)
    return replies.progress(job, pending, wait, reached)


@app_commands.command(
    name=named("cancel"), description=described("Cancel a piece of yours that is not finished, or all of them")
)
@app_commands.describe(piece=described("which one (default: all that are not finished)"))
async def cancel(interaction: Interaction, piece: str | None = None) -> None:
    await interaction.response.defer(ephemeral=True)
    deliveries = interaction.client.services.deliveries
    theirs = deliveries.of(interaction.user.id)
    meant = [pending for pending in theirs if piece in (None, pending.job_id, _name(pending), _command(pending))]
    for pending in meant:
        await deliveries.cancel(pending.job_id)  # each reply says so itself, as soon as the queue does
    pieces = sum(pending.pieces for pending in meant)
    await interaction.edit_original_response(content=taken_back(pieces, named=piece is not None))


@cancel.autocomplete("piece")
async def suggest_piece(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    theirs = interaction.client.services.deliveries.of(interaction.user.id)
    fitting = [pending for pending in theirs if is_part(typed, _name(pending), _command(pending))]
    return [app_commands.Choice(name=_name(pending), value=pending.job_id) for pending in fitting[:MAX_SUGGESTIONS]]


def _name(pending: PendingReply) -> str:
    """The piece as /queue and its own message tell it."""
    return brief(replies.summary(pending), MAX_SUGGESTION)


def _command(pending: PendingReply) -> str:
    """The command that asks for the piece, without its slash: it tells pieces apart that differ in another option."""
    typed = recipes.command(pending.request, pending.rendering, pending.takes, pending.unread_task)
    return typed.removeprefix("/")


def in_the_making(waiting: int, theirs: Sequence[str]) -> str:
    """The number of pieces that wait, and the progress of those of the one who asks."""
    if waiting:
        busy = say_some(
            "{count} piece waits for a place at the piano.", "{count} pieces wait for a place at the piano.", waiting
        )
    else:
        busy = say("Nobody is waiting.")
    return "\n\n".join([busy, *theirs]) if theirs else in_a_row(busy, say("None of yours is in progress."))


def taken_back(pieces: int, named: bool) -> str:
    """The sentence on how many pieces were cancelled; `named` where one was asked for by its name."""
    if pieces:
        return say_some("Cancelled: {count} piece of yours.", "Cancelled: {count} pieces of yours.", pieces)
    return say(OVER_ALREADY) if named else say("You have no piece in progress.")


class CancelButton(
    PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"cancel:(?P<job_id>[0-9]{1,20})"
):
    """Cancels a job that waits or runs; only for the one who asked for it."""

    def __init__(self, job_id: str) -> None:
        style = discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=say("Cancel"), style=style, custom_id=f"cancel:{job_id}"))
        self.job_id = job_id

    async def respond(self, interaction: Interaction) -> None:
        deliveries = interaction.client.services.deliveries
        async with in_time(interaction):
            requester = await deliveries.requester(self.job_id)
        if requester is None:
            await interaction.response.send_message(say(OVER_ALREADY), ephemeral=True)
        elif requester != interaction.user.id:
            await interaction.response.send_message(say(NOT_YOURS_TO_CANCEL), ephemeral=True)
        else:
            await interaction.response.defer()
            await deliveries.cancel(self.job_id)  # the reply says so as soon as the queue does


def cancel_view(job_id: str) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(CancelButton(job_id))
    return view
