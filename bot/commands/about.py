"""/about: the models, their data and licences, the state of the queue, and versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import discord
from discord import app_commands

from bot.language.i18n import rounded_number, say, say_some
from bot.language.recipes import longest_passage
from bot.language.replies import COLOUR
from bot.language.translator import described, named
from bot.model_cards import ModelCard
from bot.services import PERMISSIONS, Interaction, ServiceClient
from core.errors import QueueError
from core.text import Text
from core.version import version


@app_commands.command(name=named("about"), description=described("Who I am, what I learnt from, and how busy I am"))
async def about(interaction: Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    services = interaction.client.services
    try:
        waiting = len((await services.queue.snapshot()).waiting)
    except QueueError:
        queue = say("cannot be reached at the moment")
    else:
        queue = say_some("{count} waiting", "{count} waiting", waiting) if waiting else say("nobody is waiting")
    embed = describe(services.cards, queue, services.started_at)
    await interaction.edit_original_response(embed=embed, view=_links(interaction.client))


def _links(client: ServiceClient) -> discord.ui.View:
    """Links to the bot's invitation, and to its source where its owner names one."""
    view = discord.ui.View(timeout=None)
    invitation = discord.utils.oauth_url(client.application_id or 0, permissions=PERMISSIONS)
    view.add_item(discord.ui.Button(label=say("Add me to a server"), url=invitation))
    if source := client.services.source_url:
        view.add_item(discord.ui.Button(label=say("Source code"), url=source))
    return view


def describe(cards: Sequence[ModelCard], queue: str, started_at: float) -> discord.Embed:
    """`started_at` is in seconds since 1970."""
    embed = discord.Embed(
        title="Nocturne",
        description=say(
            "I compose piano pieces: give me a note or two with `/compose`, or nothing at all with `/compose random`,"
            " and you get a recording, the notes as MIDI and a picture of them."
        ),
        colour=COLOUR,
    )
    for card in cards:
        size = say("{count} parameters", count=rounded_number(card.parameters)) if card.parameters else ""
        learnt = say("Learnt from {data}", data=Text(card.data)) if card.data else ""
        copies = longest_passage(card.longest_passage) if card.longest_passage is not None else ""
        lines = (size, learnt, copies, _licence(card.licence))
        embed.add_field(
            name=say("Model: {name}", name=card.name), value="\n".join(filter(None, lines))[:1024], inline=False
        )
    embed.add_field(name=say("Queue"), value=queue)
    embed.add_field(name=say("Started"), value=f"<t:{started_at:.0f}:R>")
    embed.set_footer(
        text=f"Nocturne {version()} · discord.py {discord.__version__} · Python {platform.python_version()}"
    )
    return embed


def _licence(licence: str) -> str:
    """The licence of a model's weights. NC stands for non-commercial, and not everybody knows."""
    if not licence:
        return say("Its weights are for non-commercial use")
    if "non-commercial" in licence.lower():
        return say("Weights: {licence}", licence=licence)
    return say("Weights: {licence}, for non-commercial use", licence=licence)
