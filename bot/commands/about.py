"""/about: who composes here, from what, under which licence, and how busy it is."""

from __future__ import annotations

import json
import logging
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Self

import aiofiles
import discord
from discord import app_commands

from bot.language.i18n import described, named, say, say_some
from bot.language.replies import COLOUR
from core.errors import QueueError
from core.models import MODELS

if TYPE_CHECKING:
    from bot.client import Nocturne

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Card:
    """What people should know about a checkpoint, from its config."""

    name: str
    parameters: int | None = None
    data: str = ""
    licence: str = ""
    styles: tuple[str, ...] = ()

    @classmethod
    async def read(cls, folder: Path) -> Self:
        """The card of `folder / config.json`; where that says nothing, the name is the folder's."""
        try:
            async with aiofiles.open(folder / "config.json", encoding="utf-8") as file:
                config = json.loads(await file.read())
            return cls(
                name=str(config.get("name") or folder.name),
                parameters=config.get("parameters"),
                data=str(config.get("data", "")),
                licence=str(config.get("licence", "")),
                styles=tuple(map(str, config.get("architecture", {}).get("styles", ()))),
            )
        except (OSError, ValueError, AttributeError, TypeError) as error:
            _log.warning("the model card of '%s' cannot be read: %s", folder.name, error)
            return cls(folder.name)


async def read_cards(checkpoints: Path, preset: str) -> list[Card]:
    return [await Card.read(model.folder(checkpoints, preset)) for model in MODELS.values()]


@app_commands.command(
    name=named("about"), description=described("Who composes here, from what it learnt, and how busy it is")
)
async def about(interaction: discord.Interaction[Nocturne]) -> None:
    await interaction.response.defer(ephemeral=True)
    client = interaction.client
    try:
        waiting = len((await client.queue.snapshot()).waiting)
    except QueueError:
        queue = say("cannot be reached at the moment")
    else:
        queue = say_some("{count} waiting", "{count} waiting", waiting) if waiting else say("nobody is waiting")
    embed = describe(client.cards, queue, client.started_at)
    await interaction.edit_original_response(embed=embed)


def describe(cards: list[Card], queue: str, started_at: float) -> discord.Embed:
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
        size = say("{millions:.1f} million parameters", millions=card.parameters / 1e6) if card.parameters else ""
        lines = (size, say("Learnt from {data}", data=card.data) if card.data else "", _licence(card.licence))
        embed.add_field(
            name=say("Model: {name}", name=card.name), value="\n".join(filter(None, lines))[:1024], inline=False
        )
    embed.add_field(name=say("Queue"), value=queue)
    embed.add_field(name=say("Started"), value=f"<t:{started_at:.0f}:R>")
    embed.set_footer(
        text=f"Nocturne {_version()} · discord.py {discord.__version__} · Python {platform.python_version()}"
    )
    return embed


def _licence(licence: str) -> str:
    """NC stands for non-commercial, and not everybody knows."""
    if not licence:
        return say("Its weights are for non-commercial use")
    if "non-commercial" in licence.lower():
        return say("Weights: {licence}", licence=licence)
    return say("Weights: {licence}, for non-commercial use", licence=licence)


def _version() -> str:
    try:
        return version("nocturne")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "(not installed)"
